#!/bin/sh
# Plays the incident for DRILL_SECONDS (300): kdevtmpfsi burns a core, and kinsing starts it again when it is killed. Both are
# copies of sh(1), started as the malware was, from /tmp and /var/tmp; they mine nothing and open no connection.
# Try `pkill -KILL kdevtmpfsi` on the host: it comes back.
set -eu
shell=$(readlink -f /bin/sh)
cp "$shell" /tmp/kdevtmpfsi
cp "$shell" /var/tmp/kinsing
code=0
# timeout(1) ends the whole process group.
timeout --kill-after=2 "${DRILL_SECONDS:-300}" /var/tmp/kinsing -c '
  while :; do
    /tmp/kdevtmpfsi -c "while :; do :; done" || :
    sleep 2
  done' || code=$?
rm -f /tmp/kdevtmpfsi /var/tmp/kinsing
[ "$code" = 124 ] && echo 'the drill is over'

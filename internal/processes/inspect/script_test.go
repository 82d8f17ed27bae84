package inspect

import (
	"strings"
	"testing"
)

func TestScripts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		exe, argv, want string
	}{
		{"/usr/bin/python3.11", "python3 /tmp/x.py -c 5", "/tmp/x.py"},
		{"/usr/bin/python3.11", "python3 -u -W ignore ../x.py", "/home/alice/x.py"},
		{"/usr/bin/python3.11", "python3 -c import_x /tmp/x.py", ""},
		{"/usr/bin/python3.11", "python3 -m http.server", ""},
		{"/usr/bin/python3.11", "python3 -", "/tmp/sh-thd.x"},
		{"/usr/bin/python3.11", "python3", "/tmp/sh-thd.x"},
		{"/usr/bin/python3.11", "python3 -u", "/tmp/sh-thd.x"},
		{"/usr/bin/python3.11", "python3 -m miner.core", "/home/alice/work/miner/core.py"},
		{"/usr/bin/python3.11", "python3 /proc/self/fd/4", "/memfd:s"},
		{"/usr/bin/python3.11", "python3 /dev/fd/5", ""},
		{"/usr/bin/python3.11", "python3 /dev/fd/6", ""},
		{"/usr/bin/python3.11", "python3 /dev/fd/../7", ""},
		{"/usr/bin/dash", "sh -s", "/tmp/sh-thd.x"},
		{"/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "ld-linux --library-path /tmp/lib --argv0 sshd /tmp/x -o y", "/tmp/x"},
		{"/usr/lib/ld-musl-x86_64.so.1", "ld --preload /tmp/a.so -- ../x", "/home/alice/x"},
		{"/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "ld-linux --list /tmp/x", ""},
		{"/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "ld-linux", ""},
		{"/usr/lib/jvm/bin/java", "java", ""},
		{"/usr/bin/perl", "perl -w /var/tmp/.x/y", "/var/tmp/.x/y"},
		{"/usr/bin/perl", "perl -e code /tmp/x", ""},
		{"/usr/bin/node", "node --max-old-space-size=100 /dev/shm/a.js", "/dev/shm/a.js"},
		{"/usr/bin/node", "node --eval code /tmp/x", ""},
		{"/usr/bin/bash", "bash -c ls /tmp/x", ""},
		{"/usr/bin/dash", "sh -x /tmp/x.sh", "/tmp/x.sh"},
		{"/usr/lib/jvm/bin/java", "java -Xmx1g -cp /opt/lib Main /tmp/x", ""},
		{"/usr/lib/jvm/bin/java", "java -Xmx1g -jar /tmp/x.jar", "/tmp/x.jar"},
		{"/usr/bin/bash", "bash /dev/fd/63", ""},
		{"/usr/bin/fish", "fish /tmp/x.fish", "/tmp/x.fish"},
		{"/usr/bin/vim", "vim /tmp/x.py", ""},
	} {
		got := Script(test.exe, strings.Fields(test.argv), Surroundings{
			Directory: func() string { return "/home/alice/work" },
			Descriptor: func(number string) string {
				return map[string]string{"0": "/tmp/sh-thd.x (deleted)", "4": "/memfd:s (deleted)", "5": "pipe:[77]", "6": "/dev/pts/3"}[number]
			},
			Exists: func(name string) bool { return name == "/home/alice/work/miner/core.py" },
		})
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.argv, got, test.want)
		}
	}
}

func TestEqualThreads(t *testing.T) {
	t.Parallel()
	before := map[int]float64{1: 0, 2: 10, 3: 20, 4: 5}
	if got := EqualThreads(before, map[int]float64{1: 0.1, 2: 19.5, 3: 29.3, 4: 14.6, 5: 10}, 10); got != 3 {
		t.Errorf("miner: %d, want 3", got)
	}
	if got := EqualThreads(before, map[int]float64{1: 9.5, 2: 14, 3: 21, 4: 5}, 10); got != 0 {
		t.Errorf("unequal threads: %d, want 0", got)
	}
	if got := EqualThreads(nil, before, 10); got != 0 {
		t.Errorf("first look: %d", got)
	}
}

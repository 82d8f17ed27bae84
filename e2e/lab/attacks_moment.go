package main

import (
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// momentAttacks run in processes that have ended before a regular sample sees them.
func momentAttacks(n *names) []scenario {
	known, random, renewed := n.temp("*/kdevtmpfsi"), n.temp("*"), n.temp("*")
	again := func(name, technique string, needs evidence, path, line string, work task.Task) scenario {
		return scenario{
			name: name, technique: technique, expect: critical, needs: needs, paths: n.tops(path),
			play: func(s *session) {
				s.place(path)
				s.launch(order{
					argv:        []string{"sh", "-c", line},
					environment: []string{s.assign(work)},
				})
			},
		}
	}
	first := again("known miner for 0.2 s every 10 s, in /tmp", "T1496.001", instant, known,
		"while :; do "+known+"; sleep 10; done", task.Task{Threads: 1, Limit: 200 * time.Millisecond})
	first.short = true
	return []scenario{
		first,
		again("random name for 0.05 s every 8 s, in /tmp", "T1059.004", history, random,
			"while :; do "+random+"; sleep 8; done", task.Task{Threads: 1, Limit: 50 * time.Millisecond}),
		again("random name for 0.3 s every 8 s, which deletes its file", "T1070.004", history, renewed,
			"cp "+renewed+" "+renewed+".new; while :; do cp "+renewed+".new "+renewed+"; "+renewed+"; sleep 8; done",
			task.Task{Threads: 1, Limit: 300 * time.Millisecond, Delete: true}),
	}
}

// benignMoments try programs out that live for a moment, in temporary directories.
func benignMoments(n *names) []scenario {
	configure, goTest, packages := n.temp("*"), n.home("*"), n.temp("*")
	return []scenario{
		{
			name: "configure tries out programs in /tmp", technique: "T1059.004", benign: true, cores: 1, programs: []string{"gcc"},
			paths: n.tops(configure),
			play: func(s *session) {
				s.directory(configure)
				s.launch(order{directory: configure, argv: []string{"sh", "-c", "i=0; while :; do i=$((i+1)); " +
					"echo \"int main(void) { volatile int i = $i; return i == 0; }\" > conftest.c && gcc -o conftest conftest.c && ./conftest || exit 1; rm conftest; done"}})
			},
		},
		{
			name: "short tests that go runs from /tmp, one after the other", technique: "T1059.004", benign: true, cores: 1, programs: []string{"go"},
			paths: []string{goTest},
			play: func(s *session) {
				s.write(goTest+"/src/go.mod", "module brief\n\ngo 1.20\n", 0o644)
				s.write(goTest+"/src/brief_test.go", "package brief\n\nimport \"testing\"\n\nfunc TestBrief(t *testing.T) {}\n", 0o644)
				s.launchGo(goTest, "while :; do go test -count=1 . || exit 1; done")
				s.wait(4 * seen)
			},
		},
		{
			name: "scripts of packages run from /tmp", technique: "T1059.004", benign: true,
			paths: n.tops(packages),
			play: func(s *session) {
				s.write(packages+"/package.config.abc123", "#!/bin/sh\ntrue\n", 0o755)
				s.launch(order{argv: []string{"sh", "-c", "while :; do " + packages + "/package.config.abc123; sleep 1; done"}})
			},
		},
	}
}

package main

import (
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

const (
	hopAfter  = 20 * time.Second
	shortLife = 100 * time.Millisecond
)

// loadAttacks spread what they use over processes, none of which is busy for a minute.
func loadAttacks(n *names) []scenario {
	attack := func(s scenario, path string, work task.Task) scenario {
		s.technique, s.expect, s.needs = "T1496.001", critical, history
		s = n.burner(s, path, work)
		play := s.play
		s.play = func(s *session) {
			s.mayEnd = true // it goes on in another process
			play(s)
		}
		return s
	}
	hops, other := n.local("*"), n.local("*")
	exec := attack(scenario{name: "another program in the same process every 20 s, installed, light RandomX memory", cores: 1},
		hops, task.Task{Threads: 1, Memory: task.LightMerged, Hop: hopAfter, HopTo: []string{other, hops}})
	exec.paths = n.tops(hops, other)
	play := exec.play
	exec.play = func(s *session) {
		s.placeMarked(other, hops) // the same content
		play(s)
	}
	throttled := attack(scenario{name: "throttled, in a new process every 20 s, installed, light RandomX memory", cores: 0.3},
		n.local("*"), task.Task{Threads: 1, Duty: 0.3, Memory: task.LightMerged, Hop: hopAfter})
	throttled.needs = steady
	short, small := n.temp("*"), n.local("*")
	return []scenario{
		attack(scenario{name: "a new process every 20 s, installed, light RandomX memory", cores: 1, short: true},
			n.local("*"), task.Task{Threads: 1, Memory: task.LightMerged, Hop: hopAfter}),
		attack(scenario{name: "a new process every 20 s, installed, RandomX memory", cores: 1, claims: dataset()},
			n.local("*"), task.Task{Threads: 1, Memory: task.Fast, Hop: hopAfter}),
		attack(scenario{name: "a new process every 20 s, installed, listed pool", cores: 1},
			n.local("*"), task.Task{Threads: 1, Connect: listedPool, Hop: hopAfter}),
		exec, throttled,
		{
			name: "many short processes from a temporary directory", technique: "T1496.001", expect: critical, needs: history, cores: 1,
			paths: n.tops(short),
			play: func(s *session) {
				s.place(short)
				s.launch(order{
					argv:        []string{"sh", "-c", "while :; do " + short + "; done"},
					environment: []string{s.assign(task.Task{Threads: 1, Limit: shortLife})},
				})
			},
		},
		{
			name: "eight small processes, installed, light RandomX memory", technique: "T1496.001", expect: critical, needs: history, cores: 1,
			paths: n.tops(small),
			play: func(s *session) {
				s.place(small)
				for range 8 {
					s.run(small, task.Task{Threads: 1, Duty: 0.13, Memory: task.LightMerged})
				}
			},
		},
	}
}

// benignLoads are honest work in many processes.
func benignLoads(n *names) []scenario {
	compile, compress := n.home("*"), n.home("*")
	shell := func(name, line, directory string, programs ...string) scenario {
		return scenario{
			name: name, technique: "T1496.001", benign: true, cores: 1, programs: programs, paths: n.tops(directory),
			play: func(s *session) {
				s.write(directory+"/a.c", cSource(40), 0o644)
				s.launch(order{argv: []string{"sh", "-c", line}, directory: directory})
			},
		}
	}
	xargs := shell("gzip by xargs, two at a time", "while :; do yes "+strings.Repeat("a.c ", 40)+"| head -n 40 | xargs -P 2 -n 10 gzip -9 -c >/dev/null; done", compress, "xargs", "gzip")
	xargs.cores = 2
	hopper := n.burner(scenario{name: "a service that goes on in a new process every 20 s", technique: "T1496.001", benign: true, cores: 1},
		n.local("*"), task.Task{Threads: 1, Hop: hopAfter})
	play := hopper.play
	hopper.play = func(s *session) {
		s.mayEnd = true // the first process does
		play(s)
	}
	return []scenario{
		hopper,
		shell("short compilations in a loop", "while :; do gcc -O2 -c -o a.o a.c || exit 1; done", compile, "gcc"),
		xargs,
	}
}

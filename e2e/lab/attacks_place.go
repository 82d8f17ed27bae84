package main

import (
	"fmt"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// burning is a burner at full speed on one core.
func burning() task.Task { return task.Task{Threads: 1} }

// barelyBusy is one that uses so little that it is only alive.
func barelyBusy() task.Task { return task.Task{Threads: 1, Duty: 0.1} }

// placeAttacks run from where no program belongs.
func placeAttacks(n *names) []scenario {
	kinsing, packedPath, halves := n.temp("*/kinsing"), n.temp("*"), n.temp("*")
	quarters := []string{n.temp("*"), n.temp("*"), n.temp("*"), n.temp("*")}
	orphan, service, payload, port := n.temp("*"), n.local("*/java"), n.temp("*"), n.port()
	return []scenario{
		{
			// The very paths of the incident.
			name: "kinsing keeps kdevtmpfsi", technique: "T1496.001", expect: critical, short: true,
			paths: []string{"/var/tmp/kinsing", "/tmp/kdevtmpfsi"},
			play: func(s *session) {
				s.place("/tmp/kdevtmpfsi")
				s.place("/var/tmp/kinsing")
				s.run("/var/tmp/kinsing", task.Task{Restart: &task.Child{Path: "/tmp/kdevtmpfsi", Task: barelyBusy()}})
			},
		},
		n.burner(scenario{name: "kinsing alone, idle", technique: "T1543", expect: critical}, kinsing, task.Task{}),
		n.burner(scenario{name: "random name in /tmp burns", technique: "T1059.004", expect: critical, needs: history, cores: 1, short: true},
			n.path("/tmp/*"), burning()),
		n.burner(scenario{name: "random name in /dev/shm, idle", technique: "T1059.004", expect: warning},
			n.path("/dev/shm/*"), task.Task{}),
		n.burner(scenario{name: "directory of dot and space, idle", technique: "T1564.001", expect: warning},
			n.path("/tmp/. /*"), task.Task{}),
		n.burner(scenario{name: "hidden directory like that of X11, idle", technique: "T1564.001", expect: warning, short: true},
			n.path("/var/tmp/.ICEd-unix/*"), task.Task{}),
		n.burner(scenario{name: "directory of three dots burns", technique: "T1564.001", expect: critical, needs: history, cores: 1},
			n.path("/var/tmp/.../*"), burning()),
		n.burner(scenario{name: "directory of a space that nobody sees, idle", technique: "T1564.001", expect: warning},
			n.temp("*\u200b/\u200b/*"), task.Task{}),
		n.burner(scenario{name: "line break in a name, idle", technique: "T1036", expect: warning},
			n.temp("*\n*/*"), task.Task{}),
		n.burner(scenario{name: "name that ends like that of a deleted file, idle", technique: "T1036", expect: warning},
			n.temp("* (deleted)"), task.Task{}),
		n.burner(scenario{name: "program among devices, idle", technique: "T1564", expect: warning}, n.path("/dev/*"), task.Task{}),
		n.burner(scenario{name: "hidden file of a home, idle", technique: "T1564.001", expect: warning}, n.home("*/.*"), task.Task{}),
		n.burner(scenario{name: "deleted file burns", technique: "T1070.004", expect: critical, needs: history, cores: 1},
			n.temp("*"), task.Task{Threads: 1, Delete: true}),
		n.burner(scenario{name: "deleted file with a listed pool", technique: "T1070.004", expect: critical, short: true},
			n.temp("*"), task.Task{Delete: true, Connect: listedPool}),
		n.burner(scenario{name: "program in memory burns", technique: "T1620", expect: critical, needs: history, cores: 1},
			n.home("*"), task.Task{Threads: 1, Memfd: n.word()}),
		n.burner(scenario{name: "program in memory, fresh and idle", technique: "T1620", expect: warning, short: true},
			n.home("*"), task.Task{Memfd: n.word()}),
		n.burner(scenario{name: "program in memory with a listed pool", technique: "T1620", expect: critical},
			n.home("*"), task.Task{Memfd: n.word(), Connect: listedPool}),
		{
			name: "two halves of a core, from a temporary directory", technique: "T1496.001", expect: critical, needs: history, cores: 0.9,
			paths: n.tops(halves),
			play: func(s *session) {
				s.place(halves)
				s.run(halves, task.Task{Threads: 1, Duty: 0.45})
				s.run(halves, task.Task{Threads: 1, Duty: 0.45})
			},
		},
		{
			name: "four quarters under random names", technique: "T1036", expect: critical, needs: history, cores: 1,
			paths: n.tops(quarters...),
			play: func(s *session) {
				for _, path := range quarters {
					s.placeMarked(path, "same content")
					s.run(path, task.Task{Threads: 1, Duty: 0.25})
				}
			},
		},
		{
			name: "orphan of a double fork burns", technique: "T1036.009", expect: critical, needs: history, cores: 1,
			paths: n.tops(orphan),
			play: func(s *session) {
				s.mayEnd = true // those that fork do
				s.place(orphan)
				s.run(orphan, task.Task{Threads: 1, Detach: 2})
			},
		},
		n.burner(scenario{
			name: "throttled for ten minutes, from a temporary directory", technique: "T1496.001", expect: critical, needs: steady, cores: 0.25,
		}, n.temp("*"), task.Task{Threads: 1, Duty: 0.25}),
		{
			name: "packed program in a temporary directory", technique: "T1027.002", expect: critical,
			paths: n.tops(packedPath),
			play: func(s *session) {
				s.placeWith(packedPath, packed)
				s.run(packedPath, barelyBusy())
			},
		},
		{
			name: "started by an exposed service, burns", technique: "T1190", expect: critical, needs: history, cores: 1,
			paths: n.tops(service, payload),
			play: func(s *session) {
				s.place(payload)
				s.place(service)
				s.run(service, task.Task{
					Listen: fmt.Sprint("0.0.0.0:", port),
					Start:  []task.Child{{Path: payload, Task: task.Task{Threads: 1, Limit: s.lifetime()}}},
				}, "java", "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint")
				s.wait(time.Second)
			},
		},
	}
}

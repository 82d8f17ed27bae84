package main

import (
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// burning is a burner at full speed on one core.
func burning() task.Task { return task.Task{Threads: 1} }

// barelyBusy is one that uses so little that it is only alive.
func barelyBusy() task.Task { return task.Task{Threads: 1, Duty: 0.1} }

// placeAttacks run from where no program belongs.
func placeAttacks() []scenario {
	return []scenario{
		{
			name: "kinsing keeps kdevtmpfsi", technique: "T1496.001", expect: critical, short: true,
			paths: []string{"/var/tmp/kinsing", "/tmp/kdevtmpfsi"},
			play: func(s *session) {
				s.place("/tmp/kdevtmpfsi")
				s.place("/var/tmp/kinsing")
				s.run("/var/tmp/kinsing", task.Task{Restart: &task.Child{Path: "/tmp/kdevtmpfsi", Task: barelyBusy()}})
			},
		},
		{
			name: "kinsing alone, idle", technique: "T1543", expect: critical,
			paths: []string{"/dev/shm/kinsing"}, play: runs("/dev/shm/kinsing", task.Task{}),
		},
		{
			name: "random name in /tmp burns", technique: "T1059.004", expect: critical, needs: history, cores: 1, short: true,
			paths: []string{"/tmp/x9f3ka7q"}, play: runs("/tmp/x9f3ka7q", burning()),
		},
		{
			name: "random name in /dev/shm burns", technique: "T1059.004", expect: critical, needs: history, cores: 1,
			paths: []string{"/dev/shm/pty3"}, play: runs("/dev/shm/pty3", burning()),
		},
		{
			name: "directory of dot and space burns", technique: "T1564.001", expect: critical, needs: history, cores: 1,
			paths: []string{"/tmp/. "}, play: runs("/tmp/. /x", burning()),
		},
		{
			name: "hidden directory like that of X11, idle", technique: "T1564.001", expect: warning, short: true,
			paths: []string{"/var/tmp/.ICEd-unix"}, play: runs("/var/tmp/.ICEd-unix/x", task.Task{}),
		},
		{
			name: "directory of three dots burns", technique: "T1564.001", expect: critical, needs: history, cores: 1,
			paths: []string{"/var/tmp/..."}, play: runs("/var/tmp/.../sync", burning()),
		},
		{
			name: "deleted file burns", technique: "T1070.004", expect: critical, needs: history, cores: 1,
			paths: []string{"/tmp/q7xw2m"}, play: runs("/tmp/q7xw2m", task.Task{Threads: 1, Delete: true}),
		},
		{
			name: "deleted file with a listed pool", technique: "T1070.004", expect: critical, short: true,
			paths: []string{"/tmp/w3kf81"}, play: runs("/tmp/w3kf81", task.Task{Delete: true, Connect: listedPool}),
		},
		{
			name: "program in memory burns", technique: "T1620", expect: critical, needs: history, cores: 1,
			paths: []string{home + "/loader-burns"}, play: runs(home+"/loader-burns", task.Task{Threads: 1, Memfd: "a"}),
		},
		{
			name: "program in memory, fresh and idle", technique: "T1620", expect: warning, short: true,
			paths: []string{home + "/loader-idle"}, play: runs(home+"/loader-idle", task.Task{Memfd: "b"}),
		},
		{
			name: "program in memory with a listed pool", technique: "T1620", expect: critical,
			paths: []string{home + "/loader-pool"}, play: runs(home+"/loader-pool", task.Task{Memfd: "c", Connect: listedPool}),
		},
		{
			name: "two halves of a core in /tmp", technique: "T1496.001", expect: critical, needs: history, cores: 0.9,
			paths: []string{"/tmp/gh0ul"},
			play: func(s *session) {
				s.place("/tmp/gh0ul")
				s.run("/tmp/gh0ul", task.Task{Threads: 1, Duty: 0.45})
				s.run("/tmp/gh0ul", task.Task{Threads: 1, Duty: 0.45})
			},
		},
		{
			name: "four quarters under random names", technique: "T1036", expect: critical, needs: history, cores: 1,
			paths: []string{"/tmp/kq2v", "/tmp/pz81", "/tmp/u0aa", "/tmp/zz7m"},
			play: func(s *session) {
				for _, path := range s.paths {
					s.placeMarked(path, "same content")
					s.run(path, task.Task{Threads: 1, Duty: 0.25})
				}
			},
		},
		{
			name: "orphan of a double fork burns", technique: "T1036.009", expect: critical, needs: history, cores: 1,
			paths: []string{"/var/tmp/upd"},
			play: func(s *session) {
				s.mayEnd = true // those that fork do
				s.place("/var/tmp/upd")
				s.run("/var/tmp/upd", task.Task{Threads: 1, Detach: 2})
			},
		},
		{
			name: "throttled in /tmp for ten minutes", technique: "T1496.001", expect: critical, needs: steady, cores: 0.25,
			paths: []string{"/tmp/slowly7"}, play: runs("/tmp/slowly7", task.Task{Threads: 1, Duty: 0.25}),
		},
		{
			name: "packed program in /tmp", technique: "T1027.002", expect: critical,
			paths: []string{"/tmp/packed9"},
			play: func(s *session) {
				s.placeWith("/tmp/packed9", packed)
				s.run("/tmp/packed9", barelyBusy())
			},
		},
		{
			name: "started by an exposed service, burns", technique: "T1190", expect: critical, needs: history, cores: 1,
			paths: []string{installed + "/java", "/tmp/jar31"},
			play: func(s *session) {
				s.place("/tmp/jar31")
				s.place(installed + "/java")
				s.run(installed+"/java", task.Task{
					Listen: "0.0.0.0:18081",
					Start:  []task.Child{{Path: "/tmp/jar31", Task: task.Task{Threads: 1, Limit: s.lifetime()}}},
				}, "java", "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint")
				s.wait(time.Second)
			},
		},
	}
}

package main

import (
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// seen is long enough for the exporter to have met a new process.
const seen = 5 * time.Second

// survivalAttacks come back after they were ended.
func survivalAttacks() []scenario {
	return []scenario{
		{
			name: "back after a kill", technique: "T1543", expect: critical, short: true,
			paths: []string{"/var/tmp/watch61", "/tmp/work61"},
			play:  func(s *session) { guardAndKill(s, "/var/tmp/watch61", "/tmp/work61", false, 1) },
		},
		{
			name: "back with another content each time", technique: "T1027.001", expect: critical,
			paths: []string{"/var/tmp/watch62", "/tmp/work62"},
			play:  func(s *session) { guardAndKill(s, "/var/tmp/watch62", "/tmp/work62/x", true, 3) },
		},
		{
			name: "orphaned guardian starts it again", technique: "T1543", expect: critical,
			paths: []string{"/var/tmp/watch63", "/dev/shm/work63"},
			play: func(s *session) {
				s.mayEnd = true // those that fork do
				s.place("/dev/shm/work63")
				s.place("/var/tmp/watch63")
				work := &task.Child{Path: "/dev/shm/work63", Task: barelyBusy()}
				s.run("/var/tmp/watch63", task.Task{Detach: 2, Restart: work})
				killAndWait(s, "/dev/shm/work63", 1)
			},
		},
		{
			name: "cron entry names a running program", technique: "T1053.003", expect: critical,
			paths: []string{"/var/tmp/work64", "/etc/cron.d/cryptojack-lab-64"},
			play: func(s *session) {
				s.place("/var/tmp/work64")
				s.run("/var/tmp/work64", task.Task{})
				s.wait(seen)
				s.write("/etc/cron.d/cryptojack-lab-64", never+" nobody /var/tmp/work64\n", 0o644)
			},
			watch: persistenceSpan,
		},
	}
}

// guardAndKill starts a guardian, and kills what it brings back.
func guardAndKill(s *session, guardian, work string, mutate bool, times int) {
	s.place(work)
	s.place(guardian)
	s.run(guardian, task.Task{Mutate: mutate, Restart: &task.Child{Path: work, Task: barelyBusy()}})
	killAndWait(s, work, times)
}

// killAndWait kills the program each time that it is back.
func killAndWait(s *session, work string, times int) {
	pid := s.find(work, 0)
	for range times {
		s.wait(seen)
		s.kill(pid)
		pid = s.find(work, pid)
	}
}

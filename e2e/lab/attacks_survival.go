package main

import (
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// seen is long enough for the exporter to have met a new process.
const seen = 5 * time.Second

// survivalAttacks come back after they were ended.
func survivalAttacks(n *names) []scenario {
	guardian, work := n.temp("*"), n.temp("*")
	changer, changed := n.temp("*"), n.temp("*/*")
	orphaned, restarted := n.temp("*"), n.temp("*")
	named, cron := n.temp("*"), n.path("/etc/cron.d/*")
	return []scenario{
		{
			name: "back after a kill", technique: "T1543", expect: critical, short: true,
			paths: n.tops(guardian, work),
			play:  func(s *session) { guardAndKill(s, guardian, work, false, 1) },
		},
		{
			name: "back with another content each time", technique: "T1027.001", expect: critical,
			paths: n.tops(changer, changed),
			play:  func(s *session) { guardAndKill(s, changer, changed, true, 3) },
		},
		{
			name: "orphaned guardian starts it again", technique: "T1543", expect: critical,
			paths: n.tops(orphaned, restarted),
			play: func(s *session) {
				s.mayEnd = true // those that fork do
				s.place(restarted)
				s.place(orphaned)
				s.run(orphaned, task.Task{Detach: 2, Restart: &task.Child{Path: restarted, Task: barelyBusy()}})
				killAndWait(s, restarted, 1)
			},
		},
		{
			name: "cron entry names a running program", technique: "T1053.003", expect: critical,
			paths: n.tops(named, cron),
			play: func(s *session) {
				s.place(named)
				s.run(named, task.Task{})
				s.wait(seen)
				s.write(cron, never+" nobody "+named+"\n", 0o644)
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

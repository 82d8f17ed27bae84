package main

import (
	"fmt"
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
	scheduled, cron := n.temp("*"), n.path("/etc/cron.d/*")
	named := func(name, technique, entry, content string) scenario {
		path := n.temp("*")
		return scenario{
			name: name, technique: technique, expect: critical, watch: persistenceSpan, paths: n.tops(path, entry),
			play: func(s *session) {
				s.place(path)
				s.run(path, task.Task{})
				s.wait(seen)
				s.write(entry, fmt.Sprintf(content, path), 0o644)
			},
		}
	}
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
			paths: n.tops(scheduled, cron),
			play: func(s *session) {
				s.place(scheduled)
				s.run(scheduled, task.Task{})
				s.wait(seen)
				s.write(cron, never+" nobody "+scheduled+"\n", 0o644)
			},
			watch: persistenceSpan,
		},
		named("unit names a running program of a temporary directory", "T1543.002", n.path("/etc/systemd/system/*.service"),
			"[Unit]\nDescription=System Service Manager\n\n[Service]\nExecStart=%s\nRestart=always\n"),
		named("profile names a running program of a temporary directory", "T1546.004", n.path("/etc/profile.d/*.sh"),
			"if false; then\n\t%s &\nfi\n"),
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

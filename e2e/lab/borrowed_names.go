package main

import (
	"fmt"
	"os"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// link makes a link of root's.
func (s *session) link(target, name string) {
	if s.stopped() {
		return
	}
	if !s.owns(name) {
		s.fail(fmt.Errorf("%s is not among the paths of the scenario", name))
		return
	}
	if err := os.Symlink(target, name); err != nil {
		s.fail(err)
		return
	}
	s.undo = append(s.undo, func() error { return os.Remove(name) })
}

// borrowedNames are attacks that use what honest work looks like.
func borrowedNames(n *names) []scenario {
	forged := n.home("*")
	hidden := n.temp("*/.git/hooks/update")
	return []scenario{
		n.burner(scenario{name: "miner's arguments of a rg in a temporary directory", technique: "T1036.005", expect: critical},
			n.temp("*/rg"), task.Task{}, "rg", "-e", "stratum+tcp://"+otherPool),
		n.burner(scenario{name: "miner's arguments of a rg at home", technique: "T1036.005", expect: critical},
			n.home("bin/*/rg"), task.Task{}, "rg", "-o", "stratum+tcp://"+otherPool, "-u", wallet()),
		n.burner(scenario{name: "ELF program called ddgs in a temporary directory", technique: "T1496.001", expect: critical},
			n.temp("*/ddgs.3013"), task.Task{}),
		n.burner(scenario{name: "look-alike of auditd in a temporary directory, idle", technique: "T1036.005", expect: critical},
			n.temp("*/auditdd"), task.Task{}),
		n.burner(scenario{name: "path of a program that is not there, at home, burns", technique: "T1036.011", expect: critical, needs: history, cores: 1},
			forged, burning(), n.path("/usr/bin/*")),
		{
			name: "program in the place of a git hook, not running", technique: "T1564.001", expect: warning, watch: persistenceSpan,
			paths: n.tops(hidden), play: func(s *session) { s.place(hidden) },
		},
	}
}

// benignBorrowers bear what miners bear too.
func benignBorrowers(n *names) []scenario {
	linked, link := n.home("*"), n.path("/usr/bin/*")
	return []scenario{
		n.burner(scenario{name: "rg at home searches for several words of miners, burns", technique: "T1036.005", benign: true, cores: 1},
			n.home("*/bin/rg"), burning(), "rg", "-e", "stratum+tcp://", "-e", "--donate-level", "/home"),
		n.burner(scenario{name: "daemon of conda at home", technique: "T1036.005", benign: true}, n.home("*/bin/dbus-daemon"), task.Task{}),
		{
			name: "link of root's in /usr/bin to a program at home, busy", technique: "T1036.011", benign: true, cores: 1, paths: append(n.tops(linked), link),
			play: func(s *session) {
				s.place(linked)
				s.link(linked, link)
				s.run(linked, burning(), link)
			},
		},
	}
}

package main

import (
	"fmt"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// allowed are paths that the exporter's allow list names in this run.
type allowed struct {
	expected, otherUser, contained, ended string
}

func newAllowed(n *names) allowed {
	return allowed{expected: n.temp("*"), otherUser: n.temp("*"), contained: n.path("/tmp/*/kdevtmpfsi"), ended: n.temp("*")}
}

// configuration is the allow list: each entry is for the user nobody, and one has ended.
func (a allowed) configuration() string {
	list := "allow:\n"
	for _, path := range []string{a.expected, a.otherUser} {
		list += fmt.Sprintf("- {path: %s, user: nobody, reason: a scenario of the lab}\n", path)
	}
	list += fmt.Sprintf("- {path: %s, reason: a scenario of the lab}\n", a.contained)
	return list + fmt.Sprintf("- {path: %s, user: nobody, reason: a scenario of the lab, until: 2026-01-01}\n", a.ended)
}

// allowListScenarios are programs that the allow list names, and what would like to be
// one of them.
func allowListScenarios(n *names) []scenario {
	connected := task.Task{Connect: listedPool}
	return []scenario{
		n.burner(scenario{name: "program of the allow list with a listed pool", technique: "T1496.001", benign: true, short: true}, n.allowed.expected, connected),
		n.burner(scenario{name: "program of an entry of the allow list that has ended", technique: "T1496.001", expect: critical}, n.allowed.ended, connected),
		{
			name: "program of the allow list, run by another user", technique: "T1496.001", expect: critical, short: true,
			paths: n.tops(n.allowed.otherUser),
			play: func(s *session) {
				s.place(n.allowed.otherUser)
				s.launch(order{path: n.allowed.otherUser, argv: []string{n.allowed.otherUser}, environment: []string{s.assign(connected)}, root: true})
			},
		},
		n.inContainer(scenario{name: "a container has a path of the allow list", technique: "T1610", expect: critical}, n.local("*"), n.allowed.contained),
	}
}

// inContainer is a scenario of one burner in a container, which has it under a path of
// its own.
func (n *names) inContainer(s scenario, path, copied string) scenario {
	s.paths = n.tops(path, copied)
	s.play = func(playing *session) {
		work := barelyBusy()
		playing.container(path, task.Container{Copy: copied, Run: &work})
	}
	return s
}

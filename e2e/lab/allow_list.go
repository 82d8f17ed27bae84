package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// allowed are paths that the exporter's allow list names in this run.
type allowed struct {
	expected, otherUser, contained, ended string
	container                             string // the id of one
}

func newAllowed(n *names) allowed {
	id := sha256.Sum256([]byte(n.word()))
	return allowed{container: hex.EncodeToString(id[:]), expected: n.temp("*"), otherUser: n.temp("*"), contained: n.path("/tmp/*/kdevtmpfsi"), ended: n.temp("*")}
}

// configuration is the allow list: each entry is for the user nobody, and one has ended.
func (a allowed) configuration() string {
	list := "allow:\n"
	for _, path := range []string{a.expected, a.otherUser} {
		list += fmt.Sprintf("- {path: %s, user: nobody, reason: a scenario of the lab}\n", path)
	}
	list += fmt.Sprintf("- {path: %s, reason: a scenario of the lab}\n", a.contained)
	list += fmt.Sprintf("- {container: %q, reason: a scenario of the lab}\n", a.container)
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
		n.inCgroup(scenario{name: "program in a container of the allow list", technique: "T1610", benign: true}, n.temp("*"), connected, false),
		n.inCgroup(scenario{name: "a user's cgroup is called like a container of the allow list", technique: "T1036.005", expect: critical}, n.temp("*"), connected, true),
		n.inContainer(scenario{name: "a container has a path of the allow list", technique: "T1610", expect: critical}, n.local("*"), n.allowed.contained),
	}
}

// inCgroup is a scenario of one program in a cgroup that is called like the container of the allow list.
func (n *names) inCgroup(s scenario, path string, work task.Task, usersOwn bool) scenario {
	s.paths = n.tops(path)
	s.play = func(playing *session) {
		playing.place(path)
		playing.launch(order{path: path, argv: []string{path}, environment: []string{playing.assign(work)}, container: n.allowed.container, usersOwn: usersOwn})
	}
	return s
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

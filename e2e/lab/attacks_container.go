package main

import (
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// containerAttacks happen in a mount, process and network namespace of their
// own, with a /tmp of its own. They create nothing outside; their paths are
// those in there.
func containerAttacks(n *names) []scenario {
	idle, known, random := n.local("*"), n.local("*"), n.local("*")
	idleCopy, knownCopy, randomCopy := n.path("/tmp/.*/x"), n.path("/tmp/*/kdevtmpfsi"), n.path("/tmp/*/*")
	named, mining, namedCopy, miningCopy := n.local("*"), n.local("*"), n.path("/tmp/*/*"), n.path("/tmp/*/*")
	return []scenario{
		{
			name: "hidden program in a container's /tmp, not running", technique: "T1564.001", expect: warning,
			paths: n.tops(idle, idleCopy), watch: persistenceSpan,
			play: func(s *session) { s.container(idle, task.Container{Copy: idleCopy}) },
		},
		{
			name: "kdevtmpfsi in a container's /tmp", technique: "T1610", expect: critical, short: true,
			paths: n.tops(known, knownCopy),
			play: func(s *session) {
				work := barelyBusy()
				s.container(known, task.Container{Copy: knownCopy, Run: &work})
			},
		},
		{
			name: "random name in a container's /tmp burns", technique: "T1610", expect: critical, needs: history, cores: 1,
			paths: n.tops(random, randomCopy),
			play: func(s *session) {
				work := burning()
				s.container(random, task.Container{Copy: randomCopy, Run: &work})
			},
		},
		{
			name: "kernel worker's name in a container's /tmp, idle", technique: "T1036.004", expect: critical,
			paths: n.tops(named, namedCopy),
			play: func(s *session) {
				s.container(named, task.Container{Copy: namedCopy, Run: &task.Task{Comm: "kworker/1:0"}})
			},
		},
		{
			name: "RandomX memory in a container's /tmp", technique: "T1610", expect: critical,
			paths: n.tops(mining, miningCopy),
			play: func(s *session) {
				s.container(mining, task.Container{Copy: miningCopy, Run: &task.Task{Memory: task.Fast}})
			},
		},
	}
}

// container starts the first process of a container.
func (s *session) container(path string, plan task.Container) {
	plan.User = programs.Nobody
	plan.Mark = s.tracker.run + plan.Copy
	if plan.Run != nil {
		plan.Run.Limit = s.lifetime()
	}
	s.place(path)
	s.launch(order{path: path, argv: []string{path}, environment: []string{s.assign(task.Task{Container: &plan})}, root: true, isolate: true})
}

package main

import (
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// containerAttacks happen in a mount, process and network namespace of their
// own, with a /tmp of its own. They create nothing outside; their paths are
// those in there.
func containerAttacks() []scenario {
	return []scenario{
		{
			name: "hidden program in a container's /tmp, not running", technique: "T1564.001", expect: warning,
			paths: []string{"/tmp/.labbox81", installed + "/box81"}, watch: persistenceSpan,
			play: func(s *session) { s.container(installed+"/box81", task.Container{Copy: "/tmp/.labbox81/x"}) },
		},
		{
			name: "kdevtmpfsi in a container's /tmp", technique: "T1610", expect: critical, short: true,
			paths: []string{"/tmp/labbox82", installed + "/box82"},
			play: func(s *session) {
				work := barelyBusy()
				s.container(installed+"/box82", task.Container{Copy: "/tmp/labbox82/kdevtmpfsi", Run: &work})
			},
		},
		{
			name: "random name in a container's /tmp burns", technique: "T1610", expect: critical, needs: history, cores: 1,
			paths: []string{"/tmp/labbox83", installed + "/box83"},
			play: func(s *session) {
				work := burning()
				s.container(installed+"/box83", task.Container{Copy: "/tmp/labbox83/q8", Run: &work})
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

package main

import "github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/role"

// containerAttacks happen in a mount, process and network namespace of their
// own, with a /tmp of its own. They create nothing outside; their paths are
// those in there.
func containerAttacks() []scenario {
	return []scenario{
		{
			name: "hidden program in a container's /tmp, not running", technique: "T1564.001", expect: warning,
			paths: []string{"/tmp/.labbox81", installed + "/box81"}, watch: persistenceSpan,
			play: func(s *stage) { s.box(installed+"/box81", role.Box{Copy: "/tmp/.labbox81/x"}) },
		},
		{
			name: "kdevtmpfsi in a container's /tmp", technique: "T1610", expect: critical, short: true,
			paths: []string{"/tmp/labbox82", installed + "/box82"},
			play: func(s *stage) {
				part := lively()
				s.box(installed+"/box82", role.Box{Copy: "/tmp/labbox82/kdevtmpfsi", Run: &part})
			},
		},
		{
			name: "random name in a container's /tmp burns", technique: "T1610", expect: critical, needs: history, cores: 1,
			paths: []string{"/tmp/labbox83", installed + "/box83"},
			play: func(s *stage) {
				part := burning()
				s.box(installed+"/box83", role.Box{Copy: "/tmp/labbox83/q8", Run: &part})
			},
		},
	}
}

// box starts the first process of a container.
func (s *stage) box(path string, plan role.Box) {
	plan.Mark = s.crew.run + plan.Copy
	if plan.Run != nil {
		plan.Run.Limit = s.lifetime()
	}
	s.place(path)
	s.launch(order{path: path, argv: []string{path}, environment: []string{s.role(role.Role{Box: &plan})}, root: true, isolate: true})
}

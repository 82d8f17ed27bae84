package main

import (
	"fmt"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// libraryAttacks put code into programs that are not theirs.
func libraryAttacks(n *names) []scenario {
	// A service that listens, is no language runtime, and has loaded a library as Redis
	// loads a module.
	module := func(s scenario, remove bool, work task.Task) scenario {
		server, library, port := n.local("*/redis-server"), n.temp("*.so"), n.port()
		s.technique, s.paths = "T1574.006", n.tops(server, library)
		s.play = func(s *session) {
			s.place(server)
			s.write(library, s.library(), 0o755)
			work.Listen, work.Map = fmt.Sprint("127.0.0.1:", port), library
			s.run(server, work, fmt.Sprint("redis-server 127.0.0.1:", port))
			if remove {
				s.wait(pollInterval)
				s.remove(library)
			}
		}
		return s
	}
	preloaded := func(name, variable, library string) scenario {
		return scenario{
			name: name, technique: "T1574.006", expect: critical, needs: history, cores: 1,
			paths: n.tops(library), claims: []string{"perl"}, programs: []string{"perl"},
			play: func(s *session) {
				s.write(library, s.library(), 0o755)
				s.launch(order{argv: []string{"perl", "-e", "1 while 1"}, environment: []string{variable + "=" + library}})
			},
		}
	}
	return []scenario{
		module(scenario{name: "library of a temporary directory in a service, little load", expect: warning, cores: 0.25, short: true}, false,
			task.Task{Threads: 1, Duty: 0.25}),
		module(scenario{name: "library of a temporary directory in a service, burns", expect: critical, needs: history, cores: 1}, false, burning()),
		module(scenario{name: "deleted library in a service, burns", expect: critical, needs: history, cores: 1}, true, burning()),
		preloaded("hidden library of a home preloaded, burns", "LD_PRELOAD", n.home(".*.so")),
		preloaded("library of a temporary directory audits, burns", "LD_AUDIT", n.temp("*.so")),
	}
}

package main

// fileAttacks lie there and do not run.
func fileAttacks(n *names) []scenario {
	lies := func(s scenario, path string) scenario {
		s.expect, s.watch, s.paths = warning, persistenceSpan, []string{n.top(path)}
		s.play = func(s *session) { s.place(path) }
		return s
	}
	return []scenario{
		lies(scenario{name: "program called xmrig, not running", technique: "T1105", short: true}, n.temp("*/xmrig")),
		lies(scenario{name: "hidden program, not running", technique: "T1564.001"}, n.temp(".*")),
		lies(scenario{name: "hidden program in a hidden directory, not running", technique: "T1564.001"}, n.temp(".*/.*")),
	}
}

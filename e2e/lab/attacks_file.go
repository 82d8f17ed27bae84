package main

// fileAttacks lie there and do not run.
func fileAttacks() []scenario {
	return []scenario{
		{
			name: "program called xmrig, not running", technique: "T1105", expect: warning, short: true, watch: persistenceSpan,
			paths: []string{"/tmp/xmrig"}, play: func(s *session) { s.place("/tmp/xmrig") },
		},
		{
			name: "hidden program, not running", technique: "T1564.001", expect: warning, watch: persistenceSpan,
			paths: []string{"/var/tmp/.cache-x98"}, play: func(s *session) { s.place("/var/tmp/.cache-x98") },
		},
		{
			name: "hidden program in a hidden directory, not running", technique: "T1564.001", expect: warning, watch: persistenceSpan,
			paths: []string{"/dev/shm/.X99-lab"}, play: func(s *session) { s.place("/dev/shm/.X99-lab/.rsync") },
		},
	}
}

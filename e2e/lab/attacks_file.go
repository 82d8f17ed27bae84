package main

import "os"

// fileAttacks lie there and do not run.
func fileAttacks() []scenario {
	return []scenario{
		{
			name: "program called xmrig, not running", technique: "T1105", expect: warning, short: true, watch: persistenceSpan,
			paths: []string{"/tmp/xmrig"}, play: func(s *stage) { s.place("/tmp/xmrig") },
		},
		{
			name: "hidden program, not running", technique: "T1564.001", expect: warning, watch: persistenceSpan,
			paths: []string{"/var/tmp/.cache-x98"}, play: func(s *stage) { s.place("/var/tmp/.cache-x98") },
		},
		{
			name: "hidden program in a hidden directory, not running", technique: "T1564.001", expect: warning, watch: persistenceSpan,
			paths: []string{"/dev/shm/.X99-lab"}, play: func(s *stage) { s.place("/dev/shm/.X99-lab/.rsync") },
		},
	}
}

// writes is the play of a scenario that is one file.
func writes(path, content string, mode uint32) func(*stage) {
	return func(s *stage) { s.write(path, content, os.FileMode(mode)) }
}

// read returns the content of a file of the host.
func (s *stage) read(path string) string {
	content, err := os.ReadFile(path)
	s.fail(err)
	return string(content)
}

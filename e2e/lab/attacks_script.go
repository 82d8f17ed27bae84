package main

import (
	"errors"
	"path/filepath"
)

// scriptAttacks burn in an interpreter of the system.
func scriptAttacks(n *names) []scenario {
	script := func(name, program, path, content string) scenario {
		return scenario{
			name: name, technique: "T1059", expect: warning, needs: history, cores: 1,
			paths: n.tops(path), claims: []string{program}, programs: []string{program},
			play: func(s *session) {
				s.write(path, content, 0o755)
				s.launch(order{argv: []string{program, path}})
			},
		}
	}
	library := n.temp("*.so")
	return []scenario{
		script("script of Python in /tmp burns", "python3", n.path("/tmp/*.py"), "while True:\n    pass\n"),
		script("script of Node in /var/tmp burns", "node", n.path("/var/tmp/*.js"), "for (;;) {}\n"),
		{
			name: "library of a temporary directory preloaded, burns", technique: "T1574.006", expect: critical, needs: history, cores: 1,
			paths: n.tops(library), claims: []string{"perl"}, programs: []string{"perl"},
			play: func(s *session) {
				s.write(library, s.library(), 0o755)
				s.launch(order{argv: []string{"perl", "-e", "1 while 1"}, environment: []string{"LD_PRELOAD=" + library}})
			},
		},
	}
}

// library is the content of a library of the C library that does next to
// nothing.
func (s *session) library() string {
	path := systemLibrary()
	if path == "" {
		s.fail(errors.New("no libutil.so.1 or libdl.so.2 here"))
		return ""
	}
	return s.read(path)
}

// systemLibrary is the path of that library, or "".
func systemLibrary() string {
	for _, pattern := range []string{"/lib/*-linux-gnu/libutil.so.1", "/lib/*-linux-gnu/libdl.so.2", "/lib64/libutil.so.1", "/lib64/libdl.so.2"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

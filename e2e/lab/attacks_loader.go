package main

import (
	"path/filepath"
	"strings"
)

// loaderAttacks have their program run by another, so that the link to the executable
// shows one of the system's.
func loaderAttacks(n *names) []scenario {
	// The shell is copied: it is linked dynamically everywhere, which burners are not.
	loads := func(s scenario, path, code string, options ...string) scenario {
		s.paths, s.programs = n.tops(path), []string{"sh"}
		s.play = func(s *session) {
			s.write(path, s.read("/bin/sh"), 0o755)
			s.launch(order{path: dynamicLoader(), argv: append(append([]string{"ld.so"}, options...), path, "-c", code)})
		}
		return s
	}
	const idle, busy = "while :; do sleep 1; done", "while :; do :; done"
	line := func(name, technique, program, path, content, shell string) scenario {
		return scenario{
			name: name, technique: technique, expect: warning, needs: history, cores: 1,
			paths: n.tops(path), claims: []string{program}, programs: []string{program},
			play: func(s *session) {
				s.write(path, content, 0o644)
				s.launch(order{argv: []string{"sh", "-c", shell}})
			},
		}
	}
	module := n.temp("*")
	fed, shell, document, imported := n.temp("*.py"), n.temp("*.sh"), n.home("*.sh"), module+"/"+n.word()+".py"
	twoKinds, cron := n.temp("*.pl"), n.path("/etc/cron.d/*")
	return []scenario{
		loads(scenario{name: "dynamic loader runs a program of a temporary directory, idle", technique: "T1574.006", expect: warning, short: true},
			n.temp("*"), idle),
		loads(scenario{name: "dynamic loader runs a program of a temporary directory, burns", technique: "T1574.006", expect: critical, needs: history, cores: 1},
			n.temp("*"), busy, "--library-path", "/usr/lib"),
		loads(scenario{name: "dynamic loader runs a hidden program of a home, idle", technique: "T1574.006", expect: warning},
			n.home(".*"), idle, "--argv0", "bash"),
		line("Python reads a file of a temporary directory from its standard input, burns", "T1059.006", "python3",
			fed, "while True:\n    pass\n", "exec python3 - <"+fed),
		line("script of sh in a temporary directory burns", "T1059.004", "dash", shell, "while :; do :; done\n", "exec dash "+shell),
		line("module of Python in a temporary directory burns", "T1059.006", "python3",
			imported, "while True:\n    pass\n", "cd "+module+" && exec python3 -m "+strings.TrimSuffix(filepath.Base(imported), ".py")),
		// bash keeps a here-document that is larger than a pipe in a file of /tmp.
		line("Python reads a here-document, burns", "T1059.006", "python3", document,
			"#!/bin/bash\nexec python3 <<'EOF'\n"+strings.Repeat("#"+strings.Repeat("x", 100)+"\n", 1000)+"while True:\n    pass\nEOF\n", "exec bash "+document),
		{
			name: "script of Perl that cron starts burns", technique: "T1053.003", expect: critical, needs: history, cores: 1,
			paths: n.tops(twoKinds, cron), claims: []string{"perl"}, programs: []string{"perl"},
			play: func(s *session) {
				s.write(twoKinds, "1 while 1;\n", 0o755)
				s.write(cron, never+" nobody perl "+twoKinds+"\n", 0o644)
				s.launch(order{argv: []string{"perl", twoKinds}})
			},
		},
	}
}

// dynamicLoader is the path of the one of this machine (ld.so(8)), or "".
func dynamicLoader() string {
	for _, pattern := range []string{"/lib64/ld-linux-*.so.*", "/lib/ld-linux-*.so.*", "/lib/ld-musl-*.so.*"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

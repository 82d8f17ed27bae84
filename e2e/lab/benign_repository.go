package main

// benignRepositories are clones in a temporary directory, with all the programs that hide
// in one.
func benignRepositories(n *names) []scenario {
	clone, bare := n.temp("*"), n.temp("*")
	files := func(s *session, contents map[string]string) {
		for path, content := range contents {
			s.write(path, content, 0o755)
		}
	}
	const script = "#!/bin/sh\nexit 0\n"
	return []scenario{
		{
			name: "repository with hooks, husky and a virtual environment", technique: "T1564.001", benign: true, watch: persistenceSpan, short: true,
			programs: []string{"git"}, paths: n.tops(clone),
			play: func(s *session) {
				s.directory(clone)
				s.launch(order{argv: []string{"sh", "-c", "git -c init.defaultBranch=main init -q . && exec sleep 200"}, directory: clone})
				s.wait(seen)
				files(s, map[string]string{
					clone + "/.husky/pre-commit": script, clone + "/.github/build.sh": script, clone + "/.venv/bin/activate": script,
					clone + "/.git/hooks/pre-push": script, clone + "/.gitlab/ci.sh": script, clone + "/node_modules/.bin/lint": script,
				})
			},
		},
		{
			name: "tools of a virtual environment in a temporary directory, not running", technique: "T1564.001", benign: true, watch: persistenceSpan,
			paths: n.tops(bare),
			play: func(s *session) {
				s.write(bare+"/.venv/pyvenv.cfg", "home = /usr/bin\n", 0o644)
				s.place(bare + "/.venv/bin/ruff")
				s.place(bare + "/node_modules/.bin/esbuild")
			},
		},
	}
}

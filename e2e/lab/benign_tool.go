package main

import (
	"fmt"
	"path/filepath"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// benignTools are build tools and schedulers in the places where people really have them.
func benignTools(n *names) []scenario {
	// make, copied to such a place, runs what it is said to have built.
	buildsAt := func(name, tool string) scenario {
		root := topDirectory(tool)
		work, makefile := n.temp("*"), n.temp("*")
		s := scenario{
			name: name, technique: "T1059.004", benign: true, programs: []string{"make"}, paths: append(n.tops(work, makefile), root), unless: root,
		}
		s.play = func(s *session) {
			s.directory(root)
			s.write(tool, s.read(lookPath("make")), 0o755)
			s.place(work)
			s.write(makefile, "all:\n\t"+work+"\n", 0o644)
			s.launch(order{path: tool, argv: []string{tool, "-f", makefile}, environment: []string{s.assign(task.Task{})}})
			s.wait(pollInterval)
		}
		return s
	}
	goRoot, goWork := n.path("/data/*"), n.home("*")
	airflow, venv, job := n.home("*/bin/airflow"), n.temp("*"), n.temp("*/script.py")
	dask, daskJob, modules, npm := n.home("*/dask/__main__.py"), n.temp("*.py"), n.home("*"), n.temp("*")
	isolated, node := n.temp("pip-build-env-*/overlay/bin/*"), n.home("*")
	return []scenario{
		buildsAt("make below /nix runs what it built", n.path("/nix/store/*-gnumake/bin/make")),
		buildsAt("make below /gnu runs what it built", n.path("/gnu/store/*-make/bin/make")),
		buildsAt("make below /snap runs what it built", n.path("/snap/*/current/usr/bin/make")),
		buildsAt("make below /var/home runs what it built", n.path("/var/home/*/.local/bin/make")),
		{
			name: "go below /data runs a test", technique: "T1059.004", benign: true, cores: 1, programs: []string{"go", "mount"}, unless: "/data",
			paths: []string{"/data", goWork},
			play: func(s *session) {
				s.directory("/data")
				s.bind(filepath.Dir(filepath.Dir(lookPath("go"))), goRoot)
				s.write(goWork+"/src/go.mod", "module busydata\n\ngo 1.20\n", 0o644)
				s.write(goWork+"/src/busy_test.go", "package busydata\n\nimport \"testing\"\n\nfunc TestBusy(t *testing.T) {\n\tfor {\n\t}\n}\n", 0o644)
				s.launchGo(goWork, "exec "+goRoot+"/bin/go test -timeout 5m .")
				s.waitForBuild("busydata.test")
			},
		},
		{
			// As PythonVirtualenvOperator does it.
			name: "task of Airflow in a virtual environment of its own burns", technique: "T1059.006", benign: true, cores: 1,
			programs: []string{"python3"}, claims: []string{"python3"}, paths: n.tops(airflow, venv, job),
			play: func(s *session) {
				s.write(job, "while True:\n    pass\n", 0o644)
				s.write(airflow, fmt.Sprintf("import subprocess, sys\nsubprocess.run([%q, '-m', 'venv', '--without-pip', %q], check=True)\n"+
					"subprocess.run([%q, %q])\n", "/usr/bin/python3", venv+"/venv", venv+"/venv/bin/python", job), 0o755)
				s.directory(venv)
				s.launch(order{argv: []string{"python3", airflow, "scheduler"}})
				s.wait(seen)
			},
		},
		{
			name: "worker of Dask runs a script of a temporary directory", technique: "T1059.006", benign: true, cores: 0.3,
			programs: []string{"python3"}, claims: []string{"python3"}, paths: n.tops(dask, daskJob),
			play: func(s *session) {
				s.write(daskJob, partlyBusy, 0o644)
				s.write(dask, fmt.Sprintf("import subprocess\nsubprocess.run(['/usr/bin/python3', %q])\n", daskJob), 0o644)
				s.launch(order{argv: []string{"python3", "-m", "dask", "worker"}, directory: filepath.Dir(filepath.Dir(dask))})
				s.wait(seen)
			},
		},
		{
			name: "npm runs a script of node_modules/.bin in /tmp", technique: "T1195.001", benign: true, programs: []string{"npm", "node"}, claims: []string{"node"},
			paths: n.tops(npm),
			play: func(s *session) {
				s.place(npm + "/node_modules/.bin/bundle")
				s.write(npm+"/package.json", `{"name": "bundled", "version": "1.0.0", "private": true, "scripts": {"build": "bundle"}}`, 0o644)
				s.launch(order{
					argv: []string{"npm", "run", "build", "--offline"}, directory: npm,
					environment: []string{s.assign(task.Task{}), "npm_config_update_notifier=false"},
				})
				s.waitForBuild("bundle")
			},
		},
		n.burner(scenario{name: "program of node_modules/.bin in a home", technique: "T1564.001", benign: true},
			node+"/node_modules/.bin/"+n.word(), task.Task{}),
		{
			name: "program of pip's isolated environment, below pip", technique: "T1195.001", benign: true, short: true, programs: []string{"python3"}, claims: []string{"python3"},
			paths: n.tops(modules, isolated),
			play: func(s *session) {
				s.place(isolated)
				s.write(modules+"/pip/__init__.py", "", 0o644)
				s.write(modules+"/pip/__main__.py", fmt.Sprintf("import subprocess\nsubprocess.run([%q])\n", isolated), 0o644)
				s.launch(order{
					argv: []string{"python3", "-m", "pip", "install", "."}, directory: modules, environment: []string{s.assign(task.Task{})},
				})
				s.waitForBuild(filepath.Base(isolated))
			},
		},
	}
}

// partlyBusy is a program of Python that uses a third of a core.
const partlyBusy = `import time
while True:
    end = time.process_time() + 0.033
    while time.process_time() < end:
        pass
    time.sleep(0.066)
`

// topDirectory is the first element of a path below /, or the second below /var.
func topDirectory(path string) string {
	for above := filepath.Dir(path); ; path, above = above, filepath.Dir(above) {
		if above == "/" || above == "/var" {
			return path
		}
	}
}

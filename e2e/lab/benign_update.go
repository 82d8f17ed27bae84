package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// benignUpdates are programs whose files change while they run, and copies of programs in
// memory that are no miners.
func benignUpdates(n *names) []scenario {
	// An update brings the next version beside the running one, and removes that.
	update := func(s scenario, old, next string, work task.Task) scenario {
		s.technique, s.benign, s.paths = "T1070.004", true, n.tops(old, next)
		s.play = func(s *session) {
			s.place(old)
			s.run(old, work)
			s.wait(seen)
			s.place(next)
			s.removeAll(filepath.Dir(old))
		}
		return s
	}
	server, nvm, toolbox := n.home(".vscode-server/bin"), n.home(".nvm/versions/node"), n.home("*")
	versions := func(directory, base string) (string, string) {
		return directory + "/" + n.word() + "/" + base, directory + "/" + n.word() + "/" + base
	}
	serverOld, serverNext := versions(server, "node")
	nvmOld, nvmNext := versions(nvm, "node")
	toolboxOld, toolboxNext := versions(toolbox, "launcher")
	library, service, port := n.local("*.so"), n.local("*/redis-server"), n.port()
	target, link := n.local("*/tool-3.2"), n.local("*")
	lxc, rancher := n.path("/usr/local/bin/lxc-*"), n.path("/var/lib/rancher/*/bin/runc")
	return []scenario{
		update(scenario{name: "server of VS Code updates itself, old version burns", cores: 1}, serverOld, serverNext, burning()),
		update(scenario{name: "nvm removes the version that runs", short: true}, nvmOld, nvmNext, task.Task{}),
		update(scenario{name: "toolbox removes the version that runs"}, toolboxOld, toolboxNext, task.Task{}),
		{
			name: "library of a service is replaced by a newer one", technique: "T1574.006", benign: true, cores: 0.25,
			paths: n.tops(service, library),
			play: func(s *session) {
				s.place(service)
				s.write(library, s.library(), 0o755)
				s.run(service, task.Task{Threads: 1, Duty: 0.25, Map: library, Listen: fmt.Sprint("127.0.0.1:", port)})
				s.wait(seen)
				s.remove(library)
				s.write(library, s.library(), 0o755)
			},
		},
		{
			name: "program started by a link to its version", technique: "T1036.011", benign: true, short: true, paths: n.tops(target, link),
			play: func(s *session) {
				s.place(target)
				if !s.stopped() {
					s.fail(os.Symlink(target, link))
					s.undo = append(s.undo, func() error { return os.Remove(link) })
				}
				s.run(link, task.Task{})
			},
		},
		{
			name: "lxc-attach is a copy of itself in memory", technique: "T1620", benign: true, short: true, paths: n.tops(lxc),
			play: func(s *session) {
				s.place(lxc)
				s.run(lxc, task.Task{Memfd: "lxc-attach"}, filepath.Base(lxc), "-n", "box")
			},
		},
		{
			name: "container runtime below /var/lib/rancher, copy in memory", technique: "T1620", benign: true, unless: "/var/lib/rancher",
			paths: []string{"/var/lib/rancher"},
			play: func(s *session) {
				s.place(rancher)
				s.run(rancher, task.Task{Start: []task.Child{{
					Path: rancher, Argv: []string{"runc", "init"}, Task: task.Task{Memfd: "runc_cloned:/proc/self/exe", Limit: s.lifetime()},
				}}}, "runc", "run", "box")
			},
		},
	}
}

// removeAll deletes a directory of the scenario.
func (s *session) removeAll(path string) {
	if s.stopped() {
		return
	}
	s.fail(os.RemoveAll(path))
	s.act()
}

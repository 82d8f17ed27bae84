package main

import (
	"fmt"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// serviceUser is a user that no person has (below UID_MIN of login.defs(5)): daemon in
// Debian.
const serviceUser = 1

// exemptionAttacks have read what lowers a finding, and try to look like that.
func exemptionAttacks(n *names) []scenario {
	makefile, makeMiner := n.temp("*"), n.temp("*")
	mount, shell := n.path("/tmp/.mount_*/AppRun"), n.path("/tmp/.mount_*/AppRun")
	ownMake, ownWork := n.local("*/make"), n.temp("*")
	endedMakefile, endedWork := n.temp("*"), n.temp("*")
	hook, podman, runtime, copied := n.temp("*"), n.home("*/podman"), n.local("*/runc"), n.local("*")
	window, lists, login, orphan, memory := n.temp("*"), n.temp("*"), n.temp("*"), n.temp("*"), n.word()
	return []scenario{
		{
			name: "RandomX memory below make", technique: "T1496.001", expect: critical, short: true, programs: []string{"make"},
			paths: n.tops(makefile, makeMiner),
			play: func(s *session) {
				s.place(makeMiner)
				s.write(makefile, "all:\n\t"+makeMiner+"\n", 0o644)
				s.launch(order{argv: []string{"make", "-f", makefile}, environment: []string{s.assign(task.Task{Memory: task.Fast})}})
			},
		},
		{
			name: "directory called like an AppImage's mount burns", technique: "T1564.001", expect: critical, needs: history, cores: 1,
			paths: n.tops(mount),
			play: func(s *session) {
				s.mountTemp(n.top(mount))
				s.place(mount)
				s.launch(order{argv: []string{"sh", "-c", mount + "; :"}, environment: []string{s.assign(burning())}})
			},
		},
		{
			name: "RandomX memory below sh, in a directory called like an AppImage's mount", technique: "T1564.001", expect: critical, short: true,
			paths: n.tops(shell),
			play: func(s *session) {
				s.place(shell)
				s.launch(order{argv: []string{"sh", "-c", shell + "; :"}, environment: []string{s.assign(task.Task{Memory: task.Fast})}})
			},
		},
		{
			name: "program below a make that a service's user brought along, idle", technique: "T1036.005", expect: warning,
			paths: n.tops(ownMake, ownWork),
			play: func(s *session) {
				s.place(ownWork)
				s.place(ownMake)
				s.giveTo(ownMake, serviceUser)
				s.launch(order{path: ownMake, argv: []string{ownMake}, user: serviceUser, environment: []string{
					s.assign(task.Task{Start: []task.Child{{Path: ownWork, Task: task.Task{Limit: s.lifetime()}}}}),
				}})
			},
		},
		{
			name: "program that make left behind, idle", technique: "T1036.009", expect: warning, programs: []string{"make"},
			paths: n.tops(endedMakefile, endedWork),
			play: func(s *session) {
				s.mayEnd = true // make does
				s.place(endedWork)
				s.write(endedMakefile, "all:\n\t"+endedWork+" &\n", 0o644)
				s.launch(order{argv: []string{"make", "-f", endedMakefile}, environment: []string{s.assign(task.Task{})}})
			},
		},
		{
			name: "hook of apt-get, run by a user, idle", technique: "T1059.004", expect: warning, programs: []string{"apt-get"},
			paths: n.tops(hook, lists),
			play: func(s *session) {
				s.directory(lists) // the user's own, or apt-get asks for a lock that root has
				s.place(hook)
				s.launch(order{argv: []string{
					"apt-get", "-o", "Dir::State::lists=" + lists, "-o", "Dir::Cache=" + lists, "-o", "Dir::Etc::sourcelist=/dev/null",
					"-o", "Dir::Etc::sourceparts=/dev/null", "-o", "APT::Update::Pre-Invoke::=" + hook, "update",
				}, environment: []string{s.assign(task.Task{})}})
			},
		},
		{
			name: "podman of a user starts a program in memory", technique: "T1620", expect: warning, short: true,
			paths: n.tops(podman),
			play: func(s *session) {
				s.place(podman)
				s.run(podman, task.Task{Start: []task.Child{{Path: podman, Task: task.Task{Memfd: memory, Limit: s.lifetime()}}}})
			},
		},
		{
			name: "program in memory below a container runtime burns", technique: "T1620", expect: critical, needs: history, cores: 1,
			paths: n.tops(runtime, copied),
			play: func(s *session) {
				s.place(copied)
				s.place(runtime)
				s.run(runtime, task.Task{Start: []task.Child{{Path: copied, Task: task.Task{Memfd: "runc_cloned:/proc/self/exe", Threads: 1, Limit: s.lifetime()}}}})
			},
		},
		{
			name: "program at a terminal without a login, idle", technique: "T1059.004", expect: warning, short: true,
			paths: n.tops(window),
			play: func(s *session) {
				s.place(window)
				opened := s.openTerminal(order{argv: []string{"sh"}})
				s.wait(pollInterval)
				opened.enter(s.typed(window, task.Task{}))
			},
		},
		{
			name: "RandomX memory at a terminal of somebody logged in", technique: "T1496.001", expect: critical, programs: []string{"login", "unshare"},
			paths: n.tops(login),
			play: func(s *session) {
				s.place(login)
				s.logIn("root").enter(s.typed(login, task.Task{Memory: task.Fast}))
			},
		},
		{
			name: "session of its own, started at a terminal, burns", technique: "T1036.009", expect: critical, needs: history, cores: 1,
			programs: []string{"login", "unshare", "setsid"}, paths: n.tops(orphan),
			play: func(s *session) {
				s.place(orphan)
				s.logIn("nobody").enter("setsid " + s.typed(orphan, burning()))
			},
		},
	}
}

// typed is the line of shell that starts a burner, with the marker that a login takes
// away.
func (s *session) typed(path string, work task.Task) string {
	return fmt.Sprintf("env '%s' '%s' %s", s.tracker.marker(s.name), s.assign(work), path)
}

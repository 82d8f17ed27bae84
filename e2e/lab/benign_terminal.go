package main

import (
	"fmt"
	"os"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// benignTerminals are people at work, logged in at a terminal.
func benignTerminals(n *names) []scenario {
	logsIn := []string{"login", "unshare", "mount"}
	compiled, quick, training, clone := n.temp("*/a.out"), n.temp("*"), n.temp("*.py"), n.temp("*")
	installer, project, shared := n.temp("*.run"), n.temp("*"), n.temp("*/a.out")
	return []scenario{
		{
			name: "program that root compiled in a temporary directory burns at a terminal", technique: "T1059.004", benign: true, cores: 1, short: true,
			programs: append(logsIn, "gcc"), paths: n.tops(compiled),
			play: func(s *session) {
				source := compiled + ".c"
				s.write(source, "int main(void) { for (;;) ; }\n", 0o644)
				opened := s.logIn("root")
				opened.enter(fmt.Sprintf("gcc -o %s %s && %s", compiled, source, compiled))
				s.waitForBuild("a.out")
			},
		},
		{
			name: "program of a user in a temporary directory, at a terminal", technique: "T1059.004", benign: true,
			programs: logsIn, paths: n.tops(shared),
			play: func(s *session) {
				s.place(shared)
				s.logIn("nobody").enter(s.typed(shared, task.Task{}))
				s.waitForBuild("a.out")
			},
		},
		{
			name: "program in a temporary directory, in the background of a terminal", technique: "T1059.004", benign: true,
			programs: logsIn, paths: n.tops(quick),
			play: func(s *session) {
				s.place(quick)
				s.logIn("root").enter(s.typed(quick, task.Task{}) + " &")
				s.wait(pollInterval)
			},
		},
		{
			name: "training script in a temporary directory burns at a terminal", technique: "T1059.006", benign: true, cores: 1,
			programs: append(logsIn, "python3"), paths: n.tops(training), claims: []string{"python3"},
			play: func(s *session) {
				s.write(training, "weights = 1.0\nwhile True:\n    weights *= 0.999\n", 0o644)
				s.logIn("nobody").enter("/usr/bin/python3 " + training)
				s.wait(seen)
			},
		},
		{
			name: "tests of a clone run at a terminal", technique: "T1059.006", benign: true, cores: 0.3,
			programs: append(logsIn, "python3"), paths: n.tops(clone), claims: []string{"python3"},
			play: func(s *session) {
				s.write(clone+"/.venv/bin/pytest", partlyBusy, 0o755)
				s.logIn("nobody").enter("cd " + clone + " && /usr/bin/python3 .venv/bin/pytest")
				s.wait(seen)
			},
		},
		{
			// As makeself makes them: a script with an archive at its end.
			name: "installer unpacks itself at a terminal", technique: "T1027", benign: true, cores: 0.25, programs: append(logsIn, "tail"),
			paths: n.tops(installer, project),
			play: func(s *session) {
				s.write(installer, "#!/bin/sh\nmkdir "+project+" && tail -n +4 \"$0\" >"+project+"/setup && chmod 755 "+project+"/setup\n"+
					"exec env '"+s.tracker.marker(s.name)+"' '"+s.assign(task.Task{Threads: 1, Duty: 0.25})+"' "+project+"/setup\n"+s.read(s.burner), 0o755)
				s.undo = append(s.undo, func() error { return os.RemoveAll(project) })
				s.logIn("root").enter(installer)
				s.waitForBuild("setup")
			},
		},
	}
}

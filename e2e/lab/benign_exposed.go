package main

import "github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"

// benignExposed are jobs below services that others reach, as those are there to run.
func benignExposed(n *names) []scenario {
	needs := []string{"ip", "nsenter", "setpriv"}
	flink, job, closed, kernel := n.local("*/java"), n.local("*"), n.local("*/python3"), n.home("*")
	jenkins, workspace, own := n.local("*/java"), n.temp("*"), n.local("*/java")
	first, second, third, fourth := n.network(), n.network(), n.network(), n.network()
	return []scenario{
		{
			name: "program of root's burns below an open Flink", technique: "T1190", benign: true, cores: 1, asks: true,
			programs: needs, paths: n.tops(flink, job),
			play: func(s *session) {
				s.place(job)
				s.serve(first, flink, openFlink(), task.Child{Path: job, Task: burning()})
			},
		},
		{
			name: "open Flink itself burns in another process", technique: "T1190", benign: true, cores: 1, asks: true, short: true,
			programs: needs, paths: n.tops(own),
			play: func(s *session) { s.serve(second, own, openFlink(), task.Child{Path: own, Task: burning()}) },
		},
		{
			name: "kernel of a notebook burns below a Jupyter with a token", technique: "T1190", benign: true, cores: 1, asks: true,
			programs: needs, paths: n.tops(closed, kernel),
			play: func(s *session) {
				s.place(kernel)
				s.giveTo(kernel, serviceUser)
				s.serve(third, closed, closedJupyter(), task.Child{Path: kernel, Task: burning()})
			},
		},
		{
			name: "build of a Jenkins with a login runs in a temporary directory", technique: "T1190", benign: true, cores: 1, asks: true,
			programs: append(needs, "make"), paths: n.tops(jenkins, workspace),
			play: func(s *session) {
				s.place(workspace + "/selftest")
				s.write(workspace+"/Makefile", "check:\n\t"+workspace+"/selftest\n", 0o644)
				s.serve(fourth, jenkins, closedJenkins(), task.Child{
					Path: lookPath("make"), Argv: []string{"make", "-C", workspace, "check"}, Task: burning(),
				})
			},
		},
	}
}

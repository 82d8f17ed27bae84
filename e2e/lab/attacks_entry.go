package main

import "github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"

// entryAttacks come in by an exposed service that lets anybody in. Flink and Jupyter are
// played, each in a network of its own; what they start is as it is in the field.
func entryAttacks(n *names) []scenario {
	below := func(name, technique string, service exposed, short bool, start func(s *session) task.Child, programs []string, paths ...string) scenario {
		in, server := n.network(), n.local("*/java")
		return scenario{
			name: name, technique: technique, expect: critical, needs: history, cores: 1, short: short, asks: true,
			programs: append([]string{"ip", "nsenter", "setpriv"}, programs...), paths: n.tops(append(paths, server)...),
			play: func(s *session) { s.serve(in, server, service, start(s)) },
		}
	}
	placed := func(path string) func(s *session) task.Child {
		return func(s *session) task.Child {
			s.place(path)
			s.giveTo(path, serviceUser)
			return task.Child{Path: path, Task: burning()}
		}
	}
	state, inTemp := n.path("/var/lib/*"), n.temp("*")
	makefile, made, script := n.temp("*"), n.temp("*"), n.temp("*")
	cell := n.home("*")
	return []scenario{
		below("program below /var/lib burns, started by an open Flink", "T1190", openFlink(), true, placed(state), nil, state),
		below("program in a temporary directory burns, started by an open Flink", "T1190", openFlink(), false, placed(inTemp), nil, inTemp),
		below("make burns, started by an open Flink", "T1190", openFlink(), false, func(s *session) task.Child {
			s.place(made)
			s.write(makefile, "all:\n\t"+made+"\n", 0o644)
			return task.Child{Path: lookPath("make"), Argv: []string{"make", "-f", makefile}, Task: burning()}
		}, []string{"make"}, makefile, made),
		below("script of a temporary directory burns, started by an open Flink", "T1059.006", openFlink(), false, func(s *session) task.Child {
			s.write(script, "1 while 1;\n", 0o644)
			return task.Child{Path: lookPath("perl"), Argv: []string{"perl", script}}
		}, []string{"perl"}, script),
		below("program in a home burns, started by a Jupyter without a token", "T1190", openJupyter(), false, placed(cell), nil, cell),
	}
}

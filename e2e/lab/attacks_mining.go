package main

import "github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"

// miningAttacks show what mining needs: memory, and a pool.
func miningAttacks(n *names) []scenario {
	client, pool, in := n.local("*"), n.local("*"), n.network()
	return []scenario{
		n.burner(scenario{name: "RandomX memory, from a temporary directory, idle", technique: "T1496.001", expect: critical, short: true, claims: dataset()},
			n.temp("*"), task.Task{Memory: task.Fast}),
		n.burner(scenario{name: "light RandomX memory, from a temporary directory", technique: "T1496.001", expect: critical, cores: 0.25},
			n.temp("*"), task.Task{Memory: task.Light, Threads: 1, Duty: 0.25}),
		n.burner(scenario{name: "RandomX memory, installed, burns", technique: "T1496.001", expect: critical, needs: history, cores: 1, claims: dataset()},
			n.local("*"), task.Task{Memory: task.Fast, Threads: 1}),
		n.burner(scenario{name: "executable RandomX memory, installed, little load", technique: "T1496.001", expect: warning, cores: 0.3, claims: dataset()},
			n.local("*"), task.Task{Memory: task.FastExec, Threads: 1, Duty: 0.3}),
		n.burner(scenario{name: "RandomX memory of a deleted program", technique: "T1070.004", expect: critical},
			n.temp("*"), task.Task{Memory: task.Fast, Delete: true}),
		n.burner(scenario{name: "RandomX memory of a program in memory", technique: "T1620", expect: critical},
			n.home("*"), task.Task{Memory: task.Fast, Memfd: n.word()}),
		n.burner(scenario{name: "RandomX memory in a hidden file of a home", technique: "T1564.001", expect: critical, cores: 0.3},
			n.home("*/.*"), task.Task{Memory: task.Fast, Threads: 1, Duty: 0.3}),
		n.burner(scenario{name: "listed pool, from a temporary directory, idle", technique: "T1071", expect: critical, short: true},
			n.temp("*"), task.Task{Connect: listedPool}),
		n.burner(scenario{name: "pool by its port, from a temporary directory, idle", technique: "T1571", expect: critical},
			n.temp("*"), task.Task{Connect: portPool}),
		{
			name: "pool by its port, at a public address, installed, burns", technique: "T1571", expect: critical, needs: history, cores: 1,
			programs: []string{"ip", "nsenter", "setpriv"}, paths: n.tops(client, pool),
			play: func(s *session) {
				s.join(in)
				s.place(pool)
				s.place(client)
				s.launch(order{path: pool, argv: []string{pool}, network: in, environment: []string{s.assign(task.Task{Listen: in.outside + ":14444"})}})
				s.wait(pollInterval)
				s.launch(order{path: client, argv: []string{client}, network: in, environment: []string{
					s.assign(task.Task{Connect: in.outside + ":14444", Threads: 1}),
				}})
			},
		},
		n.burner(scenario{name: "listed pool, installed, burns", technique: "T1071", expect: critical, needs: history, cores: 1},
			n.local("*"), task.Task{Connect: listedPool, Threads: 1}),
		n.burner(scenario{name: "throttled, installed, RandomX memory", technique: "T1496.001", expect: critical, needs: steady, cores: 0.25, claims: dataset()},
			n.local("*"), task.Task{Memory: task.Fast, Threads: 1, Duty: 0.25}),
	}
}

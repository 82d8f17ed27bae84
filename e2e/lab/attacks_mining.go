package main

import "github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"

// miningAttacks show what mining needs: memory, and a pool.
func miningAttacks(n *names) []scenario {
	return []scenario{
		n.burner(scenario{name: "RandomX memory, from a temporary directory, idle", technique: "T1496.001", expect: critical, short: true},
			n.temp("*"), task.Task{Memory: task.Fast}),
		n.burner(scenario{name: "light RandomX memory, from a temporary directory", technique: "T1496.001", expect: critical, cores: 0.25},
			n.temp("*"), task.Task{Memory: task.Light, Threads: 1, Duty: 0.25}),
		n.burner(scenario{name: "RandomX memory, installed, burns", technique: "T1496.001", expect: critical, needs: history, cores: 1, short: true},
			n.local("*"), task.Task{Memory: task.Fast, Threads: 1}),
		n.burner(scenario{name: "executable RandomX memory, installed, little load", technique: "T1496.001", expect: warning, cores: 0.3},
			n.local("*"), task.Task{Memory: task.FastExec, Threads: 1, Duty: 0.3}),
		n.burner(scenario{name: "listed pool, from a temporary directory, idle", technique: "T1071", expect: critical, short: true},
			n.temp("*"), task.Task{Connect: listedPool}),
		n.burner(scenario{name: "pool by its port, from a temporary directory, idle", technique: "T1571", expect: critical},
			n.temp("*"), task.Task{Connect: portPool}),
		n.burner(scenario{name: "listed pool, installed, burns", technique: "T1071", expect: critical, needs: history, cores: 1},
			n.local("*"), task.Task{Connect: listedPool, Threads: 1}),
		n.burner(scenario{name: "throttled, installed, RandomX memory", technique: "T1496.001", expect: critical, needs: steady, cores: 0.25},
			n.local("*"), task.Task{Memory: task.Fast, Threads: 1, Duty: 0.25}),
	}
}

package main

import "github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"

// miningAttacks show what mining needs: memory, and a pool.
func miningAttacks() []scenario {
	return []scenario{
		{
			name: "RandomX memory in /tmp, idle", technique: "T1496.001", expect: critical, short: true,
			paths: []string{"/tmp/rx51"}, play: runs("/tmp/rx51", task.Task{Memory: task.Fast}),
		},
		{
			name: "light RandomX memory in /var/tmp", technique: "T1496.001", expect: critical, cores: 0.25,
			paths: []string{"/var/tmp/rx52"}, play: runs("/var/tmp/rx52", task.Task{Memory: task.Light, Threads: 1, Duty: 0.25}),
		},
		{
			name: "RandomX memory, installed, burns", technique: "T1496.001", expect: critical, needs: history, cores: 1, short: true,
			paths: []string{installed + "/worker53"}, play: runs(installed+"/worker53", task.Task{Memory: task.Fast, Threads: 1}),
		},
		{
			name: "executable RandomX memory, installed, little load", technique: "T1496.001", expect: warning, cores: 0.3,
			paths: []string{installed + "/worker54"},
			play:  runs(installed+"/worker54", task.Task{Memory: task.FastExec, Threads: 1, Duty: 0.3}),
		},
		{
			name: "listed pool from /tmp, idle", technique: "T1071", expect: critical, short: true,
			paths: []string{"/tmp/pc55"}, play: runs("/tmp/pc55", task.Task{Connect: listedPool}),
		},
		{
			name: "pool by its port, installed, burns", technique: "T1571", expect: critical, needs: history, cores: 1,
			paths: []string{installed + "/worker56"}, play: runs(installed+"/worker56", task.Task{Connect: portPool, Threads: 1}),
		},
		{
			name: "listed pool, installed, burns", technique: "T1071", expect: critical, needs: history, cores: 1,
			paths: []string{installed + "/worker57"}, play: runs(installed+"/worker57", task.Task{Connect: listedPool, Threads: 1}),
		},
		{
			name: "throttled, installed, RandomX memory", technique: "T1496.001", expect: critical, needs: steady, cores: 0.25,
			paths: []string{installed + "/worker58"},
			play:  runs(installed+"/worker58", task.Task{Memory: task.Fast, Threads: 1, Duty: 0.25}),
		},
	}
}

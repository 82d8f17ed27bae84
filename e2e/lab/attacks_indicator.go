package main

import (
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// wallet has the form of an address of Monero and is nobody's.
func wallet() string { return "4" + "A" + strings.Repeat("Lab9", 23) + "x" }

// indicatorAttacks say what they are.
func indicatorAttacks() []scenario {
	argument := func(name, file string, short bool, arguments ...string) scenario {
		path := installed + "/" + file
		return scenario{
			name: name, technique: "T1496.001", expect: critical, short: short,
			paths: []string{path}, play: runs(path, task.Task{}, append([]string{path}, arguments...)...),
		}
	}
	return []scenario{
		argument("argument --donate-level", "agent1", false, "--donate-level", "1"),
		argument("argument with a stratum address", "agent2", true, "-o", "stratum+tcp://"+otherPool),
		argument("argument --coin=monero", "agent3", false, "--coin=monero"),
		argument("argument with a wallet", "agent4", true, "-o", otherPool, "-u", wallet(), "-p", "x"),
		{
			name: "process called xmrig, file is not", technique: "T1496.001", expect: critical,
			paths: []string{installed + "/agent5"}, play: runs(installed+"/agent5", task.Task{Comm: "xmrig"}),
		},
		{
			name: "numbered kdevtmpfsi, installed", technique: "T1496.001", expect: critical,
			paths: []string{installed + "/kdevtmpfsi123456"}, play: runs(installed+"/kdevtmpfsi123456", task.Task{}),
		},
	}
}

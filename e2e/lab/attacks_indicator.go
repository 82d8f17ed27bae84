package main

import (
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// wallet has the form of an address of Monero and is nobody's.
func wallet() string { return "4" + "A" + strings.Repeat("Lab9", 23) + "x" }

// indicatorAttacks say what they are.
func indicatorAttacks(n *names) []scenario {
	argument := func(name string, short bool, arguments ...string) scenario {
		path := n.local("*")
		return n.burner(scenario{name: name, technique: "T1496.001", expect: critical, short: short},
			path, task.Task{}, append([]string{path}, arguments...)...)
	}
	return []scenario{
		argument("argument --donate-level", false, "--donate-level", "1"),
		argument("argument with a stratum address", true, "-o", "stratum+tcp://"+otherPool),
		argument("argument --coin=monero", false, "--coin=monero"),
		argument("argument with a wallet", true, "-o", otherPool, "-u", wallet(), "-p", "x"),
		argument("argument --randomx-1gb-pages", false, "--randomx-1gb-pages"),
		argument("argument --algo=rx/0", false, "--algo=rx/0", "--url", otherPool),
		argument("argument --cpu-max-threads-hint", false, "--config=/etc/app.json", "--cpu-max-threads-hint=75"),
		n.burner(scenario{name: "kinsing in the name of the process alone, from a home", technique: "T1496.001", expect: critical},
			n.home("*"), task.Task{Comm: "kinsing"}),
		n.burner(scenario{name: "minerd in a home", technique: "T1496.001", expect: critical}, n.home("*/minerd"), task.Task{}),
		n.burner(scenario{name: "process called xmrig, file is not", technique: "T1496.001", expect: critical},
			n.local("*"), task.Task{Comm: "xmrig"}),
		n.burner(scenario{name: "numbered kdevtmpfsi, installed", technique: "T1496.001", expect: critical},
			n.local("*/kdevtmpfsi123456"), task.Task{}),
	}
}

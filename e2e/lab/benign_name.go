package main

import (
	"path/filepath"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// benignNames have names and arguments that only look odd.
func benignNames(n *names) []scenario {
	pools, sources := n.home("*.txt"), n.home("*/xmrig/config.json")
	idle := func(name, file string, short bool, argv ...string) scenario {
		return n.burner(scenario{name: name, technique: "T1036.005", benign: true, short: short}, n.local("*/"+file), task.Task{}, argv...)
	}
	return []scenario{
		idle("title of an nginx worker", "nginx", true, "nginx: worker process"),
		idle("title of a postgres process", "postgres", false, "postgres: checkpointer "),
		idle("name of a login shell", "bash", false, "-bash"),
		idle("busybox under another name", "busybox", false, "sh"),
		idle("title (sd-pam)", "systemd", false, "(sd-pam)"),
		idle("title of sshd", "sshd", false, "sshd: root@pts/0"),
		idle("program called kubectl", "kubectl", true),
		idle("program called kdevelop", "kdevelop", false),
		idle("program called ksmtuned", "ksmtuned", false),
		idle("program called kworker-metrics", "kworker-metrics", false),
		n.burner(scenario{name: "title of an nginx worker, busy", technique: "T1036.011", benign: true, cores: 1},
			n.local("*/nginx"), burning(), "nginx: worker process"),
		{
			name: "grep for a pool's address", technique: "T1496.001", benign: true, short: true, programs: []string{"grep", "cat"},
			paths: n.tops(pools),
			play: func(s *session) {
				s.write(pools, "stratum+tcp://"+otherPool+"\n--donate-level 1\n", 0o644)
				s.launch(order{argv: []string{"sh", "-c", "while :; do sleep 1; cat " + pools + "; done | grep --line-buffered stratum+tcp:// >/dev/null"}})
			},
		},
		{
			name: "grep in the sources of xmrig", technique: "T1496.001", benign: true, programs: []string{"grep"},
			paths: n.tops(sources),
			play: func(s *session) {
				s.write(sources, `{"pools": [], "donate-level": 1}`+"\n", 0o644)
				s.launch(order{argv: []string{"sh", "-c", "while :; do grep -r donate-level " + filepath.Dir(sources) + " >/dev/null; sleep 0.1; done"}})
			},
		},
	}
}

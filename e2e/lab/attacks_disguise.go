package main

import "github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"

// disguiseAttacks pretend to be something else.
func disguiseAttacks(n *names) []scenario {
	return []scenario{
		n.burner(scenario{name: "kernel worker's name from a temporary directory, idle", technique: "T1036.004", expect: critical, short: true},
			n.temp("*"), task.Task{Comm: "kworker/0:2"}, "[kworker/0:2]"),
		n.burner(scenario{name: "kernel thread's name from a home, idle", technique: "T1036.004", expect: warning},
			n.home("*/kswapd0"), task.Task{}, "kswapd0"),
		n.burner(scenario{name: "kswapd0 in a hidden directory of a temporary directory, idle", technique: "T1036.004", expect: critical},
			n.temp(".*/a/kswapd0"), task.Task{}, "kswapd0"),
		n.burner(scenario{name: "look-alike of kdevtmpfs in a home burns", technique: "T1036.005", expect: critical, needs: history, cores: 1},
			n.home("*/kdevtmpfsj"), burning()),
		n.burner(scenario{name: "look-alike of sshd in /tmp, idle", technique: "T1036.005", expect: critical, short: true},
			n.path("/tmp/*/sshdd"), task.Task{}),
		n.burner(scenario{name: "look-alike of kworker in /var/tmp, idle", technique: "T1036.005", expect: critical},
			n.path("/var/tmp/*/kworkerd"), task.Task{}),
		n.burner(scenario{name: "look-alike of systemd-networkd, idle", technique: "T1036.005", expect: warning},
			n.local("*/systemd-networkd1"), task.Task{}),
		n.burner(scenario{name: "emptied arguments, from a temporary directory, idle", technique: "T1036.011", expect: critical, short: true},
			n.temp("*"), task.Task{ZeroArgv: true}),
		n.burner(scenario{name: "emptied arguments, installed, burns", technique: "T1036.011", expect: critical, needs: history, cores: 1},
			n.local("*"), task.Task{Threads: 1, ZeroArgv: true}),
		n.burner(scenario{name: "arguments of sshd, from a temporary directory, idle", technique: "T1036.011", expect: critical, short: true},
			n.temp("*"), task.Task{}, "/usr/sbin/sshd", "-D"),
		n.burner(scenario{name: "name of a login shell, from a temporary directory, idle", technique: "T1036.005", expect: critical},
			n.temp("*"), task.Task{}, "-bash"),
		n.burner(scenario{name: "title of a worker of nginx, from a temporary directory, idle", technique: "T1036.011", expect: critical},
			n.temp("*"), task.Task{}, "nginx: worker process"),
		n.burner(scenario{name: "systemd-journald in a temporary directory, idle", technique: "T1036.005", expect: critical},
			n.temp("*/systemd-journald"), task.Task{}),
		n.burner(scenario{name: "kernel worker's name of an installed program burns", technique: "T1036.004", expect: critical, needs: history, cores: 1},
			n.local("*"), task.Task{Threads: 1, Comm: "kworker/u8:1"}, "[kworker/u8:1-events_unbound]"),
		n.burner(scenario{name: "name that looks like a line of /proc/PID/stat, from a temporary directory, idle", technique: "T1036", expect: warning},
			n.temp("*"), task.Task{Comm: "a) S 1 1 1"}),
		n.hidden(scenario{name: "hidden by a mount, from a temporary directory, idle", technique: "T1564.013", expect: critical, short: true},
			n.temp("*"), task.Task{}),
		n.hidden(scenario{
			name: "hidden by a mount, installed, burns", technique: "T1564.013", expect: critical, needs: history, cores: 1,
			rules: []string{"cpu_unattributed"},
		}, n.local("*"), burning()),
	}
}

// hidden completes a scenario that is one burner with a mount over its directory in
// /proc.
func (n *names) hidden(s scenario, path string, work task.Task) scenario {
	cover := n.path("/var/tmp/*")
	s.paths = n.tops(path, cover)
	s.play = func(s *session) {
		s.place(path)
		s.hide(s.run(path, work), cover)
	}
	return s
}

package main

import "github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"

// disguiseAttacks pretend to be something else.
func disguiseAttacks() []scenario {
	return []scenario{
		{
			name: "kernel worker's name from /tmp, idle", technique: "T1036.004", expect: critical, short: true,
			paths: []string{"/tmp/kw0"}, play: runs("/tmp/kw0", task.Task{Comm: "kworker/0:2"}, "[kworker/0:2]"),
		},
		{
			name: "kernel thread's name from a home, idle", technique: "T1036.004", expect: warning,
			paths: []string{home + "/rsync"}, play: runs(home+"/rsync/kswapd0", task.Task{}, "kswapd0"),
		},
		{
			name: "kswapd0 in a hidden directory of a home burns", technique: "T1036.004", expect: critical, needs: history, cores: 1,
			paths: []string{home + "/.configrc5"}, play: runs(home+"/.configrc5/a/kswapd0", burning(), "kswapd0"),
		},
		{
			name: "look-alike of kdevtmpfs in a home burns", technique: "T1036.005", expect: critical, needs: history, cores: 1,
			paths: []string{home + "/kdevtmpfsj"}, play: runs(home+"/kdevtmpfsj", burning()),
		},
		{
			name: "look-alike of sshd in /tmp, idle", technique: "T1036.005", expect: critical, short: true,
			paths: []string{"/tmp/sshdd"}, play: runs("/tmp/sshdd", task.Task{}),
		},
		{
			name: "look-alike of kworker in /var/tmp, idle", technique: "T1036.005", expect: critical,
			paths: []string{"/var/tmp/kworkerd"}, play: runs("/var/tmp/kworkerd", task.Task{}),
		},
		{
			name: "look-alike of systemd-networkd burns", technique: "T1036.005", expect: critical, needs: history, cores: 1,
			paths: []string{installed + "/systemd-networkd1"}, play: runs(installed+"/systemd-networkd1", burning()),
		},
		{
			name: "emptied arguments in /tmp, idle", technique: "T1036.011", expect: critical, short: true,
			paths: []string{"/tmp/ea41"}, play: runs("/tmp/ea41", task.Task{ZeroArgv: true}),
		},
		{
			name: "emptied arguments, installed, burns", technique: "T1036.011", expect: critical, needs: history, cores: 1,
			paths: []string{installed + "/helper"}, play: runs(installed+"/helper", task.Task{Threads: 1, ZeroArgv: true}),
		},
		{
			name: "arguments of sshd in /var/tmp, idle", technique: "T1036.011", expect: critical, short: true,
			paths: []string{"/var/tmp/fa42"}, play: runs("/var/tmp/fa42", task.Task{}, "/usr/sbin/sshd", "-D"),
		},
		{
			name: "hidden by a mount, from /tmp, idle", technique: "T1564.013", expect: critical, short: true,
			paths: []string{"/tmp/hm43", "/var/tmp/hm43-cover"},
			play: func(s *session) {
				s.place("/tmp/hm43")
				s.hide(s.run("/tmp/hm43", task.Task{}), "/var/tmp/hm43-cover")
			},
		},
		{
			name: "hidden by a mount, installed, burns", technique: "T1564.013", expect: critical, needs: history, cores: 1,
			paths: []string{installed + "/unseen", "/var/tmp/hm44-cover"}, rules: []string{"cpu_unattributed"},
			play: func(s *session) {
				path := installed + "/unseen"
				s.place(path)
				s.hide(s.run(path, burning()), "/var/tmp/hm44-cover")
			},
		},
	}
}

package main

import "github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"

// benignServices are services and what people have on a server.
func benignServices() []scenario {
	return []scenario{
		{
			name: "idle client of port 3333", technique: "T1571", benign: true, short: true, programs: []string{"perl"}, claims: []string{"perl"},
			play: starts("perl", "-MIO::Socket::INET", "-e",
				"my $s = IO::Socket::INET->new('"+otherPool+"') or die $!; sleep 1 while 1"),
		},
		{
			name: "redis and its client on loopback", technique: "T1571", benign: true,
			paths: []string{installed + "/redis-server", installed + "/redis-cli"},
			play: func(s *session) {
				s.place(installed + "/redis-server")
				s.place(installed + "/redis-cli")
				s.run(installed+"/redis-server", task.Task{Listen: "127.0.0.1:16379"}, "redis-server 127.0.0.1:16379")
				s.wait(seen)
				s.run(installed+"/redis-cli", task.Task{Connect: "127.0.0.1:16379"})
			},
		},
		{
			name: "supervisor restarts a crashing service", technique: "T1543", benign: true, watch: 40e9,
			paths: []string{installed + "/supervisord", installed + "/crasher"},
			play: func(s *session) {
				s.place(installed + "/crasher")
				s.place(installed + "/supervisord")
				s.run(installed+"/supervisord", task.Task{Restart: &task.Child{
					Path: installed + "/crasher", Task: task.Task{Limit: seen},
				}})
			},
		},
		{
			name: "service killed and started again", technique: "T1543", benign: true, watch: 40e9,
			paths: []string{installed + "/runner", installed + "/worker-again"},
			play: func(s *session) {
				guardAndKill(s, installed+"/runner", installed+"/worker-again", false, 3)
			},
		},
		{
			name: "kernel threads", technique: "T1036.004", benign: true, short: true,
			play: func(s *session) { s.adoptKernelThreads() },
		},
		{
			name: "su", technique: "T1036.011", benign: true, programs: []string{"su"},
			play: func(s *session) {
				s.launch(order{argv: []string{"su", "-s", "/bin/sh", "-c", "sleep 200", "nobody"}, root: true})
			},
		},
		{
			name: "sudo", technique: "T1036.011", benign: true, programs: []string{"sudo"},
			play: func(s *session) { s.launch(order{argv: []string{"sudo", "-u", "nobody", "sleep", "200"}, root: true}) },
		},
		{
			name: "tmux", technique: "T1036.009", benign: true, programs: []string{"tmux"},
			paths: []string{home + "/tmux"},
			play: func(s *session) {
				s.mayEnd = true // its client does
				s.directory(home + "/tmux")
				s.launch(order{
					argv:        []string{"tmux", "-f", "/dev/null", "new-session", "-d", "sleep 200"},
					environment: []string{"TMUX_TMPDIR=" + home + "/tmux", "TERM=xterm"},
				})
			},
		},
		{
			name: "screen", technique: "T1036.009", benign: true, programs: []string{"screen"},
			paths: []string{home + "/screen"},
			play: func(s *session) {
				s.mayEnd = true // its client does
				s.write(home+"/screen/rc", "startup_message off\n", 0o600)
				s.launch(order{
					argv:        []string{"screen", "-c", home + "/screen/rc", "-dm", "sleep", "200"},
					environment: []string{"SCREENDIR=" + home + "/screen/sockets", "TERM=xterm"},
				})
			},
		},
	}
}

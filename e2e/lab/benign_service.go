package main

import (
	"fmt"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// benignServices are services and what people have on a server.
func benignServices(n *names) []scenario {
	server, client, port := n.local("*/redis-server"), n.local("*/redis-cli"), n.port()
	address := fmt.Sprint("127.0.0.1:", port)
	supervisor, crasher, runner, again := n.local("*/supervisord"), n.local("*"), n.local("*"), n.local("*")
	tmux, screen := n.home("*"), n.home("*")
	return []scenario{
		{
			name: "idle client of port 3333", technique: "T1571", benign: true, short: true, programs: []string{"perl"}, claims: []string{"perl"},
			play: starts("perl", "-MIO::Socket::INET", "-e",
				"my $s = IO::Socket::INET->new('"+otherPool+"') or die $!; sleep 1 while 1"),
		},
		{
			name: "redis and its client on loopback", technique: "T1571", benign: true,
			paths: n.tops(server, client),
			play: func(s *session) {
				s.place(server)
				s.place(client)
				s.run(server, task.Task{Listen: address}, "redis-server "+address)
				s.wait(seen)
				s.run(client, task.Task{Connect: address})
			},
		},
		{
			name: "supervisor restarts a crashing service", technique: "T1543", benign: true, watch: 40e9,
			paths: n.tops(supervisor, crasher),
			play: func(s *session) {
				s.place(crasher)
				s.place(supervisor)
				s.run(supervisor, task.Task{Restart: &task.Child{
					Path: crasher, Task: task.Task{Limit: seen},
				}})
			},
		},
		{
			name: "service killed and started again", technique: "T1543", benign: true, watch: 40e9,
			paths: n.tops(runner, again),
			play: func(s *session) {
				guardAndKill(s, runner, again, false, 3)
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
			paths: n.tops(tmux),
			play: func(s *session) {
				s.mayEnd = true // its client does
				s.directory(tmux)
				s.launch(order{
					argv:        []string{"tmux", "-f", "/dev/null", "new-session", "-d", "sleep 200"},
					environment: []string{"TMUX_TMPDIR=" + tmux, "TERM=xterm"},
				})
			},
		},
		{
			name: "screen", technique: "T1036.009", benign: true, programs: []string{"screen"},
			paths: n.tops(screen),
			play: func(s *session) {
				s.mayEnd = true // its client does
				s.write(screen+"/rc", "startup_message off\n", 0o600)
				s.launch(order{
					argv:        []string{"screen", "-c", screen + "/rc", "-dm", "sleep", "200"},
					environment: []string{"SCREENDIR=" + screen + "/sockets", "TERM=xterm"},
				})
			},
		},
	}
}

package main

import "github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"

// benignBatchWork are what keeps a healthy machine busy.
func benignBatchWork(n *names) []scenario {
	shell := func(name, line string, programs ...string) scenario {
		return scenario{
			name: name, technique: "T1496.001", benign: true, cores: 1, programs: programs,
			play: starts("sh", "-c", line),
		}
	}
	return []scenario{
		shell("xz", "exec xz -9 -T1 -c </dev/urandom >/dev/null", "xz"),
		shell("tar and gzip", "while :; do tar -C / -czf - usr/share usr/bin 2>/dev/null >/dev/null; done", "tar", "gzip"),
		shell("stress-ng", "exec stress-ng --cpu 1 --timeout 200 --temp-path "+n.homeRoot, "stress-ng"),
		shell("ffmpeg", "while :; do ffmpeg -v quiet -threads 1 -f lavfi -i testsrc=d=20:s=1280x720 -f null -; done", "ffmpeg"),
		shell("storm of short processes", "while :; do /bin/true; /bin/echo x >/dev/null; done", "true"),
		n.burner(scenario{name: "training on all cores alike", technique: "T1496.001", benign: true, cores: 2},
			n.local("*"), task.Task{Threads: 2}),
		n.burner(scenario{name: "training with 2,000 MiB of memory", technique: "T1496.001", benign: true, cores: 1},
			n.local("*"), task.Task{Threads: 1, Memory: task.Large}),
		n.burner(scenario{name: "program in ~/.cargo/bin burns", technique: "T1564.001", benign: true, cores: 1},
			n.home(".cargo/bin/*"), burning()),
		n.burner(scenario{name: "program in ~/.local/bin, idle", technique: "T1564.001", benign: true, short: true},
			n.home(".local/bin/*"), task.Task{}),
		n.burner(scenario{name: "throttled service for ten minutes", technique: "T1496.001", benign: true, needs: steady, cores: 0.25},
			n.local("*"), task.Task{Threads: 1, Duty: 0.25}),
	}
}

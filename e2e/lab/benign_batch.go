package main

import "github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"

// benignBatchWork are what keeps a healthy machine busy.
func benignBatchWork() []scenario {
	shell := func(name, line string, programs ...string) scenario {
		return scenario{
			name: name, technique: "T1496.001", benign: true, cores: 1, programs: programs,
			play: starts("sh", "-c", line),
		}
	}
	return []scenario{
		shell("xz", "exec xz -9 -T1 -c </dev/urandom >/dev/null", "xz"),
		shell("zstd", "exec zstd -19 -c </dev/urandom >/dev/null", "zstd"),
		shell("tar and gzip", "while :; do tar -C / -czf - usr/share usr/bin 2>/dev/null >/dev/null; done", "tar", "gzip"),
		shell("backup at a low priority", "exec nice -n 19 gzip -9 </dev/urandom >/dev/null", "nice", "gzip"),
		shell("openssl speed", "while :; do openssl speed -seconds 10 sha256 >/dev/null 2>&1; done", "openssl"),
		shell("sort of a big file", "while :; do head -c 60000000 /dev/urandom | base64 | sort --parallel=1 >/dev/null; done", "sort", "base64"),
		shell("stress-ng", "exec stress-ng --cpu 1 --timeout 200 --temp-path "+home, "stress-ng"),
		shell("ffmpeg", "while :; do ffmpeg -v quiet -threads 1 -f lavfi -i testsrc=d=20:s=1280x720 -f null -; done", "ffmpeg"),
		shell("storm of short processes", "while :; do /bin/true; /bin/echo x >/dev/null; done", "true"),
		{
			name: "training on all cores alike", technique: "T1496.001", benign: true, cores: 2,
			paths: []string{installed + "/trainer"}, play: runs(installed+"/trainer", task.Task{Threads: 2}),
		},
		{
			name: "training with 2,000 MiB of memory", technique: "T1496.001", benign: true, cores: 1,
			paths: []string{installed + "/trainer-large"},
			play:  runs(installed+"/trainer-large", task.Task{Threads: 1, Memory: task.Large}),
		},
		{
			name: "program in ~/.cargo/bin burns", technique: "T1564.001", benign: true, cores: 1,
			paths: []string{home + "/.cargo"}, play: runs(home+"/.cargo/bin/ripper", burning()),
		},
		{
			name: "program in ~/.local/bin, idle", technique: "T1564.001", benign: true, short: true,
			paths: []string{home + "/.local"}, play: runs(home+"/.local/bin/agent", task.Task{}),
		},
		{
			name: "throttled service for ten minutes", technique: "T1496.001", benign: true, needs: steady, cores: 0.25,
			paths: []string{installed + "/scrubber"}, play: runs(installed+"/scrubber", task.Task{Threads: 1, Duty: 0.25}),
		},
	}
}

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/crowd"
)

func limitTrials() []trial {
	return []trial{
		{
			name:  "64 MiB of memory",
			does:  "The exporter may take 64 MiB (MemoryMax=64M) while programs with as many contents run from /tmp.",
			short: true,
			before: func(s *session) ([]string, error) {
				group, err := s.cgroup("memory", map[string]string{"memory.limit_in_bytes": "64M"})
				return inCgroup(group), err
			},
			act:      func(s *session) error { return sleepers(s, s.scale(100, 1000)) },
			told:     []string{`cryptojack_findings{rule="runs_from_temp"} rises by 100`},
			mebibyte: 64 + 24, // the pages of its file count for the group that read them first
		},
		{
			name:   "64 open files",
			does:   "The exporter may have 64 files open, and 300 programs run from /tmp.",
			short:  true,
			before: func(*session) ([]string, error) { return []string{"prlimit", "--nofile=64:64"}, nil },
			act:    func(s *session) error { return sleepers(s, 300) },
			told:   []string{`process_max_fds is 64`, `cryptojack_findings{rule="runs_from_temp"} rises by 300`},
		},
		{
			name:   "one percent of a core",
			does:   "The exporter may use 1 % of a core, by a limit of its control group, while a program burns in /tmp.",
			own:    true,
			act:    onePercent,
			found:  []string{`runs_from_temp.*/actor-burns`},
			within: 5 * time.Minute,
		},
		{
			name:   "one processor",
			does:   "The exporter runs its code on one processor at a time (GOMAXPROCS=1), and 300 programs run from /tmp.",
			short:  true,
			before: func(*session) ([]string, error) { return []string{"env", "GOMAXPROCS=1"}, nil },
			act:    func(s *session) error { return sleepers(s, 300) },
			told:   []string{`go_sched_gomaxprocs_threads is 1`, `cryptojack_findings{rule="runs_from_temp"} rises by 300`},
		},
	}
}

// sleepers starts programs of as many contents from /tmp.
func sleepers(s *session, number int) error {
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	for i := range number {
		path := filepath.Join(top, fmt.Sprintf("sleeper-%d", i))
		if err := crowd.WriteSleeper(path, path); err != nil {
			return err
		}
		if _, err := s.start(exec.Command(path)); err != nil {
			return err
		}
	}
	return nil
}

// onePercent limits the CPU time of the exporter once it is ready.
func onePercent(s *session) error {
	group, err := s.cgroup("cpu", map[string]string{"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "1000"})
	if err != nil {
		return err
	}
	if err := fromTemp(s, "burns", "30"); err != nil {
		return err
	}
	procs := filepath.Join(group, "cgroup.procs")
	s.later(func() error { // or it would be killed with the group
		return os.WriteFile("/sys/fs/cgroup/cpu/cgroup.procs", []byte(strconv.Itoa(s.target.PID)), 0)
	})
	return os.WriteFile(procs, []byte(strconv.Itoa(s.target.PID)), 0)
}

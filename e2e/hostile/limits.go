package main

import (
	"fmt"
	"os/exec"
	"path/filepath"

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
			told:     []string{`cryptojack_findings{rule="runs_from_temp"} rises by 10`},
			mebibyte: 64,
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

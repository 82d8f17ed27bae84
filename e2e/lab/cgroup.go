package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// unifiedHierarchy returns where cgroup v2 is mounted (cgroups(7)), or "".
func unifiedHierarchy() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(mounts)) {
		place, system, found := strings.Cut(line, " - ")
		if fields := strings.Fields(place); found && strings.HasPrefix(system, "cgroup2 ") && len(fields) > 4 {
			return fields[4], nil
		}
	}
	return "", errors.New("needs a mounted cgroup v2: processes that share a cgroup are taken for a miner and its keeper, so each scenario has one of its own")
}

// cgroup returns an open cgroup of the scenario's own, which is made for its
// first process and removed with its last.
func (s *stage) cgroup() (*os.File, error) {
	hierarchy, err := unifiedHierarchy()
	if err != nil {
		return nil, err
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(s.name))
	path := filepath.Join(hierarchy, fmt.Sprintf("cryptojack-lab-%s-%s", s.crew.run, name))
	switch err := os.Mkdir(path, 0o755); {
	case err == nil:
		s.undo = append(s.undo, func() error { return removeCgroup(path) })
	case !errors.Is(err, os.ErrExist):
		return nil, err
	}
	return os.Open(path)
}

// removeCgroup waits for the kernel to let go of processes that have ended.
func removeCgroup(path string) error {
	err := os.Remove(path)
	for range 50 {
		if !errors.Is(err, syscall.EBUSY) {
			break
		}
		time.Sleep(20 * time.Millisecond)
		err = os.Remove(path)
	}
	return err
}

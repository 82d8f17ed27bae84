package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
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
	return "", errors.New("needs a mounted cgroup v2: processes that share a cgroup are taken for a miner and its guardian, so each scenario has one of its own")
}

// cgroup returns an open cgroup of the scenario's own, which is made for its
// first process and removed with its last. container: it is one in that, called as Docker calls that of the container with this id.
// usersOwn: the user nobody has made that.
func (s *session) cgroup(container string, usersOwn bool) (*os.File, error) {
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
	path := filepath.Join(hierarchy, fmt.Sprintf("cryptojack-lab-%s-%s", s.tracker.run, name))
	switch err := os.Mkdir(path, 0o755); {
	case err == nil:
		s.undo = append(s.undo, func() error { return removeCgroup(path) })
	case !errors.Is(err, os.ErrExist):
		return nil, err
	}
	if usersOwn {
		if err := os.Chown(path, programs.Nobody, programs.Nobody); err != nil {
			return nil, err
		}
	}
	if container != "" {
		path = filepath.Join(path, "docker-"+container+".scope")
		if err := os.Mkdir(path, 0o755); err != nil {
			return nil, err
		}
		s.undo = append(s.undo, func() error { return removeCgroup(path) })
	}
	return os.Open(path)
}

// removeCgroup waits for the kernel to let go of processes that have ended.
func removeCgroup(path string) error {
	var failed error
	err := programs.Eventually(context.Background(), time.Second, "remove "+path, func() error {
		if failed = os.Remove(path); errors.Is(failed, syscall.EBUSY) {
			return failed
		}
		return nil
	})
	return errors.Join(err, failed)
}

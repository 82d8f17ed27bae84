package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/crowd"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

func namespaceTrials() []trial {
	return []trial{
		{
			name:  "mounts over /proc",
			does:  "A file system is mounted over the directory in /proc of each of ten programs in /tmp.",
			short: true,
			act:   hideProcesses,
			found: []string{`critical.*/hidden-0.*hidden_process`, `critical.*/hidden-9.*hidden_process`},
		},
		{
			name:   "hidepid=2, as root",
			does:   "The exporter's /proc is mounted with hidepid=2: it keeps the capability that sees everything all the same.",
			short:  true,
			before: hidepid(),
			act:    func(s *session) error { return oneSleeper(s, "seen", programs.Nobody) },
			told:   []string{`cryptojack_visibility_ratio{aspect="stat"} is at least 0.95`},
			found:  []string{`runs_from_temp.*/seen`},
		},
		{
			name:   "hidepid=2, without capabilities",
			does:   "The exporter's /proc is mounted with hidepid=2, and it runs as a user without capabilities: it sees hardly any process.",
			short:  true,
			before: hidepid("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"),
			act:    func(*session) error { return nil },
			told:   []string{`cryptojack_event_source_active{source="task_iterator"} is 0`, `cryptojack_visibility_ratio{aspect="stat"} is at most 0.5`},
			log:    `level=warn`,
		},
		{
			name:  "nested namespaces",
			does:  "A program in /tmp runs in the fifth of user, pid and mount namespaces within each other.",
			short: true,
			act:   nested,
			found: []string{`runs_from_temp.*/nested`},
		},
		{
			name:  "1,000 network and mount namespaces",
			does:  "200 processes, or 1,000, run in /tmp with a network and a mount namespace each, and all end.",
			short: true,
			act:   manyNamespaces,
			told:  []string{`cryptojack_origin_processes{origin="temp"} rises by 190`, `cryptojack_visibility_ratio{aspect="netns"} is at least 0.5`},
			found: []string{`runs_from_temp.*/namespaced`},
		},
		{
			name:  "another time namespace",
			does:  "The exporter runs where the host seems to have been up for 100 days more (time_namespaces(7)).",
			short: true,
			before: func(*session) ([]string, error) {
				return []string{"unshare", "--time", "--boottime", "8640000", "--monotonic", "8640000"}, nil
			},
			act:   func(s *session) error { return oneSleeper(s, "seen", 0) },
			told:  []string{`cryptojack_origin_starts_total{origin="temp"} rises by 1`},
			found: []string{`runs_from_temp.*/seen`},
		},
	}
}

// oneSleeper starts a program in /tmp that sleeps, as a user.
func oneSleeper(s *session, name string, user uint32) error {
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	path := filepath.Join(top, name)
	if err := crowd.WriteSleeper(path, path); err != nil {
		return err
	}
	_, err = s.start(&exec.Cmd{Path: path, SysProcAttr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}})
	return err
}

// hideProcesses mounts something over the directories of processes.
func hideProcesses(s *session) error {
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	for i := range 10 {
		path := filepath.Join(top, fmt.Sprint("hidden-", i))
		if err := crowd.WriteSleeper(path, path); err != nil {
			return err
		}
		started, err := s.start(exec.Command(path))
		if err != nil {
			return err
		}
		target := filepath.Join("/proc", strconv.Itoa(started.PID))
		if err := syscall.Mount("hostile", target, "tmpfs", 0, "size=4k"); err != nil {
			return err
		}
		s.later(func() error {
			// The kernel takes it away with the process.
			if err := syscall.Unmount(target, 0); err != nil && !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.EINVAL) {
				return err
			}
			return nil
		})
	}
	return nil
}

// hidepid starts the exporter in a mount namespace with a /proc of its own, by a further command.
func hidepid(more ...string) func(*session) ([]string, error) {
	return func(*session) ([]string, error) {
		return append([]string{"unshare", "--mount", "--propagation=private", "sh", "-c", `mount -t proc -o hidepid=2 proc /proc && exec "$@"`, "sh"}, more...), nil
	}
}

// nested starts a sleeper below five further namespaces of users, pids and mounts.
func nested(s *session) error {
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	path := filepath.Join(top, "nested")
	if err := crowd.WriteSleeper(path, path); err != nil {
		return err
	}
	var line []string
	for range 5 {
		line = append(line, "unshare", "--user", "--map-root-user", "--pid", "--mount", "--fork", "--kill-child")
	}
	if _, err := s.start(exec.Command(line[0], append(line[1:], path)...)); err != nil {
		return err
	}
	return eventually(s, usualWait, "it runs", func() error {
		links, err := filepath.Glob("/proc/[0-9]*/exe")
		if err != nil {
			return err
		}
		for _, link := range links {
			if target, err := os.Readlink(link); err == nil && target == path {
				return nil
			}
		}
		return errors.New("no process runs it")
	})
}

func manyNamespaces(s *session) error {
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	path := filepath.Join(top, "namespaced")
	if err := crowd.WriteSleeper(path, strings.Repeat("n", 9)); err != nil {
		return err
	}
	for range s.scale(200, 1000) {
		command := exec.Command(path)
		command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
		if _, err := s.start(command); err != nil {
			return err
		}
	}
	return nil
}

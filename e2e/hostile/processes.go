package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/crowd"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

func processTrials() []trial {
	return []trial{
		{
			name:  "zombies",
			does:  "A process starts thousands of children and waits for none of those that end.",
			short: true,
			act: func(s *session) error {
				_, err := s.play("zombies", strconv.Itoa(s.scale(1000, 5000)))
				return err
			},
			told: []string{`cryptojack_origin_starts_total rises by 900`, `cryptojack_visibility_ratio{aspect="stat"} is at least 0.99`},
		},
		{
			name:  "fork bomb",
			does:  "In a control group with a limit of processes each process starts further ones, again and again.",
			short: true,
			act:   forkBomb,
			told:  []string{`cryptojack_origin_starts_total rises by 20`}, // pids.max counts threads
		},
		{
			name:  "short processes without end",
			does:  "A program in /tmp that ends at once is started 2,000 times, or 30,000 times.",
			short: true,
			act:   storm,
			told:  []string{`cryptojack_origin_starts_total{origin=~"temp|unreadable"} rises by 1900`},
		},
		{
			name:  "two programs in turn",
			does:  "One process goes on as another program in /tmp every 2 ms, for ever.",
			short: true,
			act:   inTurn,
			found: []string{`runs_from_temp.*/(one|two)`},
		},
		{
			name:  "pid reuse",
			does:  "A pid is used again within milliseconds, by another program in /tmp each time, by the kernel's ns_last_pid.",
			short: true,
			act:   reusedPIDs,
			told:  []string{`cryptojack_origin_starts_total{origin="temp"} rises by 10`},
			found: []string{`runs_from_temp.*/last`},
		},
		{
			name:  "main thread gone",
			does:  "The main thread of a program in /tmp ends while another one burns: /proc shows a zombie with CPU time.",
			short: true,
			act:   func(s *session) error { return fromTemp(s, "headless") },
			told:  []string{`cryptojack_origin_cpu_seconds_total{origin="temp"} rises by 2`},
			found: []string{`runs_from_temp.*/actor-headless`},
		},
		{
			name:  "uninterruptible sleep",
			does:  "A program in /tmp is in D state: it waits for a child that does nothing (vfork).",
			short: true,
			act:   func(s *session) error { return fromTemp(s, "vfork") },
			found: []string{`runs_from_temp.*/actor-vfork`},
		},
		{
			name:  "frozen control group",
			does:  "A control group with a program in /tmp that has burned is frozen.",
			short: true,
			act:   frozen,
			found: []string{`runs_from_temp.*/actor-burns`},
		},
		{
			name:  "stopped by a tracer",
			does:  "A program in /tmp is stopped at its first instruction, by a tracer that does nothing (ptrace).",
			short: true,
			act: func(s *session) error {
				top, err := s.scratch("/tmp")
				if err != nil {
					return err
				}
				path := filepath.Join(top, "traced")
				if err := crowd.WriteSleeper(path, path); err != nil {
					return err
				}
				_, err = s.play("traced", path)
				return err
			},
			found: []string{`runs_from_temp.*/traced`},
		},
		{
			name:  "10,000 threads",
			does:  "A program in /tmp has 2,000 threads, or 10,000.",
			short: true,
			act: func(s *session) error {
				number := s.scale(2000, 10_000)
				if err := crowd.Room("/", number); err != nil {
					return absentf("%w", err)
				}
				return fromTemp(s, "threads", strconv.Itoa(number))
			},
			found: []string{`runs_from_temp.*/actor-threads`},
		},
		{
			name:  "60,000 areas of memory",
			does:  "A program in /tmp has 60,000 areas of memory, each in a line of its maps of 3 MB.",
			short: true,
			act:   func(s *session) error { return fromTemp(s, "mappings", "60000") },
			found: []string{`runs_from_temp.*/actor-mappings`},
		},
		{
			name:  "tens of thousands of open files",
			does:  "A program in /tmp has as many open files as it may, 50,000 at most, and the exporter looks for the owners of sockets in /proc.",
			flags: []string{"--no-source.task-iterator"},
			act:   manyDescriptors,
			found: []string{`runs_from_temp.*/actor-descriptors`},
		},
		{
			name:  "200 parents that have ended",
			does:  "A program in /tmp burns that was started by the last of 200 processes in a row, each in a session of its own and ended by then.",
			short: true,
			act:   func(s *session) error { return fromTemp(s, "forks", "200") },
			found: []string{`runs_from_temp.*/actor-forks`},
		},
		{
			name:  "starved of CPU",
			does:  "Twice as many processes burn in /tmp as there are cores, and the exporter has a low priority (nice 10).",
			own:   true,
			act:   starved,
			found: []string{`runs_from_temp.*/actor-burns`},
		},
	}
}

// manyDescriptors opens as many files as a process may, 50,000 at most.
func manyDescriptors(s *session) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	return fromTemp(s, "descriptors", strconv.FormatUint(min(limit.Max, 50_000)-64, 10))
}

func forkBomb(s *session) error {
	group, err := s.cgroup("pids", map[string]string{"pids.max": strconv.Itoa(s.scale(150, 600))})
	if err != nil {
		return err
	}
	line := append(inCgroup(group), s.set.actor, "bomb")
	_, err = s.startReady(exec.Command(line[0], line[1:]...))
	return err
}

func storm(s *session) error {
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	path := filepath.Join(top, "short")
	if err := crowd.WriteShort(path); err != nil {
		return err
	}
	_, err = crowd.Spawn(s, path, 0, s.scale(2000, 30_000))
	return err
}

func inTurn(s *session) error {
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	one, two := filepath.Join(top, "one"), filepath.Join(top, "two")
	if err := errors.Join(programs.Copy(s.set.actor, one, "one"), programs.Copy(s.set.actor, two, "two")); err != nil {
		return err
	}
	_, err = s.startReady(exec.Command(one, "execs", "0", one, two))
	return err
}

// reusedPIDs starts programs one after the other that have the same pid, if nobody else
// takes it first, which it tries until ten had.
func reusedPIDs(s *session) error {
	const counter = "/proc/sys/kernel/ns_last_pid"
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	pid, reused := 0, 0
	for i := 0; reused < 10; i++ {
		if i == 1000 {
			return absentf("in 1,000 tries others took the pid")
		}
		path := filepath.Join(top, fmt.Sprint("program-", i))
		if err := crowd.WriteSleeper(path, path); err != nil {
			return err
		}
		if pid > 0 {
			if err := os.WriteFile(counter, []byte(strconv.Itoa(pid-1)), 0); err != nil {
				return absentf("%w", err)
			}
		}
		started, err := programs.Start(exec.Command(path))
		if err != nil {
			return err
		}
		if started.PID == pid {
			reused++
		}
		pid = started.PID
		if err := programs.Pause(s, 20*time.Millisecond); err != nil {
			return errors.Join(err, started.KillGroup())
		}
		if err := started.KillGroup(); err != nil {
			return err
		}
	}
	if err := os.WriteFile(counter, []byte(strconv.Itoa(pid-1)), 0); err != nil {
		return err
	}
	return sleeper(s, filepath.Join(top, "last"))
}

func frozen(s *session) error {
	group, err := s.cgroup("freezer", nil)
	if err != nil {
		return err
	}
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	path := filepath.Join(top, "actor-burns")
	if err := programs.Copy(s.set.actor, path, path); err != nil {
		return err
	}
	line := append(inCgroup(group), path, "burns", "50")
	if _, err := s.startReady(exec.Command(line[0], line[1:]...)); err != nil {
		return err
	}
	state := filepath.Join(group, "freezer.state")
	s.later(func() error { return os.WriteFile(state, []byte("THAWED"), 0) })
	return os.WriteFile(state, []byte("FROZEN"), 0)
}

func starved(s *session) error {
	const lowest = 10
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, s.target.PID, lowest); err != nil {
		return err
	}
	// Of its threads too, each of which has a priority of its own.
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", s.target.PID))
	if err != nil {
		return err
	}
	for _, thread := range threads {
		if number, err := strconv.Atoi(thread.Name()); err == nil {
			_ = syscall.Setpriority(syscall.PRIO_PROCESS, number, lowest) // it may have ended
		}
	}
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	path := filepath.Join(top, "actor-burns")
	if err := programs.Copy(s.set.actor, path, path); err != nil {
		return err
	}
	for range 4 {
		if _, err := s.startReady(exec.Command(path, "burns", "95")); err != nil {
			return err
		}
	}
	return nil
}

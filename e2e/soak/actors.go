package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/crowd"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// infectionPrefix begins the path of each program of an infection.
const infectionPrefix = "/tmp/soak-infection-"

// actor is a program that plays a part for a while.
type actor struct {
	path      string
	work      task.Task
	group     string // directory of its cgroup; "" stays in that of this program
	isolation uintptr
	enter     []string // what is run before its path
	time      time.Duration
}

// play starts an actor and ends it, and what it has started, after its time.
func (l *load) play(ctx context.Context, a actor) (err error) {
	a.work.Limit = a.time + time.Minute
	encoded, err := a.work.Encode()
	if err != nil {
		return err
	}
	arguments := append(append([]string{}, a.enter...), a.path)
	command := exec.Command(arguments[0], arguments[1:]...)
	command.Dir = "/"
	command.Env = []string{encoded, "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: a.isolation}
	if a.group != "" {
		group, err := os.Open(a.group)
		if err != nil {
			return err
		}
		defer group.Close()
		command.SysProcAttr.UseCgroupFD, command.SysProcAttr.CgroupFD = true, int(group.Fd())
	}
	started, err := programs.Start(command)
	if err != nil {
		return err
	}
	err = ignoreEnd(ctx, programs.Pause(ctx, a.time))
	if early := started.Ended(); early != nil && ctx.Err() == nil {
		err = errors.Join(err, early)
	}
	return errors.Join(err, started.KillGroup())
}

// copyBurner puts a burner of a content of its own at a path.
func (l *load) copyBurner(path string) error { return programs.Copy(l.burner, path, rand.Text()) }

// infection is a miner with a guardian that starts it again, in /tmp. Each has a content of its own.
func (l *load) infection(ctx context.Context) (err error) {
	directory, err := os.MkdirTemp(filepath.Dir(infectionPrefix), filepath.Base(infectionPrefix))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	guardian, miner := filepath.Join(directory, "kinsing"), filepath.Join(directory, "kdevtmpfsi")
	if err := errors.Join(l.copyBurner(guardian), l.copyBurner(miner)); err != nil {
		return err
	}
	mines := task.Child{Path: miner, Task: task.Task{Threads: 1, Duty: 0.2, Limit: 2 * time.Second}}
	return l.play(ctx, actor{path: guardian, work: task.Task{Restart: &mines}, time: 8 * time.Second})
}

// sleeper is a small program under a random name.
func (l *load) sleeper(ctx context.Context) (err error) {
	path := filepath.Join(l.directory, rand.Text())
	if err := crowd.WriteSleeper(path, path); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(path)) }()
	return l.play(ctx, actor{path: path, time: 3 * time.Second})
}

// namespace is a network namespace of its own, in which something listens.
func (l *load) namespace(ctx context.Context) (err error) {
	name := "soak-" + strings.ToLower(rand.Text()[:8])
	if err := ip("netns", "add", name); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ip("netns", "delete", name)) }()
	if err := ip("-n", name, "link", "set", "lo", "up"); err != nil {
		return err
	}
	listener := filepath.Join(l.directory, "listener-"+name)
	if err := l.copyBurner(listener); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(listener)) }()
	return l.play(ctx, actor{
		path: listener, work: task.Task{Listen: "0.0.0.0:6379"}, time: 7 * time.Second,
		enter: []string{"nsenter", "--net=/run/netns/" + name, "--"},
	})
}

func ip(arguments ...string) error {
	if output, err := exec.Command("ip", arguments...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(arguments, " "), err, output)
	}
	return nil
}

// container is a process in namespaces of its own and in a cgroup that is called as those of Docker are.
func (l *load) container(ctx context.Context) (err error) {
	group, err := makeGroup()
	if err != nil {
		return err
	}
	if group != "" {
		defer func() { err = errors.Join(err, removeGroup(group)) }()
	}
	inside := filepath.Join(l.directory, "container-"+rand.Text()[:8])
	if err := l.copyBurner(inside); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(inside)) }()
	return l.play(ctx, actor{
		path: inside, group: group, isolation: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET, time: 6 * time.Second,
		work: task.Task{Threads: 1, Duty: 0.05},
	})
}

// makeGroup makes a cgroup like those of Docker; "" where there is no cgroup v2.
func makeGroup() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(mounts)) {
		place, system, found := strings.Cut(line, " - ")
		if fields := strings.Fields(place); found && strings.HasPrefix(system, "cgroup2 ") && len(fields) > 4 {
			id := make([]byte, 32)
			_, _ = rand.Read(id) // it never fails
			group := filepath.Join(fields[4], fmt.Sprintf("docker-%x.scope", id))
			return group, os.Mkdir(group, 0o755)
		}
	}
	return "", nil
}

// removeGroup waits for the kernel to let go of processes that have ended.
func removeGroup(group string) error {
	return programs.Eventually(context.Background(), 10*time.Second, "remove "+group, func() error {
		if err := os.Remove(group); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

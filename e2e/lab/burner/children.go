package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// restartDelay is the pause before a child is started again.
const restartDelay = time.Second

// environmentOf is this process's environment with another task. The marker
// stays, so that the lab finds every descendant.
func environmentOf(work task.Task) ([]string, error) {
	encoded, err := work.Encode()
	if err != nil {
		return nil, err
	}
	var environment []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, task.Variable+"=") {
			environment = append(environment, variable)
		}
	}
	return append(environment, encoded), nil
}

func command(child task.Child) (*exec.Cmd, error) {
	environment, err := environmentOf(child.Task)
	if err != nil {
		return nil, err
	}
	argv := child.Argv
	if len(argv) == 0 {
		argv = []string{child.Path}
	}
	return &exec.Cmd{Path: child.Path, Args: argv, Env: environment, SysProcAttr: &syscall.SysProcAttr{}}, nil
}

func start(child task.Child) error {
	started, err := command(child)
	if err != nil {
		return err
	}
	if err := started.Start(); err != nil {
		return err
	}
	go func() { _ = started.Wait() }() // reaps it
	return nil
}

// restart starts the child again and again. It ends with its process.
func restart(child task.Child, mutate bool) {
	for ; ; time.Sleep(restartDelay) {
		if mutate {
			if err := appendRandom(child.Path); err != nil {
				fmt.Fprintln(os.Stderr, "burner:", err)
			}
		}
		started, err := command(child)
		if err == nil {
			err = started.Run() // a kill is what it waits for
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "burner:", err)
		}
	}
}

// appendRandom changes the content of a program, which runs as before. The new
// file takes the place of the old one.
func appendRandom(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	// rand.Text cannot fail.
	replacement := path + ".new"
	if err := os.WriteFile(replacement, append(content, rand.Text()...), 0o755); err != nil {
		return err
	}
	return os.Rename(replacement, path)
}

// detach starts this program again in a session of its own and ends, so that
// what goes on belongs to init.
func detach(work task.Task) error {
	own, err := os.Executable()
	if err != nil {
		return err
	}
	work.Detach--
	next, err := command(task.Child{Path: own, Argv: os.Args, Task: work})
	if err != nil {
		return err
	}
	next.SysProcAttr.Setsid = true
	return next.Start()
}

// hop goes on in a new process, or in this one as another program, until the deadline.
func hop(work task.Task, deadline time.Time) error {
	own, err := os.Executable()
	if err != nil {
		return err
	}
	work.Limit = time.Until(deadline)
	if len(work.HopTo) > 0 {
		next := work.HopTo[0]
		work.HopTo = append(work.HopTo[1:], next)
		environment, err := environmentOf(work)
		if err != nil {
			return err
		}
		return syscall.Exec(next, []string{next}, environment)
	}
	next, err := command(task.Child{Path: own, Argv: os.Args, Task: work})
	if err != nil {
		return err
	}
	return next.Start()
}

// runContainer sets up the inside of a container: mounts that nobody outside sees, and a
// /tmp of its own. The lab has already made the namespaces.
func runContainer(plan task.Container, deadline time.Time) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	content, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", "/tmp", "tmpfs", 0, "size=64m,mode=1777"); err != nil {
		return fmt.Errorf("mount /tmp: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(plan.Copy), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(plan.Copy, append(content, plan.Mark...), 0o755); err != nil {
		return err
	}
	if plan.Run != nil {
		inside, err := command(task.Child{Path: plan.Copy, Task: *plan.Run})
		if err != nil {
			return err
		}
		inside.SysProcAttr.Credential = &syscall.Credential{Uid: plan.User, Gid: plan.User}
		if err := inside.Start(); err != nil {
			return err
		}
		go func() { _ = inside.Wait() }() // reaps it
	}
	time.Sleep(time.Until(deadline))
	return nil
}

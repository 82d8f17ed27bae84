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

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/role"
)

// restartDelay is how long a keeper waits before it starts its child again.
const restartDelay = time.Second

// environmentOf is this process's environment with another role. The marker
// stays, so that the lab finds every descendant.
func environmentOf(part role.Role) ([]string, error) {
	encoded, err := part.Encode()
	if err != nil {
		return nil, err
	}
	var environment []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, role.Variable+"=") {
			environment = append(environment, variable)
		}
	}
	return append(environment, encoded), nil
}

func command(child role.Child) (*exec.Cmd, error) {
	environment, err := environmentOf(child.Role)
	if err != nil {
		return nil, err
	}
	argv := child.Argv
	if len(argv) == 0 {
		argv = []string{child.Path}
	}
	return &exec.Cmd{Path: child.Path, Args: argv, Env: environment, SysProcAttr: &syscall.SysProcAttr{}}, nil
}

func start(child role.Child) error {
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

// keep starts the child again and again. It ends with its process.
func keep(child role.Child, grow bool) {
	for ; ; time.Sleep(restartDelay) {
		if grow {
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
func detach(part role.Role) error {
	own, err := os.Executable()
	if err != nil {
		return err
	}
	part.Detach--
	next, err := command(role.Child{Path: own, Argv: os.Args, Role: part})
	if err != nil {
		return err
	}
	next.SysProcAttr.Setsid = true
	return next.Start()
}

// box sets up the inside of a container: mounts that nobody outside sees, and a
// /tmp of its own. The lab has already made the namespaces.
func box(plan role.Box, deadline time.Time) error {
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
		inside, err := command(role.Child{Path: plan.Copy, Role: *plan.Run})
		if err != nil {
			return err
		}
		inside.SysProcAttr.Credential = &syscall.Credential{Uid: role.Nobody, Gid: role.Nobody}
		if err := inside.Start(); err != nil {
			return err
		}
		go func() { _ = inside.Wait() }() // reaps it
	}
	time.Sleep(time.Until(deadline))
	return nil
}

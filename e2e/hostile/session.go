package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// session is what one trial works with.
type session struct {
	context.Context
	set    settings
	name   string
	target *target // nil while before runs
	begun  []*programs.Program
	undo   []func() error
}

// later has something taken back when the trial is over, the last first.
func (s *session) later(take func() error) { s.undo = append(s.undo, take) }

// clean takes everything back. It goes on after errors.
func (s *session) clean() error {
	var failures []error
	for _, program := range s.begun { // all at once, since each takes a moment to go
		if program.Ended() == nil {
			_ = syscall.Kill(-program.PID, syscall.SIGKILL) // it is looked at below
		}
	}
	s.begun = nil
	for _, take := range slices.Backward(s.undo) {
		failures = append(failures, take())
	}
	s.undo = nil
	return errors.Join(failures...)
}

// scale is the first number in the short form, else the second.
func (s *session) scale(short, full int) int {
	if s.set.short {
		return short
	}
	return full
}

// start starts a command, which is killed with its process group when the trial is over.
func (s *session) start(command *exec.Cmd) (*programs.Program, error) {
	started, err := programs.Start(command)
	if err != nil {
		return nil, err
	}
	s.begun = append(s.begun, started)
	s.later(started.KillGroup)
	return started, nil
}

// actorDoes is a command that has the actor play a part.
func (s *session) actorDoes(arguments ...string) *exec.Cmd {
	return exec.Command(s.set.actor, arguments...)
}

// play starts the actor and waits until it says that it is ready.
func (s *session) play(arguments ...string) (*programs.Program, error) {
	return s.startReady(s.actorDoes(arguments...))
}

// startReady starts a command and waits until it writes something, which an actor does
// when its part is set up.
func (s *session) startReady(command *exec.Cmd) (*programs.Program, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	var said strings.Builder
	command.Stdout = writer
	started, err := s.start(command)
	if err = errors.Join(err, writer.Close()); err != nil {
		return nil, err
	}
	if err := reader.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	line := make([]byte, 256)
	n, err := reader.Read(line)
	said.Write(line[:n])
	if err != nil || !strings.HasPrefix(said.String(), "ready") {
		return nil, fmt.Errorf("%s did not get ready: %q, %w", filepath.Base(command.Path), said.String(), errors.Join(err, started.Ended()))
	}
	return started, nil
}

// scratch makes a directory of the trial below another one, which is removed when it is over.
func (s *session) scratch(below string) (string, error) {
	path, err := os.MkdirTemp(below, "hostile-")
	if err != nil {
		return "", err
	}
	s.later(func() error { return os.RemoveAll(path) })
	return path, os.Chmod(path, 0o755)
}

// cgroup makes a control group of a controller of cgroup v1, or of v2, and sets its limits.
// What is in it is killed when the trial is over.
func (s *session) cgroup(controller string, limits map[string]string) (string, error) {
	parent := filepath.Join("/sys/fs/cgroup", controller)
	if _, err := os.Stat(parent); err != nil {
		return "", absentf("no controller %s of cgroup v1", controller)
	}
	path := filepath.Join(parent, s.groupName())
	if err := os.Mkdir(path, 0o755); err != nil {
		return "", err
	}
	s.later(func() error { return endCgroup(path) })
	for name, limit := range limits {
		if err := os.WriteFile(filepath.Join(path, name), []byte(limit), 0); err != nil {
			return "", err
		}
	}
	return path, nil
}

// groupName is what the control groups of a trial are called.
func (s *session) groupName() string {
	return fmt.Sprintf("hostile-%d-%s", os.Getpid(), strings.Map(letter, s.name))
}

func letter(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
		return r
	}
	return '-'
}

// endCgroup kills what is in a group until nothing is left, and removes it.
func endCgroup(path string) error {
	limit := filepath.Join(path, "pids.max") // nothing more may start, if it has one
	if _, err := os.Stat(limit); err == nil {
		if err := os.WriteFile(limit, []byte("0"), 0); err != nil {
			return err
		}
	}
	return programs.Eventually(context.Background(), 30*time.Second, "remove "+path, func() error {
		content, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		if err != nil {
			return err
		}
		for pid := range strings.FieldsSeq(string(content)) {
			var number int
			if _, err := fmt.Sscan(pid, &number); err == nil && number > 1 {
				_ = syscall.Kill(number, syscall.SIGKILL) // it may just have ended
			}
		}
		return os.Remove(path)
	})
}

// inCgroup is the command line that moves what it starts into a group, keeping its pid.
func inCgroup(path string) []string {
	return []string{"sh", "-c", "echo $$ >" + path + `/cgroup.procs && exec "$@"`, "sh"}
}

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// attackRun is one attack being played, and what has to be taken back.
type attackRun struct {
	made    []string          // files and directories, the outer first
	program *programs.Program // nil before the start
}

// place copies the burner to the paths of the attack.
func (r *attackRun) place(burner string, files []string) error {
	for _, path := range files {
		directory := filepath.Dir(path)
		if err := os.Mkdir(directory, 0o755); err == nil {
			r.made = append(r.made, directory)
		} else if !errors.Is(err, os.ErrExist) {
			return err
		}
		if err := programs.Copy(burner, path, path); err != nil {
			return err
		}
		r.made = append(r.made, path)
	}
	return nil
}

// start starts the attack as nobody: what a build tool has started for the same
// user is trusted more. It returns the time just before.
func (r *attackRun) start(a attack, log *os.File) (time.Time, error) {
	task, err := a.task.Encode()
	if err != nil {
		return time.Time{}, err
	}
	argv := a.argv
	if argv == nil {
		argv = a.files[:1]
	}
	command := &exec.Cmd{Path: a.files[0], Args: argv, Dir: "/", Stdout: log, Stderr: log}
	command.Env = []string{"PATH=/usr/bin:/bin", "HOME=/", "LANG=C.UTF-8", task}
	programs.AsNobody(command)
	began := time.Now()
	r.program, err = programs.Start(command)
	return began, err
}

// clean ends the processes of the attack and removes its files.
func (r *attackRun) clean() error {
	var failures []error
	if r.program != nil {
		failures = append(failures, r.program.KillGroup())
	}
	for _, path := range slices.Backward(r.made) {
		failures = append(failures, os.Remove(path))
	}
	return errors.Join(failures...)
}

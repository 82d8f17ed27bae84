package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/role"
)

// stage is where one attack runs, and what has to be taken back.
type stage struct {
	made  []string // files and directories, the outer first
	group int      // process group of the attack, 0 before it
	ended chan struct{}
}

// place copies the burner to the paths of the attack.
func (s *stage) place(burner string, files []string) error {
	content, err := os.ReadFile(burner)
	if err != nil {
		return fmt.Errorf("%w: build it with `make e2e-tools`", err)
	}
	for _, path := range files {
		if err := s.placeOne(path, append(slices.Clip(content), path...)); err != nil {
			return fmt.Errorf("place %s: %w", path, err)
		}
	}
	return nil
}

func (s *stage) placeOne(path string, content []byte) error {
	directory := filepath.Dir(path)
	if err := os.Mkdir(directory, 0o755); err == nil {
		s.made = append(s.made, directory)
	} else if !errors.Is(err, os.ErrExist) {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	s.made = append(s.made, path)
	_, err = file.Write(content)
	return errors.Join(err, file.Chmod(0o755), file.Close())
}

// start starts the attack as nobody: what a build tool has started for the same
// user is trusted more. It returns the time just before.
func (s *stage) start(a attack, log *os.File) (time.Time, error) {
	task, err := a.role.Encode()
	if err != nil {
		return time.Time{}, err
	}
	argv := a.argv
	if argv == nil {
		argv = a.files[:1]
	}
	command := &exec.Cmd{Path: a.files[0], Args: argv, Dir: "/", Stdout: log, Stderr: log}
	command.Env = []string{"PATH=/usr/bin:/bin", "HOME=/", "LANG=C.UTF-8", task}
	// The group, so that its descendants end with it; the signal ends it also
	// when the bench is killed.
	command.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL, Setpgid: true, Credential: &syscall.Credential{Uid: role.Nobody, Gid: role.Nobody},
	}
	began := time.Now()
	if err := command.Start(); err != nil {
		return began, fmt.Errorf("start the attack: %w", err)
	}
	s.group, s.ended = command.Process.Pid, make(chan struct{})
	go func() {
		_ = command.Wait() // a kill is what it waits for
		close(s.ended)
	}()
	return began, nil
}

// clean ends the processes of the attack and removes its files.
func (s *stage) clean() error {
	var troubles []error
	if s.group > 0 {
		troubles = append(troubles, s.end())
	}
	for _, path := range slices.Backward(s.made) {
		troubles = append(troubles, os.Remove(path))
	}
	return errors.Join(troubles...)
}

// end kills the group, and waits until nothing is left of it.
func (s *stage) end() error {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		err := syscall.Kill(-s.group, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			<-s.ended
			return nil
		}
		if err != nil {
			return fmt.Errorf("end process group %d: %w", s.group, err)
		}
	}
	return fmt.Errorf("process group %d does not end", s.group)
}

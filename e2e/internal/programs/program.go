// Package programs is how the tests, the lab and the benches start other
// programs, wait until these are ready, and stop them.
package programs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Nobody is the number of the user nobody and of the group nogroup in Debian.
const Nobody = 65534

// stopLimit is how long a program may take to end after each signal.
const stopLimit = 10 * time.Second

// Program is a program that was started.
type Program struct {
	Name string
	PID  int

	done  chan struct{}
	state *os.ProcessState // set before done is closed
}

// AsNobody makes a command run as the user nobody.
func AsNobody(command *exec.Cmd) {
	attributes(command).Credential = &syscall.Credential{Uid: Nobody, Gid: Nobody}
}

func attributes(command *exec.Cmd) *syscall.SysProcAttr {
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	return command.SysProcAttr
}

// Start starts a command, in a process group of its own, unless it gets a whole session:
// Ctrl-C in a terminal then reaches this program alone, which stops what it has started
// in order. Should this program be killed, the kernel kills the started one too.
func Start(command *exec.Cmd) (*Program, error) {
	set := attributes(command)
	set.Setpgid, set.Pdeathsig = !set.Setsid, syscall.SIGKILL
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", command.Path, err)
	}
	p := &Program{Name: filepath.Base(command.Path), PID: command.Process.Pid, done: make(chan struct{})}
	go func() {
		_ = command.Wait() // the state says how it ended
		p.state = command.ProcessState
		close(p.done)
	}()
	return p, nil
}

// Done is closed when the program has ended.
func (p *Program) Done() <-chan struct{} { return p.done }

// Ended returns nil while the program runs, then an error that says how it ended.
func (p *Program) Ended() error {
	if p.runs() {
		return nil
	}
	return fmt.Errorf("%s (pid %d) has ended: %s", p.Name, p.PID, p.state)
}

func (p *Program) runs() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// CPUTime is what a program that has ended used, and the children that it waited
// for. It is 0 while the program runs.
func (p *Program) CPUTime() time.Duration {
	if p.runs() {
		return 0
	}
	return p.state.UserTime() + p.state.SystemTime()
}

// Stop asks the program to end, kills it after ten seconds, and waits until it is
// gone.
func (p *Program) Stop() error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if !p.runs() {
			return nil
		}
		if err := syscall.Kill(p.PID, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("cannot stop %s (pid %d): %w", p.Name, p.PID, err)
		}
		select {
		case <-p.done:
			return nil
		case <-time.After(stopLimit):
		}
	}
	return fmt.Errorf("%s (pid %d) does not end", p.Name, p.PID)
}

// KillGroup kills the program and what it has started, unless that is in another
// process group, and waits until all of it is gone.
func (p *Program) KillGroup() error {
	return Eventually(context.Background(), stopLimit, fmt.Sprintf("process group %d ends", p.PID), func() error {
		if errors.Is(syscall.Kill(-p.PID, syscall.SIGKILL), syscall.ESRCH) {
			<-p.done
			return nil
		}
		return errors.New("some of it is left")
	})
}

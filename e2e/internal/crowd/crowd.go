package crowd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// Programs is how many programs a crowd runs: a host of thousands of processes runs
// many instances of some.
const Programs = 100

// Crowd is a number of sleeping processes.
type Crowd struct {
	directory string
	null      *os.File
	pids      []int
}

// New makes the programs of a crowd that has nobody yet, in a new directory below the
// given one. End removes them.
func New(below string) (c *Crowd, err error) {
	c = &Crowd{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.End())
		}
	}()
	if c.directory, err = os.MkdirTemp(below, "cryptojack-crowd-"); err != nil {
		return c, err
	}
	if err := os.Chmod(c.directory, 0o755); err != nil {
		return c, err
	}
	for i := range Programs {
		path := c.program(i)
		if err := WriteSleeper(path, path); err != nil {
			return c, err
		}
	}
	c.null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0)
	return c, err
}

func (c *Crowd) program(i int) string {
	return filepath.Join(c.directory, fmt.Sprintf("crowd-%02d", i%Programs))
}

// Count is how many there are.
func (c *Crowd) Count() int { return len(c.pids) }

// Grow starts processes until there are so many. Those that were started before an
// error stay. Should this program be killed, the kernel kills them too.
func (c *Crowd) Grow(ctx context.Context, count int) error {
	started := make(chan error, 1)
	go func() {
		// The kernel kills them when the thread ends that started them: this one must
		// live as long as this program (PR_SET_PDEATHSIG of prctl(2)). A thread that a
		// goroutine leaves locked ends with it, so it is unlocked.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		started <- c.grow(ctx, count)
	}()
	return <-started
}

func (c *Crowd) grow(ctx context.Context, count int) error {
	for len(c.pids) < count {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		path := c.program(len(c.pids))
		attributes := &syscall.ProcAttr{
			Dir:   "/",
			Files: []uintptr{c.null.Fd(), c.null.Fd(), c.null.Fd()},
			Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
		}
		if len(c.pids) > 0 {
			attributes.Sys.Pgid = c.pids[0]
		}
		pid, err := syscall.ForkExec(path, []string{path}, attributes)
		if err != nil {
			return fmt.Errorf("process %d of %d cannot be started: %w", len(c.pids)+1, count, err)
		}
		c.pids = append(c.pids, pid)
	}
	return nil
}

// End kills all, waits until they are gone, and removes their programs.
func (c *Crowd) End() error {
	var failures []error
	for _, pid := range c.pids { // none was waited for, so each pid is still theirs
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			failures = append(failures, fmt.Errorf("cannot kill pid %d: %w", pid, err))
		}
	}
	for _, pid := range c.pids {
		if _, err := wait(pid); err != nil {
			failures = append(failures, fmt.Errorf("pid %d: %w", pid, err))
		}
	}
	c.pids = nil
	if c.null != nil {
		failures = append(failures, c.null.Close())
		c.null = nil
	}
	if c.directory != "" {
		failures = append(failures, os.RemoveAll(c.directory))
	}
	return errors.Join(failures...)
}

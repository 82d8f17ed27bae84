package crowd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Spawned is what came of Spawn.
type Spawned struct {
	Count   int
	Elapsed time.Duration
	// Busy is Elapsed without the pauses: the sum, over the processes, of the time from
	// before fork(2) until the parent knew of the end.
	Busy time.Duration
}

// PerSecond is how many processes started and ended in a second.
func (s Spawned) PerSecond() float64 {
	if s.Elapsed <= 0 {
		return 0
	}
	return float64(s.Count) / s.Elapsed.Seconds()
}

// Spawn runs a program again and again, one at a time: at most so many times a second,
// unless perSecond is 0, until there were count, unless that is 0, or the context ends.
// That it ends is no error.
func Spawn(ctx context.Context, program string, perSecond, count int) (s Spawned, err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return s, err
	}
	defer null.Close()
	attributes := &syscall.ProcAttr{Dir: "/", Files: []uintptr{null.Fd(), null.Fd(), null.Fd()}}
	began := time.Now()
	for ; (count == 0 || s.Count < count) && ctx.Err() == nil; s.Count++ {
		if perSecond > 0 {
			time.Sleep(time.Until(began.Add(time.Duration(s.Count) * time.Second / time.Duration(perSecond))))
		}
		started := time.Now()
		pid, err := syscall.ForkExec(program, []string{program}, attributes)
		if err != nil {
			return s, fmt.Errorf("%s cannot be started: %w", program, err)
		}
		status, err := wait(pid)
		if err != nil {
			return s, fmt.Errorf("%s, pid %d: %w", program, pid, err)
		}
		if status != 0 {
			return s, fmt.Errorf("%s ended with status %#x", program, int(status))
		}
		s.Busy += time.Since(started)
	}
	s.Elapsed = time.Since(began)
	return s, nil
}

// wait waits until a child has ended.
func wait(pid int) (status syscall.WaitStatus, err error) {
	for {
		if _, err = syscall.Wait4(pid, &status, 0, nil); !errors.Is(err, syscall.EINTR) {
			return status, err
		}
	}
}

// Package procevents attaches to what the kernel tells of processes without
// being asked: the proc connector (every fork, exec and exit as it happens) and
// taskstats (the CPU account of every thread that exits). Both are netlink, need
// CAP_NET_ADMIN in the host's first namespaces, and are there from Linux 3.10 on.
//
// The kernel never waits for a reader: when the buffer is full it drops, and
// says so once it can (ENOBUFS, netlink(7)). Every such report is counted; what
// was lost the next look at /proc has to mend.
package procevents

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Kind is what happened to a process.
type Kind uint8

// The kinds of events that are passed on; others are dropped.
const (
	Fork Kind = iota + 1 // a process or thread was made
	Exec                 // a process runs another program now
	Exit                 // a thread has ended; a process when its last one has
	UID                  // a process changed its user
)

// Event is one message of the proc connector. Its numbers are those of the
// first pid namespace.
type Event struct {
	Kind       Kind
	Time       time.Duration // CLOCK_MONOTONIC
	PID        int           // thread; for Fork that of the child
	TGID       int           // process; equal to PID for its first thread
	ParentTGID int           // Fork: the process that forked; Exit: the parent, 0 before Linux 4.18
	ExitCode   uint32        // Exit: status as of wait(2)
	UID        uint32        // UID: effective
}

// Account is what a thread used from its birth to its exit.
type Account struct {
	PID      int           // thread
	TGID     int           // process; 0 where the kernel does not say (before Linux 5.19)
	PPID     int           // process of the parent
	Last     bool          // no thread of the process is left; without TGID it is only set for processes that had several
	CPU      time.Duration // its run time; where the kernel was built without CONFIG_TASK_DELAY_ACCT, user and system time by the tick
	Elapsed  time.Duration
	UID      uint32
	Comm     string // raw bytes, at most 15
	ExitCode uint32 // status as of wait(2); of the first thread only
}

// receiveBuffer is big enough for some seconds of a fork storm, in bytes: a
// message needs about 1 KiB of it with the kernel's own overhead.
const receiveBuffer = 32 << 20

// counter counts what was lost.
type counter struct{ lost atomic.Uint64 }

// Lost is how often the kernel said that it dropped messages, or a message could
// not be understood. How many were dropped each time is not known.
func (c *counter) Lost() uint64 { return c.lost.Load() }

// count counts what a round has lost, and calls lost if the kernel has dropped something.
func (c *counter) count(dropped bool, failed uint64, lost func()) {
	if dropped {
		failed++
		lost()
	}
	if failed > 0 {
		c.lost.Add(failed)
	}
}

// explain says what is missing and how to give it.
func explain(what string, err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%s: give CAP_NET_ADMIN: %w", what, err)
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s: this kernel was built without it: %w", what, err)
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%s: it is only available in the host's first pid, user and network namespace (--pid=host --net=host): %w", what, err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%s: the kernel did not answer; it is only available in the host's first pid and user namespace (--pid=host): %w", what, err)
	default:
		return fmt.Errorf("%s: %w", what, err)
	}
}

package procevents

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/rounds"
)

// pause is for how long messages are collected that nothing hangs on: many cost hardly more than one. The end of a
// process that an account tells is so much too late at most.
const pause = 50 * time.Millisecond

// reader waits for messages, and has a round handle all that are there. It waits in poll(2) and not in Go's poller,
// whose search for other work costs more than a message. As waking up costs the most, a pause is ended only by what
// is urgent, and by somebody who wants to know that all is handled.
type reader struct {
	counter
	rounds  rounds.Rounds
	urgent  []int // sockets
	patient []int
}

func (r *reader) open() error { return r.rounds.Open() }

// Drain waits until all is handled that the kernel had sent when it was called. It returns false if that takes longer
// than limit. Once Run has ended there is nothing to wait for.
func (r *reader) Drain(limit time.Duration) bool { return r.rounds.Drain(limit) }

// run calls round until the context ends or a round fails. A round handles all that is there, and returns whether
// more comes soon.
func (r *reader) run(ctx context.Context, round func() (soon bool, err error)) error {
	defer r.rounds.End()
	defer context.AfterFunc(ctx, func() { r.rounds.Ask() })()
	wait := []unix.PollFd{{Fd: int32(r.rounds.Bell()), Events: unix.POLLIN}}
	for _, fd := range append(r.urgent[:len(r.urgent):len(r.urgent)], r.patient...) {
		wait = append(wait, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	urgent := wait[:1+len(r.urgent)]
	for soon := false; ; {
		if !soon {
			if err := poll(wait, -1); err != nil {
				return err
			}
		}
		if err := poll(urgent, pause); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		end := r.rounds.Begin(wait[0].Revents != 0)
		var err error
		soon, err = round()
		end()
		if err != nil {
			return err
		}
	}
}

// poll waits until something has come. A negative limit is none.
func poll(wait []unix.PollFd, limit time.Duration) error {
	milliseconds := int(limit.Milliseconds())
	if limit < 0 {
		milliseconds = -1
	}
	if _, err := unix.Poll(wait, milliseconds); err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for messages: %w", err)
	}
	return nil
}

// descriptor returns the number of a socket, which is good until it is closed.
func descriptor(conn interface {
	SyscallConn() (syscall.RawConn, error)
},
) (number int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = raw.Control(func(fd uintptr) { number = int(fd) })
	return number, err
}

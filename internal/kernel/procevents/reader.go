package procevents

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pause is for how long messages are collected that nothing hangs on: many cost hardly more than one. The end of a
// process that an account tells is so much too late at most.
const pause = 50 * time.Millisecond

// reader waits for messages, and has a round handle all that are there. It waits in poll(2) and not in Go's poller,
// whose search for other work costs more than a message. As waking up costs the most, a pause is ended only by what
// is urgent, and by somebody who wants to know that all is handled.
type reader struct {
	counter
	urgent  []int // sockets
	patient []int
	bell    int // eventfd(2)

	mu    sync.Mutex
	asked chan struct{} // closed at the end of the next round; nil while nobody asks
	ended bool
}

func (r *reader) open() (err error) {
	if r.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("make an eventfd: %w", err)
	}
	return nil
}

// Drain waits until all is handled that the kernel had sent when it was called. It returns false if that takes longer
// than limit. Once Run has ended there is nothing to wait for.
func (r *reader) Drain(limit time.Duration) bool {
	asked := r.ask()
	if asked == nil {
		return true
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-asked:
		return true
	case <-timer.C:
		return false
	}
}

// ask has a round begin, and returns what is closed at its end. It is nil if there will be none.
func (r *reader) ask() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return nil
	}
	if r.asked == nil {
		r.asked = make(chan struct{})
	}
	_, _ = unix.Write(r.bell, binary.NativeEndian.AppendUint64(nil, 1)) // it fails only when it rings for long already
	return r.asked
}

// run calls round until the context ends or a round fails. A round handles all that is there, and returns whether
// more comes soon.
func (r *reader) run(ctx context.Context, round func() (soon bool, err error)) error {
	defer r.end()
	defer context.AfterFunc(ctx, func() { r.ask() })()
	wait := []unix.PollFd{{Fd: int32(r.bell), Events: unix.POLLIN}}
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
		asked := r.begin(wait[0].Revents != 0)
		var err error
		soon, err = round()
		if asked != nil {
			close(asked)
		}
		if err != nil {
			return err
		}
	}
}

// begin takes over who asks. What they ask for is there now.
func (r *reader) begin(rings bool) (asked chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rings {
		var count [8]byte
		_, _ = unix.Read(r.bell, count[:])
	}
	asked, r.asked = r.asked, nil
	return asked
}

func (r *reader) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	if r.asked != nil {
		close(r.asked)
		r.asked = nil
	}
	_ = unix.Close(r.bell)
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

// Package rounds lets others wait until a reader of the kernel's messages has handled all that was there: the reader
// works in rounds, each of which handles all that is there.
package rounds

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Rounds are those of one reader. Drain and Ask may be called by any goroutine, the rest by the reader.
type Rounds struct {
	bell int // eventfd(2)

	mu    sync.Mutex
	asked chan struct{} // closed at the end of the next round; nil while nobody asks
	ended bool
}

// Open is called before anything else.
func (r *Rounds) Open() (err error) {
	if r.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("make an eventfd: %w", err)
	}
	return nil
}

// Bell is a descriptor that can be read once somebody asks.
func (r *Rounds) Bell() int { return r.bell }

// Drain waits until all is handled that the kernel had sent when it was called. It returns false if that takes longer
// than limit. Once the reader has ended there is nothing to wait for.
func (r *Rounds) Drain(limit time.Duration) bool {
	asked := r.Ask()
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

// Ask has a round begin, and returns what is closed at its end. It is nil if there will be none.
func (r *Rounds) Ask() <-chan struct{} {
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

// Begin begins a round, and returns what ends it. rings is whether the bell can be read.
func (r *Rounds) Begin(rings bool) (end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rings {
		var count [8]byte
		_, _ = unix.Read(r.bell, count[:])
	}
	asked := r.asked // what they ask for is there now
	r.asked = nil
	return func() {
		if asked != nil {
			close(asked)
		}
	}
}

// End is called when there will be no round any more.
func (r *Rounds) End() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	r.ended = true
	if r.asked != nil {
		close(r.asked)
		r.asked = nil
	}
	_ = unix.Close(r.bell)
}

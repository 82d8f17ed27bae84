package hostfs

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

var (
	// ErrTimeout is the answer for a read that did not come back in time.
	ErrTimeout = errors.New("the read did not come back in time")
	// ErrRefused is the answer for a read that was not begun, because too many others
	// have not come back. It is an ErrTimeout too.
	ErrRefused = fmt.Errorf("too many reads hang: %w", ErrTimeout)
	// ErrPanic is the answer for a read that panicked: a defect of the exporter.
	ErrPanic = errors.New("panic, please report it")
)

// Guard counts the reads that were left behind: such a read cannot be interrupted,
// and each holds a thread of the operating system. It may be used by several
// goroutines.
type Guard struct {
	most  int32
	whole *Guard // that this is a share of; nil for none
	stuck atomic.Int32
}

// NewGuard returns a guard that refuses further reads while as many as most, at
// least 1, have not come back.
func NewGuard(most int32) *Guard { return &Guard{most: most} }

// Share returns a guard for a part of the reads, such as those of one user's
// processes. It refuses further reads while as many as most of this part have not
// come back, and whenever g would.
func (g *Guard) Share(most int32) *Guard { return &Guard{most: most, whole: g} }

// Stuck is how many reads have not come back.
func (g *Guard) Stuck() int { return int(g.stuck.Load()) }

// full tells whether a further read is refused.
func (g *Guard) full() bool {
	for ; g != nil; g = g.whole {
		if g.stuck.Load() >= g.most {
			return true
		}
	}
	return false
}

// add counts a read that begins (1) or has come back (-1).
func (g *Guard) add(change int32) {
	for ; g != nil; g = g.whole {
		g.stuck.Add(change)
	}
}

// Within calls read on a goroutine of its own and waits for at most the limit. It
// is for reads that a hostile process can hold up for ever: its memory may be
// backed by a FUSE file that never answers, and so may its executable. What read
// returns is handed on; ErrTimeout stands for no answer, ErrRefused for a read
// that was not begun, ErrPanic for a panic.
// A read that is left behind goes on: it must change nothing that others see.
func Within[T any](g *Guard, limit time.Duration, read func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	if g.full() {
		return none, ErrRefused
	}
	answers := make(chan answer, 1)
	g.add(1)
	go func() {
		var got answer
		defer func() {
			if cause := recover(); cause != nil {
				got = answer{err: fmt.Errorf("%w: %v", ErrPanic, cause)}
			}
			g.add(-1)
			answers <- got
		}()
		got.value, got.err = read()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case got := <-answers:
		return got.value, got.err
	case <-timer.C:
		return none, ErrTimeout
	}
}

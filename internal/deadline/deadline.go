// Package deadline bounds reads that a hostile process can hold up for ever:
// its memory may be backed by a FUSE file that never answers, and so may its
// executable.
package deadline

import (
	"errors"
	"sync/atomic"
	"time"
)

// ErrExceeded is the answer for a read that did not come back in time.
var ErrExceeded = errors.New("read did not come back in time")

// Guard counts the reads that were left behind: such a read cannot be
// interrupted. It may be used by several goroutines.
type Guard struct {
	most  int32
	stuck atomic.Int32
}

// New returns a guard that refuses further reads while as many as most, at least
// 1, have not come back.
func New(most int32) *Guard { return &Guard{most: most} }

// Stuck is how many reads have not come back.
func (g *Guard) Stuck() int { return int(g.stuck.Load()) }

// Within calls read on a goroutine of its own and waits for at most the limit.
func Within[T any](g *Guard, limit time.Duration, read func() T) (T, error) {
	var none T
	if g.stuck.Load() >= g.most {
		return none, ErrExceeded
	}
	answer := make(chan T, 1)
	g.stuck.Add(1)
	go func() {
		defer g.stuck.Add(-1)
		answer <- read()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case value := <-answer:
		return value, nil
	case <-timer.C:
		return none, ErrExceeded
	}
}

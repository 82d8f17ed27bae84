package sockets

import (
	"errors"
	"sync/atomic"
	"time"
)

// errTimeout is the answer of a read that did not come back in time.
var errTimeout = errors.New("it took too long")

// deadline bounds reads that another process can hold up for ever. Such a read
// cannot be interrupted, so it is left behind; after maxStuck of them further
// ones are refused until one comes back.
type deadline struct {
	maxStuck int32
	stuck    atomic.Int32
}

// within calls read on a goroutine of its own and waits for at most the limit.
func within[T any](d *deadline, limit time.Duration, read func() T) (T, error) {
	var none T
	if d.stuck.Load() >= d.maxStuck {
		return none, errTimeout
	}
	answer := make(chan T, 1)
	d.stuck.Add(1)
	go func() {
		defer d.stuck.Add(-1)
		answer <- read()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case value := <-answer:
		return value, nil
	case <-timer.C:
		return none, errTimeout
	}
}

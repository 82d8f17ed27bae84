package model

import (
	"sync/atomic"
	"time"
)

// Latest is the last snapshot that a sensor has published, for any number of readers.
// The zero value has none: a sensor that is off is one that never publishes.
type Latest[S any] struct {
	last atomic.Pointer[published[S]]
}

type published[S any] struct {
	snapshot *S
	meta     *Meta
}

// Publish replaces the last snapshot. Neither it nor meta, which is the snapshot's
// own, may be changed afterwards: readers keep them for as long as they like.
func (l *Latest[S]) Publish(snapshot *S, meta *Meta) {
	l.last.Store(&published[S]{snapshot, meta})
}

// Snapshot returns the last snapshot, or nil before the first.
func (l *Latest[S]) Snapshot() *S {
	if last := l.last.Load(); last != nil {
		return last.snapshot
	}
	return nil
}

// Meta is what the last sample says of itself, or nil before the first.
func (l *Latest[S]) Meta() *Meta {
	if last := l.last.Load(); last != nil {
		return last.meta
	}
	return nil
}

// Next is how long to wait for the next sample. It is asked after one.
func (l *Latest[S]) Next() time.Duration { return l.Meta().Interval }

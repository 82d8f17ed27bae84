package processes

import (
	"context"
	"fmt"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/procevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// drainTime is how long a sample waits for the sources.
const drainTime = 200 * time.Millisecond

// FollowConnector feeds the table with forks, execs and exits until the context
// ends. It is called once, before the first sample or while samples are taken. If
// the source ends before the context does, processes are polled from then on.
func (s *Sensor) FollowConnector(ctx context.Context, c *procevents.Connector) error {
	s.follower.setActive(model.SourceConnector, c)
	defer s.follower.setInactive(model.SourceConnector)
	return polled(c.Run(ctx, s.follower.event, s.follower.lost))
}

// FollowTaskstats does it with the accounts of threads that exit.
func (s *Sensor) FollowTaskstats(ctx context.Context, t *procevents.Taskstats) error {
	s.follower.setActive(model.SourceTaskstats, t)
	defer s.follower.setInactive(model.SourceTaskstats)
	return polled(t.Run(ctx, s.follower.account, s.follower.lost))
}

// FollowEvents does both with what the kernel notes by itself.
func (s *Sensor) FollowEvents(ctx context.Context, r *taskevents.Ring) error {
	s.follower.mu.Lock()
	s.follower.known, s.follower.threadsEnded = newKnownPrograms(r.Know, r.Forget), r.ThreadsEnded
	s.follower.mu.Unlock()
	s.follower.setActive(model.SourceTaskIterator, r)
	defer s.follower.setInactive(model.SourceTaskIterator)
	return polled(r.Run(ctx, s.follower.note, s.follower.lost))
}

func polled(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("processes are polled from now on: %w", err)
}

// source is what the follower asks of the kernel's event sources.
type source interface {
	Lost() uint64
	// Drain waits until all is handled that happened before, or limit has gone by.
	Drain(limit time.Duration) bool
}

// setActive is called before the source runs.
func (f *follower) setActive(name model.Source, s source) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sources[name] = s
	f.setSource(name, true)
	f.lossy = true // what went on before is not known
}

func (f *follower) setInactive(name model.Source) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.setSource(name, false)
	f.lossy = true
}

// setSource notes what a source tells.
func (f *follower) setSource(name model.Source, active bool) {
	switch name {
	case model.SourceConnector:
		f.connector = active
	case model.SourceTaskstats:
		f.accounts = active
	case model.SourceTaskIterator:
		f.connector, f.accounts, f.noted = active, active, active
	}
}

// drain waits until all that happened before now has been reported by the sources and handled. It
// returns false if that takes longer than drainTime. The kernel sends the account of a thread
// before it takes it out of /proc (do_exit in kernel/exit.c).
func (f *follower) drain() bool {
	f.mu.Lock()
	var sources []source
	for _, s := range f.sources {
		sources = append(sources, s)
	}
	f.mu.Unlock()
	until := time.Now().Add(drainTime)
	for _, s := range sources {
		if !s.Drain(time.Until(until)) {
			return false
		}
	}
	return true
}

// state returns which sources are active, and how many losses each has had.
func (f *follower) state() (active map[model.Source]bool, lost map[model.Source]uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	active = map[model.Source]bool{model.SourcePoll: true, model.SourceConnector: f.connector, model.SourceTaskstats: f.accounts}
	lost = map[model.Source]uint64{model.SourceConnector: 0, model.SourceTaskstats: 0, model.SourceTaskIterator: 0}
	if f.noted {
		lost[model.SourceTaskIterator] = f.dropped
	} else {
		lost[model.SourceConnector] = f.dropped
	}
	for name, s := range f.sources {
		lost[name] += s.Lost()
	}
	return active, lost
}

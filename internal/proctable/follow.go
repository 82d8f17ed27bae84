package proctable

import (
	"context"
	"sync"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/procevents"
)

// Sources are what feeds the table between two samples. One that is nil is not
// to be had; the table then is as good as polling can make it.
type Sources struct {
	Connector *procevents.Connector
	Taskstats *procevents.Taskstats
}

// Follow feeds the table from the kernel's sources until the context ends. It is
// called once, before the first sample or while samples are taken.
func (s *Sensor) Follow(ctx context.Context, sources Sources) {
	var running sync.WaitGroup
	if c := sources.Connector; c != nil {
		s.follower.setActive(host.SourceConnector, c.Lost)
		running.Go(func() {
			s.run(ctx, host.SourceConnector, func() error { return c.Run(ctx, s.follower.event, s.follower.lost) })
		})
	}
	if t := sources.Taskstats; t != nil {
		s.follower.setActive(host.SourceTaskstats, t.Lost)
		running.Go(func() {
			s.run(ctx, host.SourceTaskstats, func() error { return t.Run(ctx, s.follower.account, s.follower.lost) })
		})
	}
	running.Wait()
}

// run goes on until the source ends. If that is before the context does, the
// table is polled from then on.
func (s *Sensor) run(ctx context.Context, source host.Source, run func() error) {
	err := run()
	if ctx.Err() != nil {
		return
	}
	s.follower.setInactive(source)
	level.Error(log.With(s.options.Logger, "source", source)).Log("msg", "the kernel's source ended; processes are polled from now on", "err", err)
}

// setActive is called before the source runs.
func (f *follower) setActive(source host.Source, lost func() uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sources[source] = lost
	f.connector = f.connector || source == host.SourceConnector
	f.accounts = f.accounts || source == host.SourceTaskstats
	f.lossy = true // what went on before is not known
}

func (f *follower) setInactive(source host.Source) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if source == host.SourceConnector {
		f.connector = false
	} else {
		f.accounts = false
	}
	f.lossy = true
	for _, t := range f.traces {
		f.finishIfOver(t)
	}
}

// state tells which sources are active, and what each has lost.
func (f *follower) state() (active map[host.Source]bool, lost map[host.Source]uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	active = map[host.Source]bool{host.SourcePoll: true, host.SourceConnector: f.connector, host.SourceTaskstats: f.accounts}
	lost = map[host.Source]uint64{host.SourceConnector: f.dropped, host.SourceTaskstats: 0}
	for source, count := range f.sources {
		lost[source] += count()
	}
	return active, lost
}

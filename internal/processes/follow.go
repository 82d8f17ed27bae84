package processes

import (
	"context"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/procevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	drainTime = 200 * time.Millisecond
	drainStep = 2 * time.Millisecond
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
		s.follower.setActive(model.SourceConnector, c)
		running.Go(func() {
			s.run(ctx, model.SourceConnector, func() error { return c.Run(ctx, s.follower.event, s.follower.lost) })
		})
	}
	if t := sources.Taskstats; t != nil {
		s.follower.setActive(model.SourceTaskstats, t)
		running.Go(func() {
			s.run(ctx, model.SourceTaskstats, func() error { return t.Run(ctx, s.follower.account, s.follower.lost) })
		})
	}
	running.Wait()
}

// run goes on until the source ends. If that is before the context does, the
// table is polled from then on.
func (s *Sensor) run(ctx context.Context, name model.Source, run func() error) {
	err := run()
	if ctx.Err() != nil {
		return
	}
	s.follower.setInactive(name)
	level.Error(log.With(s.options.Logger, "source", name)).Log("msg", "the kernel's source ended; processes are polled from now on", "err", err)
}

// source is what the follower asks one of the kernel's sources.
type source interface {
	Lost() uint64
	Drained() bool // nothing is waiting to be read
}

// setActive is called before the source runs.
func (f *follower) setActive(name model.Source, s source) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sources[name] = s
	f.connector = f.connector || name == model.SourceConnector
	f.accounts = f.accounts || name == model.SourceTaskstats
	f.lossy = true // what went on before is not known
}

func (f *follower) setInactive(name model.Source) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if name == model.SourceConnector {
		f.connector = false
	} else {
		f.accounts = false
	}
	f.lossy = true
}

// drain waits until the sources have told all that happened before now, and
// returns false if that took too long. The kernel sends the account of a thread
// before it takes it out of /proc (do_exit in kernel/exit.c).
func (f *follower) drain() bool {
	f.mu.Lock()
	var sources []source
	for _, s := range f.sources {
		sources = append(sources, s)
	}
	f.mu.Unlock()
	idle := 0
	for waited := time.Duration(0); waited < drainTime; waited += drainStep {
		idle++
		for _, s := range sources {
			if !s.Drained() {
				idle = 0
			}
		}
		if idle == 2 || len(sources) == 0 {
			return true // what was read before is handled by now
		}
		time.Sleep(drainStep)
	}
	return false
}

// state tells which sources are active, and what each has lost.
func (f *follower) state() (active map[model.Source]bool, lost map[model.Source]uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	active = map[model.Source]bool{model.SourcePoll: true, model.SourceConnector: f.connector, model.SourceTaskstats: f.accounts}
	lost = map[model.Source]uint64{model.SourceConnector: f.dropped, model.SourceTaskstats: 0}
	for name, s := range f.sources {
		lost[name] += s.Lost()
	}
	return active, lost
}

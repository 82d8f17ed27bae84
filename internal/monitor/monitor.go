// Package monitor runs the sensors, each on a clock of its own, and has every new
// sample judged. It knows sensors by one small interface only; which there are,
// and who reads whose snapshot, is wired in cmd/cryptojack_exporter/sensors.go.
package monitor

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/config"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/tracker"
)

// Sensor is what the monitor asks of a sensor. All are called by one goroutine, but
// for Meta, which any may call.
type Sensor interface {
	Name() string                                    // the label `sensor`
	Sample(ctx context.Context, now time.Time) error // reads the host once and publishes what it saw
	Next() time.Duration                             // until the next sample; asked after one that succeeded
	Meta() *model.Meta                               // of the last sample; nil before the first
}

// Task is a sensor and when it samples, besides at once and after each Next.
type Task struct {
	Sensor Sensor
	// FirstAfter delays the first sample until that of another sensor, at most 2 s; nil.
	FirstAfter Sensor
	Before     func()          // called before each sample; nil
	Sampled    func()          // called after each sample that succeeded; nil
	Wake       <-chan struct{} // a value makes it sample now; nil
}

// Follower is a goroutine that feeds a sensor between its samples, or that tells others what was found. One that fails
// is not started again: the sensor does without.
type Follower struct {
	Name    string
	Run     func(context.Context) error // until the context ends
	Restart bool                        // it is started again after a defect of its own, which was contained
}

// Options are what a monitor is made of.
type Options struct {
	Tasks     []Task
	Followers []Follower
	Snapshot  func() model.Snapshot // the last samples of all sensors, without a time

	Hold    time.Duration                            // how long a finding outlives its evidence
	Before  func(id string) (model.Remembered, bool) // what is known of a finding from before the start; nil
	OwnPID  int
	Config  func() *config.Config
	Observe func(sensor string, took time.Duration, err error) // called after each sample; err: why it failed
	Judged  func()                                             // called after each evaluation; nil
	Logger  log.Logger
}

// Monitor is a running set of sensors.
type Monitor struct {
	options Options
	guard   *guard
	judge   chan struct{} // there is a new sample

	mu       sync.Mutex // guards judging
	judging  judging
	findings atomic.Pointer[model.Findings]
}

// New returns a monitor that has not begun.
func New(o Options) *Monitor {
	m := &Monitor{options: o, guard: newGuard(o.Logger, componentDetection), judge: make(chan struct{}, 1), judging: judging{tracker: tracker.New(o.Hold).After(o.Before)}}
	for _, task := range o.Tasks {
		m.guard.add(task.Sensor.Name())
	}
	for _, follower := range o.Followers {
		m.guard.add(follower.Name)
	}
	return m
}

// Findings returns what is active, or nil before the first evaluation.
func (m *Monitor) Findings() *model.Findings { return m.findings.Load() }

// Snapshot puts the last samples together.
func (m *Monitor) Snapshot(now time.Time) model.Snapshot {
	s := m.options.Snapshot()
	s.Time = now
	return s
}

// Panics counts, by component, the panics that were contained. Every component is
// there from the start.
func (m *Monitor) Panics() map[string]uint64 { return m.guard.counts() }

// Meta returns what each sensor that has sampled says of itself.
func (m *Monitor) Meta() map[string]model.Meta {
	metas := map[string]model.Meta{}
	for _, task := range m.options.Tasks {
		if meta := task.Sensor.Meta(); meta != nil {
			metas[task.Sensor.Name()] = *meta
		}
	}
	return metas
}

// Ready tells whether every sensor has finished its first sample and all of it
// was judged.
func (m *Monitor) Ready() bool { return m.Findings() != nil && m.complete() }

func (m *Monitor) complete() bool {
	for _, task := range m.options.Tasks {
		if task.Sensor.Meta() == nil {
			return false
		}
	}
	return true
}

// Run samples and judges until the context ends, and judges once more what was
// seen last. It returns when everything has stopped.
func (m *Monitor) Run(ctx context.Context) {
	var group sync.WaitGroup
	for _, follower := range m.options.Followers {
		group.Go(func() { m.follow(ctx, follower) })
	}
	for _, task := range m.options.Tasks {
		group.Go(func() {
			awaitFirst(ctx, task.FirstAfter)
			m.sample(ctx, task)
		})
	}
	group.Go(func() { m.judgeSamples(ctx) })
	group.Wait()
	m.evaluate(time.Now())
}

// restartPause is the least time between two starts of a follower.
const restartPause = 100 * time.Millisecond

// follow runs a follower. What it feeds goes on without it.
func (m *Monitor) follow(ctx context.Context, follower Follower) {
	err := m.guard.run(follower.Name, func() error { return follower.Run(ctx) })
	for follower.Restart && errors.Is(err, errPanic) && ctx.Err() == nil {
		select { // whatever comes again at once must not take a core
		case <-ctx.Done():
		case <-time.After(restartPause):
		}
		err = m.guard.run(follower.Name, func() error { return follower.Run(ctx) })
	}
	if err != nil && ctx.Err() == nil {
		level.Error(m.options.Logger).Log("msg", "an event source has ended, its sensor goes on without it", "source", follower.Name, "err", err)
	}
}

// firstAfter is how long the first sample of a sensor waits for that of another.
const firstAfter = 2 * time.Second

func awaitFirst(ctx context.Context, sensor Sensor) {
	if sensor == nil {
		return
	}
	ctx, stop := context.WithTimeout(ctx, firstAfter)
	defer stop()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for sensor.Meta() == nil && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// sample has a sensor sample at once, and then after each interval or wake-up. A
// sample that fails is tried again after the last known interval.
func (m *Monitor) sample(ctx context.Context, task Task) {
	name := task.Sensor.Name()
	logger := log.With(m.options.Logger, "sensor", name)
	pause, failing := time.Second, ""
	for ctx.Err() == nil {
		began := time.Now()
		err := m.guard.run(name, func() error {
			if task.Before != nil {
				task.Before()
			}
			if err := task.Sensor.Sample(ctx, began); err != nil {
				return err
			}
			pause = task.Sensor.Next()
			if task.Sampled != nil {
				task.Sampled()
			}
			return nil
		})
		m.options.Observe(name, time.Since(began), err)
		switch {
		case err == nil:
			if failing != "" {
				level.Info(logger).Log("msg", "sensor works again")
			}
			failing = ""
			m.newSample()
		case err.Error() != failing && ctx.Err() == nil:
			failing = err.Error()
			level.Error(logger).Log("msg", "sensor cannot sample", "err", err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-task.Wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

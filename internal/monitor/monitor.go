// Package monitor runs the sensors, each on a clock of its own, and has every new
// sample judged. It is the one place where sensors, detection and configuration
// meet; serving and scanning both build on it.
package monitor

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/config"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/detect"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/files"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/persistence"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/services"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/sockets"
)

// The names of the sensors, as in the label `sensor`.
const (
	SensorProcess = "process"
	SensorFiles   = "files"
	SensorSockets = "sockets"

	SensorServices    = "services"
	SensorPersistence = "persistence"
)

// loggedFindings bounds what one evaluation writes to the log.
const loggedFindings = 20

// Options are what a watch is made of. A sensor that is nil is off.
type Options struct {
	Process *processes.Sensor
	Sources processes.Sources // what feeds Process besides its samples
	Files   *files.Sensor
	Sockets *sockets.Sensor

	Services    *services.Sensor // needs Sockets
	Persistence *persistence.Sensor

	Hold    time.Duration
	OwnPID  int
	Config  func() *config.Config
	Observe func(sensor string, took time.Duration) // called after each sample
	Logger  log.Logger
}

// Monitor is a running set of sensors.
type Monitor struct {
	options Options

	mu       sync.Mutex // guards tracker
	tracker  *detect.Tracker
	findings atomic.Pointer[model.Findings]
}

// New returns a watch that has not begun.
func New(o Options) *Monitor {
	return &Monitor{options: o, tracker: detect.NewTracker(o.Hold)}
}

// Processes returns the last sample, or nil.
func (w *Monitor) Processes() *model.ProcessSnapshot {
	if w.options.Process == nil {
		return nil
	}
	return w.options.Process.Snapshot()
}

// Files returns the last scan, or nil.
func (w *Monitor) Files() *model.FileSnapshot {
	if w.options.Files == nil {
		return nil
	}
	return w.options.Files.Snapshot()
}

// Sockets returns the last sample, or nil.
func (w *Monitor) Sockets() *model.SocketSnapshot {
	if w.options.Sockets == nil {
		return nil
	}
	return w.options.Sockets.Snapshot()
}

// Services returns what services said last, or nil.
func (w *Monitor) Services() *model.ServiceSnapshot {
	if w.options.Services == nil {
		return nil
	}
	return w.options.Services.Snapshot()
}

// Persistence returns the last look, or nil.
func (w *Monitor) Persistence() *model.PersistenceSnapshot {
	if w.options.Persistence == nil {
		return nil
	}
	return w.options.Persistence.Snapshot()
}

// Findings returns what is active, or nil before the first evaluation.
func (w *Monitor) Findings() *model.Findings { return w.findings.Load() }

// Snapshot puts the last samples together.
func (w *Monitor) Snapshot(now time.Time) model.Snapshot {
	return model.Snapshot{Time: now, Processes: w.Processes(), Files: w.Files(), Sockets: w.Sockets(), Services: w.Services(), Persistence: w.Persistence()}
}

// Meta returns what each sensor that has sampled says of itself.
func (w *Monitor) Meta() map[string]model.Meta {
	meta := map[string]model.Meta{}
	if s := w.Processes(); s != nil {
		meta[SensorProcess] = s.Meta
	}
	if s := w.Files(); s != nil {
		meta[SensorFiles] = s.Meta
	}
	if s := w.Sockets(); s != nil {
		meta[SensorSockets] = s.Meta
	}
	if s := w.Services(); s != nil {
		meta[SensorServices] = s.Meta
	}
	if s := w.Persistence(); s != nil {
		meta[SensorPersistence] = s.Meta
	}
	return meta
}

// Ready tells whether every sensor that is on has finished its first sample
// and all of it was judged.
func (w *Monitor) Ready() bool {
	return w.Findings() != nil && w.complete()
}

func (w *Monitor) complete() bool {
	o := &w.options
	return (o.Process == nil || w.Processes() != nil) && (o.Files == nil || w.Files() != nil) &&
		(o.Sockets == nil || w.Sockets() != nil) && (o.Services == nil || w.Services() != nil) &&
		(o.Persistence == nil || w.Persistence() != nil)
}

// Run samples until the context ends. It returns when all sensors have stopped.
func (w *Monitor) Run(ctx context.Context) {
	var group sync.WaitGroup
	o := &w.options
	changed := make(chan struct{}, 1) // it is time to look at the files
	if o.Process != nil {
		group.Go(func() { o.Process.Follow(ctx, o.Sources) })
		group.Go(func() {
			// The sensor measures its cost by the time of its thread.
			runtime.LockOSThread()
			w.loop(ctx, SensorProcess, nil, o.Process.Sample, func() time.Duration {
				if startedOrEnded(w.Files(), w.Processes()) {
					wake(changed)
				}
				return o.Process.Snapshot().Interval
			})
		})
	}
	if o.Sockets != nil {
		group.Go(func() {
			w.awaitProcesses(ctx) // they tell which network namespaces there are
			w.loop(ctx, SensorSockets, nil, o.Sockets.Sample, func() time.Duration { return o.Sockets.Snapshot().Interval })
		})
	}
	if o.Services != nil {
		group.Go(func() { w.loop(ctx, SensorServices, nil, o.Services.Sample, o.Services.Next) })
	}
	if o.Persistence != nil {
		group.Go(func() {
			w.loop(ctx, SensorPersistence, nil, o.Persistence.Sample, func() time.Duration { return o.Persistence.Snapshot().Interval })
		})
	}
	if o.Files != nil {
		group.Go(func() {
			if err := o.Files.Watch(ctx, changed); err != nil {
				level.Warn(o.Logger).Log("msg", "files are only looked at periodically", "err", err)
			}
		})
		group.Go(func() {
			w.loop(ctx, SensorFiles, changed, o.Files.Sample, func() time.Duration { return o.Files.Snapshot().Interval })
		})
	}
	group.Wait()
}

// firstProcesses is how long the first look at sockets waits for that at processes.
const firstProcesses = 2 * time.Second

func (w *Monitor) awaitProcesses(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, firstProcesses)
	defer stop()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for w.options.Process != nil && w.Processes() == nil && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// startedOrEnded tells whether a suspicious file runs and is not said to, or the
// other way round: the process sample that shows it came after the scan.
func startedOrEnded(files *model.FileSnapshot, processes *model.ProcessSnapshot) bool {
	if files == nil || len(files.Files) == 0 {
		return false
	}
	runs := make(map[model.FileID]bool, len(files.Files))
	for i := range files.Files {
		runs[files.Files[i].ID] = false
	}
	for i := range processes.Processes {
		id := processes.Processes[i].ExeFile
		if _, ok := runs[id]; ok {
			runs[id] = true
		}
	}
	return slices.ContainsFunc(files.Files, func(file model.File) bool {
		return runs[file.ID] != (file.Reason == model.FileRunning)
	})
}

func wake(sleeper chan<- struct{}) {
	select {
	case sleeper <- struct{}{}:
	default: // it wakes already
	}
}

// loop samples at once and then after each interval or wake-up. A sample that
// fails is tried again after the last known interval.
func (w *Monitor) loop(ctx context.Context, sensor string, wake <-chan struct{}, sample func(time.Time) error, interval func() time.Duration) {
	pause, failing := time.Second, ""
	for ctx.Err() == nil {
		now := time.Now()
		err := w.safely(sample, now)
		w.options.Observe(sensor, time.Since(now))
		switch {
		case err == nil:
			if failing != "" {
				level.Info(w.options.Logger).Log("msg", "sensor works again", "sensor", sensor)
			}
			failing, pause = "", interval()
			w.evaluate(time.Now())
		case err.Error() != failing:
			failing = err.Error()
			level.Error(w.options.Logger).Log("msg", "sensor cannot sample", "sensor", sensor, "err", err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// safely turns a panic into an error: one broken sensor must not blind the
// others.
func (w *Monitor) safely(sample func(time.Time) error, now time.Time) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic, please report it: %v", cause)
		}
	}()
	return sample(now)
}

// evaluate judges the last samples, as soon as there is one of every sensor.
func (w *Monitor) evaluate(now time.Time) {
	if !w.complete() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	policy, catalogue := w.policy()
	snapshot := w.Snapshot(now)
	exposures := detect.Exposures(&snapshot, catalogue)
	current := w.tracker.Update(&snapshot, detect.Evaluate(&snapshot, policy, catalogue, exposures))
	current.Pools, current.Exposures = detect.Pools(&snapshot, policy), exposures
	w.log(w.findings.Swap(current), current)
}

func (w *Monitor) policy() (detect.Policy, *catalogue.Catalogue) {
	config := w.options.Config()
	policy := config.Policy
	policy.OwnPID = w.options.OwnPID
	return policy, config.Catalogue
}

// Explain tells every signal that was considered for a process in the last
// samples; ok is false if there is none of that pid.
func (w *Monitor) Explain(pid int, now time.Time) (explanation detect.Explanation, ok bool) {
	policy, catalogue := w.policy()
	snapshot := w.Snapshot(now)
	return detect.Explain(&snapshot, policy, detect.Exposures(&snapshot, catalogue), pid)
}

// log writes what is new, and what has ended. Notes are not logged.
func (w *Monitor) log(before, current *model.Findings) {
	known := severities(before)
	lines := 0
	for i := range current.Active {
		finding := &current.Active[i]
		if finding.Severity == model.Info || known[finding.ID] == finding.Severity {
			continue
		}
		if lines++; lines > loggedFindings {
			level.Warn(w.options.Logger).Log("msg", "more findings than are logged", "findings", len(current.Active))
			break
		}
		level.Warn(w.options.Logger).Log("msg", "finding", "severity", finding.Severity, "rule", finding.Rule,
			"technique", finding.Technique, "title", finding.Title, "id", finding.ID)
	}
	still, ended := severities(current), 0
	for id, severity := range known {
		if _, ok := still[id]; ok || severity == model.Info {
			continue
		}
		if ended++; ended <= loggedFindings {
			level.Info(w.options.Logger).Log("msg", "finding ended", "severity", severity, "id", id)
		}
	}
}

func severities(findings *model.Findings) map[string]model.Severity {
	out := map[string]model.Severity{}
	if findings != nil {
		for i := range findings.Active {
			out[findings.Active[i].ID] = findings.Active[i].Severity
		}
	}
	return out
}

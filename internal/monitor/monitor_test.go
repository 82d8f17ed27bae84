package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/config"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// fakeSensor has a sample function of the test's.
type fakeSensor struct {
	name   string
	sample func(context.Context, time.Time) error
	next   time.Duration
	meta   atomic.Pointer[model.Meta]
}

func (f *fakeSensor) Name() string { return f.name }

func (f *fakeSensor) Sample(ctx context.Context, now time.Time) error {
	if err := f.sample(ctx, now); err != nil {
		return err
	}
	f.meta.Store(&model.Meta{Time: now})
	return nil
}

func (f *fakeSensor) Next() time.Duration { return f.next }
func (f *fakeSensor) Meta() *model.Meta   { return f.meta.Load() }

func newMonitor(t *testing.T, out *bytes.Buffer, o Options) *Monitor {
	t.Helper()
	loaded, err := config.Load("")
	if err != nil {
		t.Fatal(err)
	}
	if o.Snapshot == nil {
		o.Snapshot = func() model.Snapshot { return model.Snapshot{} }
	}
	o.Config, o.Observe = func() *config.Config { return loaded }, func(string, time.Duration, error) {}
	o.Logger = log.NewLogfmtLogger(log.NewSyncWriter(out))
	return New(o)
}

// TestFailingSensor: an error and a panic are logged once each, the sensor goes
// on, and its recovery is logged. The panics are counted.
func TestFailingSensor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		ctx, stop := context.WithCancel(t.Context())
		calls := 0
		sensor := &fakeSensor{name: "files", next: time.Minute}
		sensor.sample = func(context.Context, time.Time) error {
			calls++
			switch {
			case calls <= 3:
				return errors.New("no procfs")
			case calls <= 5:
				panic("boom")
			case calls == 8:
				stop()
			}
			return nil
		}
		m := newMonitor(t, &out, Options{Tasks: []Task{{Sensor: sensor}}})
		m.Run(ctx)
		if calls != 8 {
			t.Errorf("%d samples, want 8", calls)
		}
		for text, want := range map[string]int{"no procfs": 1, "sensor cannot sample": 2, "a defect was contained": 1, "works again": 1} {
			if got := strings.Count(out.String(), text); got != want {
				t.Errorf("%q was logged %d times, want %d:\n%s", text, got, want, &out)
			}
		}
		if got := m.Panics(); got["files"] != 2 || got["detection"] != 0 || len(got) != 2 {
			t.Errorf("panics: %v", got)
		}
	})
}

// TestPanicOfDetection: detection that panics is contained and counted, and judges
// again at the next sample; the sensors go on.
func TestPanicOfDetection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		sensor := &fakeSensor{name: "files", next: time.Minute, sample: func(context.Context, time.Time) error { return nil }}
		var broken atomic.Bool
		broken.Store(true)
		m := newMonitor(t, &out, Options{
			Tasks: []Task{{Sensor: sensor}},
			Snapshot: func() model.Snapshot {
				if broken.Load() {
					panic("index out of range")
				}
				return model.Snapshot{}
			},
		})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx) }()
		time.Sleep(150 * time.Second)
		if m.Ready() || m.Panics()["detection"] != 3 {
			t.Errorf("ready %v, panics %v, want 3 of detection", m.Ready(), m.Panics())
		}
		broken.Store(false)
		time.Sleep(time.Minute)
		if !m.Ready() || m.Panics()["detection"] != 3 {
			t.Errorf("after it was mended: ready %v, panics %v", m.Ready(), m.Panics())
		}
		stop()
		<-done
		if got := strings.Count(out.String(), "index out of range"); got != 1 {
			t.Errorf("it was logged %d times:\n%s", got, &out)
		}
	})
}

// TestFollowerThatIsRestarted: one that tells others is started again after each defect, and ends with the context.
func TestFollowerThatIsRestarted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		ctx, stop := context.WithCancel(t.Context())
		starts := 0
		sensor := &fakeSensor{name: "process", next: time.Second, sample: func(context.Context, time.Time) error { return nil }}
		m := newMonitor(t, &out, Options{
			Tasks: []Task{{Sensor: sensor}},
			Followers: []Follower{{Name: "outlets", Restart: true, Run: func(ctx context.Context) error {
				if starts++; starts <= 3 {
					panic("a message that cannot be made")
				}
				<-ctx.Done()
				return nil
			}}},
		})
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx) }()
		time.Sleep(10 * time.Second)
		stop()
		<-done
		if starts != 4 || m.Panics()["outlets"] != 3 || strings.Contains(out.String(), "an event source has ended") {
			t.Errorf("%d starts, panics %v:\n%s", starts, m.Panics(), &out)
		}
	})
}

// TestPanicOfFollower: an event source that panics ends alone.
func TestPanicOfFollower(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		ctx, stop := context.WithCancel(t.Context())
		sensor := &fakeSensor{name: "process", next: time.Second, sample: func(context.Context, time.Time) error { return nil }}
		m := newMonitor(t, &out, Options{
			Tasks:     []Task{{Sensor: sensor}},
			Followers: []Follower{{Name: "proc_connector", Run: func(context.Context) error { panic("short message") }}},
		})
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx) }()
		time.Sleep(10 * time.Second)
		if !m.Ready() || m.Panics()["proc_connector"] != 1 {
			t.Errorf("ready %v, panics %v", m.Ready(), m.Panics())
		}
		stop()
		<-done
		if !strings.Contains(out.String(), "an event source has ended") {
			t.Errorf("nothing says that the source has ended:\n%s", &out)
		}
	})
}

func TestWakeUpSamplesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		wake := make(chan struct{}, 1)
		wake <- struct{}{}
		began, calls := time.Now(), 0
		sensor := &fakeSensor{name: "files", next: time.Hour}
		sensor.sample = func(context.Context, time.Time) error {
			if calls++; calls == 2 {
				stop()
			}
			return nil
		}
		newMonitor(t, &bytes.Buffer{}, Options{Tasks: []Task{{Sensor: sensor, Wake: wake}}}).Run(ctx)
		if took := time.Since(began); took >= time.Minute || calls != 2 {
			t.Errorf("%d samples in %s, want 2 at once", calls, took)
		}
	})
}

// TestFirstSampleWaits: one sensor's first sample comes after another's, and is not
// held up for ever by one that has none.
func TestFirstSampleWaits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ takes, want time.Duration }{
		"it has one":  {time.Second, time.Second},
		"it has none": {time.Hour, firstAfter},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				began := time.Now()
				first := &fakeSensor{name: "process", next: time.Hour, sample: func(ctx context.Context, _ time.Time) error {
					select {
					case <-ctx.Done():
					case <-time.After(test.takes):
					}
					return nil
				}}
				second := &fakeSensor{name: "sockets", next: time.Hour, sample: func(context.Context, time.Time) error {
					if took := time.Since(began).Round(100 * time.Millisecond); took != test.want {
						t.Errorf("it began after %s, want %s", took, test.want)
					}
					stop()
					return nil
				}}
				newMonitor(t, &bytes.Buffer{}, Options{Tasks: []Task{{Sensor: first}, {Sensor: second, FirstAfter: first}}}).Run(ctx)
			})
		})
	}
}

// TestLogOfFindings: what is new is told once, notes never, a flood in part.
func TestLogOfFindings(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	m := newMonitor(t, &out, Options{})
	findings := func(severity model.Severity, count int) *model.Findings {
		f := &model.Findings{}
		for i := range count {
			f.Active = append(f.Active, model.Finding{ID: fmt.Sprint("id", i), Severity: severity, Title: "title"})
		}
		return f
	}
	m.log(nil, findings(model.Info, 5))
	if out.Len() > 0 {
		t.Errorf("notes were logged:\n%s", &out)
	}
	flood := findings(model.Critical, 500)
	m.log(findings(model.Info, 5), flood)
	if lines := strings.Count(out.String(), "\n"); lines != loggedFindings+1 || !strings.Contains(out.String(), "more findings") {
		t.Errorf("%d lines of 500 findings", lines)
	}
	out.Reset()
	m.log(flood, flood)
	if out.Len() > 0 {
		t.Errorf("what is known was logged again:\n%s", &out)
	}
	m.log(flood, findings(model.Info, 0))
	if ends := strings.Count(out.String(), "finding ended"); ends != loggedFindings {
		t.Errorf("%d ends of 500 were logged, want %d", ends, loggedFindings)
	}
}

package files

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// watch runs Watch and, as its caller does, scans at each signal. The tests of
// this file are not parallel: they look for leaked goroutines.
type watchRun struct {
	signals chan struct{}
	stop    func()
}

func (f *fixture) watch() *watchRun {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	changed, done, looped := make(chan struct{}, 1), make(chan error, 1), make(chan struct{})
	run := &watchRun{signals: make(chan struct{}, 1000)}
	f.sample()
	go func() { done <- f.sensor.Watch(ctx, changed) }()
	go func() {
		defer close(looped)
		for {
			select {
			case <-ctx.Done():
				return
			case <-changed:
				run.signals <- struct{}{}
				if err := f.sensor.Sample(context.Background(), time.Now()); err != nil {
					f.t.Error(err)
				}
			}
		}
	}()
	run.stop = func() {
		cancel()
		if err := <-done; err != nil {
			f.t.Error(err)
		}
		<-looped
	}
	// The first directories are followed, and looked at once more.
	f.wait(run)
	f.quiet()
	return run
}

// patience is how long a test waits for what must happen, on the busiest machine.
const patience = time.Minute

// wait waits for the next signal.
func (f *fixture) wait(run *watchRun) {
	f.t.Helper()
	select {
	case <-run.signals:
	case <-time.After(patience):
		f.t.Fatal("nobody was woken up")
	}
}

// eventually waits until a condition holds.
func (f *fixture) eventually(what string, holds func() bool) {
	f.t.Helper()
	for began := time.Now(); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > patience {
			f.t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// quiet waits until a signal may come at once.
func (f *fixture) quiet() {
	f.eventually("a signal may come", func() bool { return f.sensor.rate.wait(time.Now()) == 0 })
}

// seen waits until a scan has found a file.
func (f *fixture) seen(name string) {
	f.t.Helper()
	f.eventually(name+" is seen", func() bool {
		return slices.ContainsFunc(f.sensor.Snapshot().Files, func(file model.File) bool { return file.Path == name })
	})
}

// TestWatchWakes: TestDelayOf and TestRateLimit hold how soon.
func TestWatchWakes(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	f := newFixture(t, Limits{})
	f.write("/tmp/sub/text", "text", 0o644)
	f.write("/outside/moved", elfFile(executable, "m"), 0o755)
	run := f.watch()
	defer run.stop()
	for _, act := range []func(){
		func() { f.write("/tmp/kdevtmpfsi", elfFile(executable, "x"), 0o755) },
		func() { f.write("/tmp/sub/new", elfFile(executable, "x"), 0o755) },
		func() { f.must(os.Rename(f.path("/outside/moved"), f.path("/tmp/moved"))) },
		func() { f.must(os.Chmod(f.path("/tmp/sub/text"), 0o755)) },
	} {
		act()
		f.wait(run)
		f.quiet()
	}
	f.must(f.sensor.Sample(t.Context(), time.Now()))
	if snapshot := f.sensor.Snapshot(); !snapshot.Watching || f.count("/tmp", model.FileELF) != 2 {
		t.Errorf("%+v", snapshot)
	}
}

func TestWatchFollowsNewDirectories(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	f := newFixture(t, Limits{})
	run := f.watch()
	defer run.stop()
	f.must(os.Mkdir(f.path("/tmp/new"), 0o755))
	f.wait(run)
	f.write("/tmp/new/kdevtmpfsi", elfFile(executable, "x"), 0o755)
	f.seen("/tmp/new/kdevtmpfsi")
}

// TestWatchIsNotDrivenByAStorm: between two signals lies quietTime by the sensor's
// own clock, so that no machine is slow enough for more of them.
func TestWatchIsNotDrivenByAStorm(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	f := newFixture(t, Limits{})
	run := f.watch()
	defer run.stop()
	began := time.Now()
	for i := 0; time.Since(began) < 3*quietTime; i++ {
		f.must(os.WriteFile(f.path(fmt.Sprintf("/tmp/%d", i%100)), nil, 0o644))
		f.must(os.Remove(f.path(fmt.Sprintf("/tmp/%d", i%100))))
	}
	f.wait(run)
	count, took := 1+len(run.signals), time.Since(began)
	if most := 1 + int(took/quietTime); count > most {
		t.Errorf("%d signals in %s of events, want at most %d", count, took, most)
	}
}

func TestWatchBeforeTheFirstScan(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	f := newFixture(t, Limits{})
	ctx, stop := context.WithCancel(t.Context())
	changed, done := make(chan struct{}), make(chan error, 1) // nobody receives: it must not block
	go func() { done <- f.sensor.Watch(ctx, changed) }()
	f.sample()
	f.eventually("directories are watched", f.sensor.watching.Load)
	f.write("/tmp/x", "text", 0o644)
	f.eventually("a signal was given", func() bool {
		f.sensor.rate.mu.Lock()
		defer f.sensor.rate.mu.Unlock()
		return !f.sensor.rate.signal.IsZero()
	})
	stop()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("it does not stop")
	}
	f.sample()
	if f.sensor.Snapshot().Watching {
		t.Error("says that it watches after it has stopped")
	}
}

func TestWatchedDirectoriesAreBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{Time: time.Minute}, "/tmp", "/var/tmp")
	for i := range maxWatched + 100 {
		f.must(os.Mkdir(f.path(fmt.Sprintf("/tmp/%d", i)), 0o755))
	}
	f.sample()
	paths := *f.sensor.watchable.Load()
	if len(paths) != maxWatched || paths[0] != f.path("/tmp") || paths[1] != f.path("/var/tmp") {
		t.Errorf("%d paths, first %v", len(paths), paths[:2])
	}
}

func TestDelayOf(t *testing.T) {
	t.Parallel()
	for op, want := range map[fsnotify.Op]time.Duration{
		fsnotify.Create: settleTime, fsnotify.Rename: settleTime, fsnotify.Chmod: settleTime,
		fsnotify.Write: writeTime, fsnotify.Remove: writeTime, fsnotify.Create | fsnotify.Write: settleTime, 0: 0,
	} {
		if got := delayOf(op); got != want {
			t.Errorf("%s: %s, want %s", op, got, want)
		}
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, test := range map[string]struct {
		rate *rateLimit
		want time.Duration
	}{
		"never":                 {&rateLimit{}, 0},
		"during a scan":         {&rateLimit{scanning: true}, time.Second},
		"after a short scan":    {&rateLimit{ended: now.Add(-time.Millisecond), took: time.Millisecond}, 9 * time.Millisecond},
		"after a long scan":     {&rateLimit{ended: now.Add(-time.Second), took: 5 * time.Second}, 49 * time.Second},
		"long after a scan":     {&rateLimit{ended: now.Add(-time.Hour), took: 5 * time.Second}, 0},
		"just after a signal":   {&rateLimit{signal: now.Add(-time.Millisecond)}, 999 * time.Millisecond},
		"a second after it":     {&rateLimit{signal: now.Add(-time.Second)}, 0},
		"the longer of the two": {&rateLimit{signal: now, ended: now, took: time.Second}, 10 * time.Second},
	} {
		if got := test.rate.wait(now); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

package files

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// watchRun is a Watch that runs and, as its caller does, samples at each signal. Looks are an hour
// apart, so that what is found was told by inotify. The tests that use it are not
// parallel: they look for leaked goroutines.
type watchRun struct {
	signals chan time.Time
	stop    func()
}

func (f *fixture) watch() *watchRun {
	f.t.Helper()
	f.sensor.options.Interval = time.Hour
	ctx, cancel := context.WithCancel(f.t.Context())
	changed, done, looped := make(chan struct{}, 1), make(chan error, 1), make(chan struct{})
	run := &watchRun{signals: make(chan time.Time, 1000)}
	f.sample()
	go func() { done <- f.sensor.Watch(ctx, changed) }()
	go func() {
		defer close(looped)
		for {
			select {
			case <-ctx.Done():
				return
			case <-changed:
				if err := f.sensor.Sample(context.Background(), time.Now()); err != nil {
					f.t.Error(err)
				}
				run.signals <- time.Now()
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
	f.wait(run) // the first, after which directories are watched
	return run
}

// patience is how long a test waits for what must happen, on the busiest machine.
const patience = time.Minute

// wait waits for the sample after the next signal.
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

func (f *fixture) isFound(name string) bool {
	return slices.ContainsFunc(f.sensor.Snapshot().Files, func(file model.File) bool { return file.Path == name })
}

// TestWatchFinds what comes, changes and goes, in directories that are there and in those
// that come.
func TestWatchFinds(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	f := newFixture(t, Limits{})
	f.write("/tmp/sub/text", "text", 0o644)
	f.write("/tmp/sub/script", "#!/bin/sh\n", 0o644)
	f.write("/outside/moved", elfFile(executable, "m"), 0o755)
	f.write("/outside/tree/a/b/program", elfFile(executable, "m"), 0o755)
	run := f.watch()
	defer run.stop()
	if !f.sensor.Snapshot().Watching {
		t.Error("it does not say that it watches")
	}
	for _, step := range []struct {
		name string
		act  func()
	}{
		{"/tmp/kdevtmpfsi", func() { f.write("/tmp/kdevtmpfsi", elfFile(executable, "x"), 0o755) }},
		{"/tmp/sub/new", func() { f.write("/tmp/sub/new", elfFile(executable, "x"), 0o755) }},
		{"/tmp/moved", func() { f.must(os.Rename(f.path("/outside/moved"), f.path("/tmp/moved"))) }},
		{"/tmp/sub/script", func() { f.must(os.Chmod(f.path("/tmp/sub/script"), 0o755)) }},
		{"/tmp/sub/text", func() { f.must(os.WriteFile(f.path("/tmp/sub/text"), []byte(elfFile(executable, "t")), 0o644)) }},
		{"/tmp/tree/a/b/program", func() { f.must(os.Rename(f.path("/outside/tree"), f.path("/tmp/tree"))) }},
		{"/tmp/tree/a/b/.later", func() { f.write("/tmp/tree/a/b/.later", elfFile(executable, "l"), 0o755) }},
	} {
		step.act()
		f.eventually(step.name+" is found", func() bool { return f.isFound(step.name) })
	}
	f.must(os.Remove(f.path("/tmp/sub/new")))
	f.eventually("what was removed is forgotten", func() bool { return !f.isFound("/tmp/sub/new") })
	f.must(os.RemoveAll(f.path("/tmp/tree")))
	f.eventually("what lay in a removed directory is forgotten", func() bool { return !f.isFound("/tmp/tree/a/b/.later") })
	f.must(os.Chmod(f.path("/tmp/sub/script"), 0o644))
	f.eventually("a script that cannot be run any more is none", func() bool { return !f.isFound("/tmp/sub/script") })
}

// TestWatchIsNotDrivenByAStorm: between two signals lies quietTime by the sensor's own
// clock, so that no machine is slow enough for more of them.
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

func TestWatchBeforeTheFirstSample(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	f := newFixture(t, Limits{})
	ctx, stop := context.WithCancel(t.Context())
	changed, done := make(chan struct{}), make(chan error, 1) // nobody receives: it must not block
	go func() { done <- f.sensor.Watch(ctx, changed) }()
	f.eventually("Watch has begun", func() bool { return f.sensor.events.Load() != nil })
	f.sample()
	if !f.sensor.Snapshot().Watching {
		t.Error("not watched from the first listing on")
	}
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

// newEvents is what Watch hands to a sample, without Watch.
func (f *fixture) newEvents() *events {
	f.t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	f.must(err)
	e := &events{inotify: os.NewFile(uintptr(fd), "inotify"), first: map[eventKey]uint32{}, rest: map[eventKey]uint32{}, dropped: map[int32]bool{}}
	f.t.Cleanup(func() { e.inotify.Close() })
	f.sensor.events.Store(e)
	return e
}

func eventBytesOf(watch int32, mask uint32, name string) []byte {
	length := (len(name) + 16) / 16 * 16
	if name == "" {
		length = 0
	}
	event := binary.NativeEndian.AppendUint32(nil, uint32(watch))
	event = binary.NativeEndian.AppendUint32(event, mask)
	event = binary.NativeEndian.AppendUint32(event, 0)
	event = binary.NativeEndian.AppendUint32(event, uint32(length))
	return append(event, append([]byte(name), make([]byte, length-len(name))...)...)
}

// TestLostEvents lead to a new listing of what they may have been about, and are counted.
func TestLostEvents(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	f.sensor.options.Interval = time.Hour
	f.fill("/tmp/a", 3)
	f.fill("/tmp/b", 3)
	e := f.newEvents()
	f.sample()
	top := f.sensor.roots[0].top
	a, b := top.children["a"], top.children["b"]
	f.write("/tmp/a/program", elfFile(executable, "x"), 0o755) // as it would be if nobody had told
	f.write("/tmp/b/program", elfFile(executable, "x"), 0o755)
	if got := f.sample(); len(got) != 0 {
		t.Fatalf("found without being told: %v", got)
	}
	for i := range maxEvents + 10 {
		e.add(eventBytesOf(a.watch, unix.IN_CREATE, fmt.Sprint("gone", i)), f.sensor.tells)
	}
	if len(e.rest) != maxEvents {
		t.Errorf("%d names wait", len(e.rest))
	}
	got := f.sample()
	if snapshot := f.sensor.Snapshot(); len(got) != 1 || got["/tmp/a/program"] == "" || snapshot.EventsLost != 1 {
		t.Errorf("%v, %d lost", got, snapshot.EventsLost)
	}
	e.add(eventBytesOf(-1, unix.IN_Q_OVERFLOW, ""), f.sensor.tells)
	f.sensor.options.Limits.Entries = 1
	f.sample()
	if !f.sensor.Snapshot().Truncated["/tmp"] {
		t.Error("it is not said that events were lost")
	}
	f.sensor.options.Limits.Entries = 1000
	got = f.sample()
	if snapshot := f.sensor.Snapshot(); len(got) != 2 || got["/tmp/b/program"] == "" || snapshot.EventsLost != 2 || snapshot.Truncated["/tmp"] || b.lost {
		t.Errorf("%v, %d lost, truncated %v", got, snapshot.EventsLost, snapshot.Truncated)
	}
	// Another Watch begins: what was lost stays counted.
	f.newEvents()
	f.sample()
	if snapshot := f.sensor.Snapshot(); snapshot.EventsLost != 2 || !snapshot.Watching {
		t.Errorf("%d lost, watching %v", snapshot.EventsLost, snapshot.Watching)
	}
}

// TestStormOfEvents takes the budget of several samples: what names tell comes first, and
// listings go on.
func TestStormOfEvents(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{Entries: 600})
	f.sensor.options.Interval = time.Hour
	e := f.newEvents()
	f.sample()
	top := f.sensor.roots[0].top
	for i := range 3000 {
		e.add(eventBytesOf(top.watch, unix.IN_CREATE|unix.IN_CLOSE_WRITE, fmt.Sprint("x", i)), f.sensor.tells)
	}
	f.write("/tmp/.hidden", elfFile(executable, "x"), 0o755)
	f.write("/tmp/program", elfFile(executable, "x"), 0o755)
	e.add(eventBytesOf(top.watch, unix.IN_CREATE, ".hidden"), f.sensor.tells)
	e.add(eventBytesOf(top.watch, unix.IN_CREATE, "program"), f.sensor.tells)
	if got := f.sample(); got["/tmp/.hidden"] == "" || f.sensor.Snapshot().Interval != workPause {
		t.Errorf("%v, next sample in %s", got, f.sensor.Snapshot().Interval)
	}
	for range 6 {
		f.sample()
	}
	if snapshot := f.sensor.Snapshot(); len(snapshot.Files) != 2 || snapshot.Interval != time.Hour || snapshot.EventsLost != 0 {
		t.Errorf("%d files, next sample in %s, %d lost", len(snapshot.Files), snapshot.Interval, snapshot.EventsLost)
	}
}

func TestBrokenEvents(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	e := f.newEvents()
	whole := eventBytesOf(1, unix.IN_CREATE, "name")
	for n := range whole {
		if e.add(whole[:n], f.sensor.tells) {
			t.Errorf("news from %d bytes", n)
		}
	}
	if e.add(eventBytesOf(1, unix.IN_ATTRIB, ""), f.sensor.tells) {
		t.Error("news from a change of the directory itself")
	}
	if !e.add(slices.Concat(whole, whole), f.sensor.tells) || len(e.rest) != 1 {
		t.Errorf("%v", e.rest)
	}
}

// TestWatchedDirectoriesAreBounded: those at the top come first.
func TestWatchedDirectoriesAreBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{}, "/tmp", "/var/tmp")
	for i := range 20 {
		f.must(os.MkdirAll(f.path(fmt.Sprintf("/tmp/a/%d", i)), 0o755))
	}
	f.newEvents()
	f.sensor.watches.most = 20
	f.complete()
	if n := len(f.sensor.watches.directories); n != 20 {
		t.Errorf("%d are watched", n)
	}
	f.must(os.Mkdir(f.path("/tmp/b"), 0o755))
	f.complete()
	f.must(os.Mkdir(f.path("/tmp/a/21"), 0o755))
	f.complete()
	b := f.sensor.roots[0].top.children["b"]
	if b == nil || b.watch == 0 || len(f.sensor.watches.directories) != 20 || f.sensor.watches.byDepth[2] != 16 {
		t.Errorf("%+v, %d are watched, %v by depth", b, len(f.sensor.watches.directories), f.sensor.watches.byDepth)
	}
}

// TestRunningFileIsAsked: what was found harmless, as a library is, may run later.
func TestRunningFileIsAsked(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	f.sensor.options.Interval = time.Hour
	f.write("/tmp/sub/lib.so.1", elfFile(dynamic, "x"), 0o755)
	f.write("/tmp/sub/program", elfFile(executable, "x"), 0o755)
	f.sample()
	f.run("/tmp/sub/lib.so.1")
	f.run("/tmp/sub/program")
	f.running[model.FileID{Dev: 1, Inode: 1}] = "/tmp/none/of/this"
	f.running[model.FileID{Dev: 1, Inode: 2}] = "/elsewhere"
	got := f.sample()
	if len(got) != 2 || got["/tmp/sub/lib.so.1"] != model.FileRunning || got["/tmp/sub/program"] != model.FileRunning {
		t.Errorf("%v", got)
	}
	clear(f.running)
	if got := f.sample(); got["/tmp/sub/program"] != model.FileELF {
		t.Errorf("%v", got)
	}
}

// TestNumberOfAFileIsReused holds that a file which is no program is forgotten with the process that had a file of its
// number: a new file gets the number of one that was just removed.
func TestNumberOfAFileIsReused(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	f.write("/tmp/x/.git/description", "Unnamed repository", 0o644)
	f.run("/tmp/x/.git/description")
	if got := f.sample(); got["/tmp/x/.git/description"] != model.FileRunning {
		t.Errorf("while it runs: %+v", got)
	}
	clear(f.running)
	if got := f.sample(); len(got) != 0 {
		t.Errorf("afterwards: %+v", got)
	}
}

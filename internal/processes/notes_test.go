package processes

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/procdir"
)

// kernelsKnown is what the kernel was told of programs.
type kernelsKnown map[taskevents.Program]bool

func (k kernelsKnown) programs(now func() time.Time) *knownPrograms {
	programs := newKnownPrograms(
		func(p *taskevents.Program) error { k[*p] = true; return nil },
		func(p *taskevents.Program) error { delete(k, *p); return nil },
	)
	programs.now = now
	return programs
}

// newNoted is a watched sensor that the kernel's notes feed.
func newNoted(t *testing.T, interest func(*model.Process) model.Interest) (*watched, kernelsKnown) {
	t.Helper()
	w, kernel := newWatched(t, interest), kernelsKnown{}
	w.follower.setInactive(model.SourceConnector)
	w.follower.setInactive(model.SourceTaskstats)
	w.follower.known = kernel.programs(w.clock.now)
	w.follower.setActive(model.SourceTaskIterator, silent{})
	return w, kernel
}

// noted has a process fork one that runs a program at once, as the kernel notes it. What is in /proc by then is up to the test.
func (w *watched) noted(parent, pid int, program taskevents.Program, known bool, argv ...string) {
	start := w.clock.at.Sub(after(0))
	w.follower.note(&taskevents.Event{Kind: taskevents.Fork, PID: pid, Parent: parent, Start: start, Time: start})
	exec := &taskevents.Event{Kind: taskevents.Exec, PID: pid, Start: start, Time: start, Program: program, Known: known, UID: 33}
	if len(argv) > 0 {
		exec.Arguments = []byte(strings.Join(argv, "\x00") + "\x00")
	}
	copy(exec.Comm[:], "name")
	w.follower.note(exec)
}

func (w *watched) ended(pid int, start, used, later time.Duration) {
	w.follower.note(&taskevents.Event{Kind: taskevents.Exit, PID: pid, Start: start, Time: start + used, CPU: used, ExitCode: 9, UID: 33, Comm: [16]byte{'x'}})
	if later > 0 {
		w.follower.note(&taskevents.Event{Kind: taskevents.Gone, PID: pid, Start: start, Time: start + used, CPU: later})
	}
}

// TestKnownProgramIsNotRead: a program that was seen is known without its process, and judged by its arguments all the same.
func TestKnownProgramIsNotRead(t *testing.T) {
	t.Parallel()
	w, _ := newNoted(t, byName)
	program := taskevents.Program{Inode: 7, Changed: 5}
	w.follower.known.programs[program] = &knownProgram{
		image: &image{Executable: procdir.Executable{Path: "/usr/bin/python3"}, origin: model.OriginSystem, directory: "/usr/bin"},
		until: w.clock.at.Add(knownFor),
	}
	w.noted(50, 200, program, true, "python3", "/opt/x.py")
	if len(w.Wake()) != 0 {
		t.Error("a program of no interest wakes")
	}
	got := w.asked[len(w.asked)-1]
	if got.PID != 200 || got.UID != 33 || got.User != "user33" || got.Parent == nil || got.Parent.PID != 50 || got.Exe != "/usr/bin/python3" ||
		got.Comm != "name" || got.Script != "/opt/x.py" || len(got.Argv) != 2 {
		t.Errorf("asked about %+v", got)
	}
	w.noted(50, 201, program, true, "python3", "-o", "stratum+tcp://pool:1")
	if len(w.Wake()) != 1 {
		t.Error("a miner by its arguments does not wake")
	}
	w.noted(50, 202, program, false, "python3") // the kernel does not know it, and it is gone
	if image := w.follower.imageOf(202); image == nil || image.Path != "/usr/bin/python3" {
		t.Errorf("%+v", image)
	}
	w.noted(50, 203, taskevents.Program{Inode: 8}, true, "other")
	if image := w.follower.imageOf(203); image != nil {
		t.Errorf("%+v", image)
	}
}

// TestLearn: only what is of no interest, was read in full and is the file that began is known.
func TestLearn(t *testing.T) {
	t.Parallel()
	now := after(0)
	kernel := kernelsKnown{}
	k := kernel.programs(func() time.Time { return now })
	good := image{
		Executable: procdir.Executable{Path: "/usr/bin/cc", Content: hostfs.ContentKey{Inode: 7, Ctime: unix.Timespec{Nsec: 5}}},
		origin:     model.OriginSystem,
	}
	event := taskevents.Event{Program: taskevents.Program{Inode: 7, Changed: 5, Name: 1}}
	for name, change := range map[string]func(*image, *taskevents.Event) model.Interest{
		"of interest":   func(*image, *taskevents.Event) model.Interest { return model.InterestEntry },
		"suspicious":    func(i *image, _ *taskevents.Event) model.Interest { i.origin = model.OriginTemp; return 0 },
		"deleted":       func(i *image, _ *taskevents.Event) model.Interest { i.Deleted = true; return 0 },
		"another file":  func(i *image, _ *taskevents.Event) model.Interest { i.Content.Inode = 8; return 0 },
		"changed since": func(i *image, _ *taskevents.Event) model.Interest { i.Content.Ctime.Nsec = 6; return 0 },
		"without a time": func(i *image, e *taskevents.Event) model.Interest {
			i.Content.Ctime.Nsec, e.Program.Changed = 0, 0
			return 0
		},
	} {
		found, began := good, event
		interest := change(&found, &began)
		k.learn(&began, &found, interest)
		if len(kernel) != 0 || len(k.programs) != 0 {
			t.Errorf("%s: it is known", name)
		}
	}
	k.learn(&event, &good, model.InterestNone)
	event.Known = true
	if !kernel[event.Program] || k.find(&event) != &good {
		t.Fatal("it is not known")
	}
	now = now.Add(2 * knownFor)
	if k.find(&event) != &good || kernel[event.Program] {
		t.Error("after a while the kernel is not told to wake us up")
	}
	for i := range uint64(maxKnown + 1) {
		k.learn(&taskevents.Event{Program: taskevents.Program{Inode: 7, Changed: 5, Directory: i}}, &good, model.InterestNone)
	}
	if len(k.programs) > maxKnown || len(kernel) != len(k.programs) {
		t.Errorf("%d are known, %d by the kernel", len(k.programs), len(kernel))
	}
	k.know = func(*taskevents.Program) error { return errors.New("no room") }
	k.learn(&taskevents.Event{Program: taskevents.Program{Inode: 7, Changed: 5, Directory: 1 << 40}}, &good, model.InterestNone)
	if _, known := k.programs[taskevents.Program{Inode: 7, Changed: 5, Directory: 1 << 40}]; known {
		t.Error("it is known, but not to the kernel")
	}
	for range maxArguments + 1 {
		k.arguments([]byte(strings.Repeat("x", len(k.split)+1)))
	}
	if len(k.split) > maxArguments {
		t.Errorf("%d lists of arguments", len(k.split))
	}
}

// TestEndIsNoted: what a short process used is its own, be it put away before the next sample or not; and a note of another process
// with the same pid changes nothing.
func TestEndIsNoted(t *testing.T) {
	t.Parallel()
	w, _ := newNoted(t, byName)
	program := taskevents.Program{Inode: 7, Changed: 5}
	w.follower.known.programs[program] = &knownProgram{image: &image{Executable: procdir.Executable{Path: "/usr/bin/cc"}, origin: model.OriginSystem}, until: w.clock.at.Add(knownFor)}
	start := w.clock.at.Sub(after(0))
	for pid := range 3 {
		w.noted(50, 200+pid, program, true, "cc")
	}
	w.ended(200, start, time.Second, 2*time.Second)
	w.ended(201, start, time.Second, 0)
	w.ended(202, start, time.Second, 0)
	w.follower.note(&taskevents.Event{Kind: taskevents.Gone, PID: 202, Start: start + time.Hour, CPU: time.Hour})
	w.proc.setBusy(10)
	snapshot := sampleAt(t, w.Sensor, 105)
	totals := snapshot.Origins[model.OriginKey{Origin: model.OriginSystem, Isolation: model.IsolationHost}]
	if totals.CPUSeconds < 3.99 || totals.CPUSeconds > 4.01 || totals.Starts != 3 {
		t.Errorf("%+v, want 2 s, 1 s and 1 s of three", totals)
	}
	w.ended(201, start, time.Second, 5*time.Second) // it was counted
	snapshot = sampleAt(t, w.Sensor, 110)
	if got := snapshot.Origins[model.OriginKey{Origin: model.OriginSystem, Isolation: model.IsolationHost}]; got.CPUSeconds != totals.CPUSeconds || got.Starts != 3 {
		t.Errorf("%+v, then %+v", totals, got)
	}
}

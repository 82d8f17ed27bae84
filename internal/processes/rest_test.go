package processes

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// resting is a sensor whose processes are at rest, and the time of its last sample.
func resting(t *testing.T, f *fakeProc, source string) (*Sensor, float64) {
	t.Helper()
	s := f.sensor()
	if source == "tasks" {
		s.options.Tasks = f.tasks
	}
	now := 1000.0
	for ; now < 1080; now += 5 {
		sampleAt(t, s, now)
	}
	for pid, e := range s.entries {
		if !e.rests {
			t.Fatalf("pid %d is not at rest", pid)
		}
	}
	return s, now - 5
}

func pointerTo(t *testing.T, s *model.ProcessSnapshot, pid int) *model.Process {
	t.Helper()
	p, ok := s.Process(pid)
	if !ok {
		t.Fatalf("pid %d is not in the snapshot", pid)
	}
	return p
}

// TestRest holds that a process about which nothing changes stays the same in all snapshots, and what wakes it.
func TestRest(t *testing.T) {
	t.Parallel()
	for _, source := range []string{"poll", "tasks"} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			f := newFakeProc(t)
			f.put(fakeProcess{pid: 1, start: 1, comm: "init", exe: "/usr/bin/init"})
			quiet := fakeProcess{pid: 10, ppid: 1, start: 1, comm: "quiet", exe: "/usr/bin/quiet", used: 30}
			other := fakeProcess{pid: 11, ppid: 1, start: 1, comm: "other", exe: "/usr/bin/other", used: 30}
			f.put(quiet)
			f.put(other)
			s, now := resting(t, f, source)
			before := s.Snapshot()
			now += 5
			after := sampleAt(t, s, now)
			if &before.Processes[0] != &after.Processes[0] {
				t.Error("nothing has changed, and the list is another one")
			}
			if p := pointerTo(t, after, 10); p.Cores != 0 || p.CoresSpan < time.Minute {
				t.Errorf("at rest: %.2f cores over %s", p.Cores, p.CoresSpan)
			}

			// An hour later it wakes up: the mean is that of the last minute.
			now += 3600
			sampleAt(t, s, now-5)
			quiet.used += 5
			f.put(quiet)
			after = sampleAt(t, s, now)
			p := pointerTo(t, after, 10)
			if got, want := p.Cores, 5/p.CoresSpan.Seconds(); p.CoresSpan < 60*time.Second || p.CoresSpan > 65*time.Second || got < want-0.001 || got > want+0.001 || p.CPUSeconds != 35 {
				t.Errorf("awake: %.3f cores over %s, %.0f s", got, p.CoresSpan, p.CPUSeconds)
			}
			if pointerTo(t, before, 10).CPUSeconds != 30 || pointerTo(t, after, 11) != pointerTo(t, before, 11) {
				t.Error("what was published has changed, or the other process has")
			}
			for end := now + 130; now < end; now += 5 {
				after = sampleAt(t, s, now)
			}
			if pointerTo(t, after, 10).Cores != 0 || !s.entries[10].rests {
				t.Error("it does not rest again")
			}

			// It becomes another program, and ends.
			quiet.exe, quiet.comm = "/tmp/loud", "loud"
			f.put(quiet)
			after = sampleAt(t, s, now+5)
			if p := pointerTo(t, after, 10); p.Exe != "/tmp/loud" || p.Comm != "loud" || p.Origin != model.OriginTemp {
				t.Errorf("after its exec: %+v", p)
			}
			f.remove(11)
			after = sampleAt(t, s, now+10)
			if _, ok := after.Process(11); ok {
				t.Error("it has ended, and is in the snapshot")
			}
			if got := after.Origins[model.OriginKey{Origin: model.OriginSystem, Isolation: model.IsolationHost}].Processes; got != 1 {
				t.Errorf("%d processes of the system, want 1", got)
			}
		})
	}
}

// TestRestNeedsNoProc holds that nothing is read of a process whose task has not changed, and what a task does not
// show is read again in turns.
func TestRestNeedsNoProc(t *testing.T) {
	t.Parallel()
	f := newFakeProc(t)
	f.put(fakeProcess{pid: 1, start: 1, comm: "init", exe: "/usr/bin/init"})
	f.put(fakeProcess{pid: 10, ppid: 1, start: 1, comm: "p", exe: "/opt/old/p"})
	s, now := resting(t, f, "tasks")
	link := filepath.Join(f.root, "10/exe")
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/opt/new/p", link); err != nil { // its directory has another name
		t.Fatal(err)
	}
	noticed := 0
	for i := 1; i <= int(pathCycle/DefaultInterval); i++ {
		now += DefaultInterval.Seconds()
		if pointerTo(t, sampleAt(t, s, now), 10).Exe == "/opt/new/p" {
			noticed = i
			break
		}
	}
	if turn := turns(pathCycle, DefaultInterval); noticed == 0 || (10+s.round.number-1)%turn != 0 {
		t.Errorf("the new path was noticed after %d samples", noticed)
	}

	// A task that tells of another user has the rest read.
	changed := f.kernel[10]
	changed.UID = 7
	f.kernel[10] = changed
	f.write("10/status", "Name:\tp\nPid:\t10\nTgid:\t10\nNSpid:\t10\nUid:\t7\t7\t7\t7\n")
	if p := pointerTo(t, sampleAt(t, s, now+5), 10); p.UID != 7 || p.User != "user7" {
		t.Errorf("after setuid(2): %+v", p)
	}
}

// TestNamespaceOfProc holds that the kernel's list is used only where its numbers are those of /proc.
func TestNamespaceOfProc(t *testing.T) {
	t.Parallel()
	own := strconv.Itoa(os.Getpid())
	for name, test := range map[string]struct {
		file, numbers string
		want          bool
	}{
		"the same":         {"self", own, true},
		"without self":     {own, own, true},
		"that of a parent": {"self", "4711\t" + own, false},
		"another process":  {own, "1" + own, false},
		"nothing is known": {"other", own, false},
	} {
		f := newFakeProc(t)
		f.write(test.file+"/status", "Name:\tx\nNSpid:\t"+test.numbers+"\nThreads:\t1\n")
		s, err := New(Options{Proc: f.root, Tasks: f.tasks})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.options.Tasks != nil; got != test.want {
			t.Errorf("%s: used %v", name, got)
		}
	}
}

// TestTasksFail goes on with /proc, from where the kernel's list broke off, and returns to it.
func TestTasksFail(t *testing.T) {
	t.Parallel()
	f := newFakeProc(t)
	for pid := 1; pid < 10; pid++ {
		f.put(fakeProcess{pid: pid, start: 1, comm: "p", exe: "/usr/bin/p" + strconv.Itoa(pid), used: 1.005})
	}
	s := f.sensor()
	fail, reads := false, 0
	s.options.Tasks = func(each func(*taskiter.Task)) error {
		reads++
		if !fail {
			return f.tasks(each)
		}
		task := f.kernel[3]
		each(&task)
		return errors.New("no more")
	}
	first := sampleAt(t, s, 100)
	fail = true
	second := sampleAt(t, s, 105)
	third := sampleAt(t, s, 110)
	if reads != 2 || len(second.Processes) != 9 || len(third.Processes) != 9 {
		t.Errorf("%d reads, %d and %d processes", reads, len(second.Processes), len(third.Processes))
	}
	fail = false
	last := sampleAt(t, s, 170)
	if reads != 3 || len(last.Processes) != 9 {
		t.Errorf("%d reads, %d processes", reads, len(last.Processes))
	}
	for _, snapshot := range []*model.ProcessSnapshot{first, second, third, last} {
		active := snapshot == first || snapshot == last
		if snapshot.Sources[model.SourceTaskIterator] != active || processOf(t, snapshot, 4).CPUSeconds != 1.005 {
			t.Errorf("active %v, want %v; %v s", snapshot.Sources[model.SourceTaskIterator], active, processOf(t, snapshot, 4).CPUSeconds)
		}
	}
}

package processes

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// hidingHost is a host whose kernel lists its tasks: init, and a few others.
func hidingHost(t *testing.T, count int) (*fakeProc, *Sensor) {
	t.Helper()
	f := newFakeProc(t)
	f.put(fakeProcess{pid: 1, start: 1, comm: "init", exe: "/usr/sbin/init"})
	for pid := 10; pid < 10+count; pid++ {
		f.put(fakeProcess{pid: pid, ppid: 1, start: 50, comm: "p", exe: "/usr/bin/p"})
	}
	s := f.sensor()
	s.options.Tasks = f.tasks
	return f, s
}

// TestHidden hides a burner in all ways that there are, from its birth and later. Its time is its own.
func TestHidden(t *testing.T) {
	t.Parallel()
	burner := func(used float64) fakeProcess {
		return fakeProcess{pid: 70, ppid: 12, start: 100, comm: "burner", exe: "/opt/burner", uid: 7, used: used}
	}
	for name, test := range map[string]struct {
		hide func(f *fakeProc, s *Sensor)
		want model.Hiding
		by   string
	}{
		"a mount": {func(f *fakeProc, _ *Sensor) {
			f.put(fakeProcess{pid: 70, ppid: 1, start: 2, comm: "another", exe: "/usr/bin/another", used: 900})
			f.list(burner(0), 0)
			f.write("self/mountinfo", fmt.Sprintf("23 22 0:6 /empty %s/70 rw - tmpfs none rw\n", f.root))
		}, model.HiddenByMount, "tmpfs /empty"},
		"a directory that cannot be opened": {func(f *fakeProc, _ *Sensor) {
			f.remove(70)
			f.list(burner(0), 0)
		}, model.HiddenDirectory, ""},
		"a list that leaves it out": {func(_ *fakeProc, s *Sensor) {
			s.listNames = func(pids []int) ([]int, error) {
				pids, err := s.reader.List(pids)
				return slices.DeleteFunc(pids, func(pid int) bool { return pid == 70 }), err
			}
		}, model.HiddenListing, ""},
	} {
		for _, early := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", name, early), func(t *testing.T) {
				t.Parallel()
				f, s := hidingHost(t, 5)
				sampleAt(t, s, 90)
				f.put(burner(0))
				if !early {
					sampleAt(t, s, 101)
				}
				test.hide(f, s)
				shown, now := f.kernel[70], 105.0
				sample := func(used float64) *model.ProcessSnapshot {
					t.Helper()
					f.setBusy(used)
					shown.RunTime = uint64(used * 1e9)
					f.kernel[70] = shown
					snapshot := sampleAt(t, s, now)
					now += 5
					return snapshot
				}
				sample(4)
				last := sample(8)
				if test.want == model.HiddenDirectory && !early {
					// Nothing was read of it since: its turn comes within ten minutes, or the list tells.
					last = sample(8.5)
				}
				p := processOf(t, last, 70)
				if p.Hiding != test.want || p.HiddenBy != test.by {
					t.Fatalf("hidden by %q %q, want %q: %+v", p.Hiding, p.HiddenBy, test.want, p)
				}
				known := !early || test.want == model.HiddenListing
				if p.Comm != "burner" || p.Parent == nil || p.Parent.PID != 12 || p.CPUSeconds < 8 || (p.Exe == "/opt/burner") != known || p.UID != 7 || p.User != "user7" {
					t.Errorf("known %v: %+v", known, p)
				}
				if !known && (p.Origin != model.OriginUnreadable || p.ExeFile != model.FileID{Dev: 1, Inode: shown.ExeInode}) {
					t.Errorf("the file of an unknown program: %+v", p.ExeFile)
				}
				if got := attributed(last); got < 8 || last.Unattributed > 0 {
					t.Errorf("%.1f s attributed, %.1f s unattributed", got, last.Unattributed)
				}
				for _, other := range last.Processes {
					if other.PID != 70 && other.Hiding != "" {
						t.Errorf("pid %d is hidden: %+v", other.PID, other)
					}
				}

				// It comes into sight again, is known, and none of its time counts twice.
				f.write("self/mountinfo", "")
				f.put(burner(10))
				s.listNames = s.reader.List
				shown = f.kernel[70]
				for range 14 {
					last = sample(10)
				}
				if p := processOf(t, last, 70); p.Hiding != "" || p.Exe != "/opt/burner" || attributed(last) > 10.001 {
					t.Errorf("in sight: %+v; %.1f s attributed", p, attributed(last))
				}
			})
		}
	}
}

// TestNothingIsHidden has processes that begin and end around each look, kernel threads, zombies, and a list that
// misses a process once.
func TestNothingIsHidden(t *testing.T) {
	t.Parallel()
	f, s := hidingHost(t, 5)
	f.put(fakeProcess{pid: 2, start: 1, comm: "kthreadd"})
	f.put(fakeProcess{pid: 3, start: 1, ppid: 1, comm: "zombie", exe: "/usr/bin/zombie", state: "Z"})
	misses := map[int]bool{}
	s.listNames = func(pids []int) ([]int, error) {
		pids, err := s.reader.List(pids)
		return slices.DeleteFunc(pids, func(pid int) bool { return misses[pid] }), err
	}
	born := 200
	s.options.Tasks = func(each func(*taskiter.Task)) error {
		if err := f.tasks(each); err != nil {
			return err
		}
		f.remove(born) // it ended between the two looks
		born++
		f.put(fakeProcess{pid: born, ppid: 1, start: 100 + float64(born), comm: "short", exe: "/usr/bin/short"})
		return nil
	}
	for i := range 20 {
		misses = map[int]bool{10 + i%5: true} // never the same twice in a row
		for _, p := range sampleAt(t, s, 400+5*float64(i)).Processes {
			if p.Hiding != "" {
				t.Fatalf("sample %d: pid %d is hidden: %+v", i, p.PID, p)
			}
		}
	}
}

// TestExitingIsNotHidden: an exiting process has no program any more, and its directory is still there.
func TestExitingIsNotHidden(t *testing.T) {
	t.Parallel()
	f, s := hidingHost(t, 1)
	sampleAt(t, s, 100)
	exiting := f.kernel[10]
	exiting.ExeInode, exiting.ExeDevice, exiting.ExeLinks = 0, 0, 0
	f.kernel[10] = exiting
	if err := os.Remove(filepath.Join(f.root, "10/exe")); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		if p := processOf(t, sampleAt(t, s, 105+5*float64(i)), 10); p.Hiding != "" || p.Exe != "/usr/bin/p" {
			t.Errorf("%+v", p)
		}
	}
}

// TestHidepid: where /proc does not show most processes, that is a loss of sight and no finding about each.
func TestHidepid(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		count, hidden int
		mounted       bool // with hidepid
		want          int  // processes that are said to be hidden
	}{
		"most, by hidepid":                {10, 8, true, 0},
		"most of many, by what it is":     {30, 28, false, 0},
		"most of a few, and no hidepid":   {10, 8, false, 8},
		"one beside hidepid that is fine": {30, 1, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, s := hidingHost(t, test.count)
			for pid := 10; pid < 10+test.hidden; pid++ {
				task := f.kernel[pid]
				f.remove(pid)
				f.kernel[pid] = task
			}
			options := "rw"
			if test.mounted {
				options = "rw,gid=5,hidepid=invisible"
			}
			f.write("self/mountinfo", "22 1 0:5 / "+f.root+" rw - proc proc "+options+"\n")
			sampleAt(t, s, 100)
			sampleAt(t, s, 105)
			last := sampleAt(t, s, 110)
			got := 0
			for _, p := range last.Processes {
				if p.Hiding != "" {
					got++
				}
			}
			if got != test.want {
				t.Errorf("%d are said to be hidden, want %d", got, test.want)
			}
			unseen := 0
			if test.want == 0 {
				unseen = test.hidden
			}
			if share := last.Visibility[model.AspectStat]; share.Total-share.Readable != unseen {
				t.Errorf("visibility %+v, want %d unseen", share, unseen)
			}
		})
	}
}

// TestListing reads the names of a directory.
func TestListing(t *testing.T) {
	t.Parallel()
	f := newFakeProc(t)
	var want []int
	for pid := 1; pid < 5000; pid += 7 {
		if err := os.Mkdir(filepath.Join(f.root, strconv.Itoa(pid)), 0o755); err != nil {
			t.Fatal(err)
		}
		want = append(want, pid)
	}
	for _, name := range []string{"self", "12a", "net", "99999999999999999999"} {
		if err := os.Mkdir(filepath.Join(f.root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := f.sensor().reader.List(nil); err != nil || !slices.Equal(got, want) {
		t.Errorf("%d processes, want %d: %v", len(got), len(want), err)
	}
}

package files

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// fill makes many harmless files.
func (f *fixture) fill(directory string, n int) {
	f.t.Helper()
	f.must(os.MkdirAll(f.path(directory), 0o755))
	for i := range n {
		f.must(os.WriteFile(f.path(fmt.Sprintf("%s/%d", directory, i)), []byte("x"), 0o644))
	}
}

func TestEntryBudgetIsFair(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{Entries: 3000})
	// Neither many files at the top, nor a huge directory, nor a deep one keep the first
	// sample from what lies beside them.
	f.fill("/tmp/huge", 4000)
	f.fill("/tmp/deep/a/b/c", 1500)
	f.fill("/tmp", 500)
	f.write("/tmp/kdevtmpfsi", elfFile(executable, "x"), 0o755)
	f.write("/tmp/z/.x/.y", elfFile(executable, "y"), 0o755)
	got := f.sample()
	want := map[string]model.FileReason{"/tmp/kdevtmpfsi": model.FileKnownMiner, "/tmp/z/.x/.y": model.FileHidden}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !f.sensor.Snapshot().Truncated["/tmp"] {
		t.Error("what was left out is not told")
	}
}

// complete samples until all was looked at, and returns how many samples it took.
func (f *fixture) complete() int {
	f.t.Helper()
	for n := 1; n <= 1000; n++ {
		f.sample()
		if !f.sensor.isListing() && len(f.sensor.checks) == 0 {
			return n
		}
	}
	f.t.Fatal("it does not come to an end")
	return 0
}

// TestListingGoesOn: a large directory takes many samples. What names tell is found
// before the rest, and what was not looked at yet is said.
func TestListingGoesOn(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{Entries: 1000})
	f.sensor.options.Interval = time.Hour
	f.fill("/tmp", 3000)
	for i := range 20 {
		f.write(fmt.Sprintf("/tmp/program-%d", i), elfFile(executable, "x"), 0o755)
	}
	f.write("/tmp/.hidden", elfFile(executable, "y"), 0o755)
	f.write("/tmp/kdevtmpfsi", elfFile(executable, "z"), 0o755)
	var got map[string]model.FileReason
	for range 4 { // the names
		got = f.sample()
		snapshot := f.sensor.Snapshot()
		if !snapshot.Truncated["/tmp"] || snapshot.Visibility[model.AspectTemp] != (model.Share{Total: 1}) || snapshot.Interval != workPause {
			t.Errorf("%+v", snapshot)
		}
	}
	if len(got) == 22 || got["/tmp/.hidden"] != model.FileHidden || got["/tmp/kdevtmpfsi"] != model.FileKnownMiner {
		t.Errorf("%d files, first what names tell: %v", len(got), got)
	}
	if n := f.complete(); n < 2 {
		t.Errorf("it took %d samples more for 3,000 names, 1,000 at a time", n)
	}
	snapshot := f.sensor.Snapshot()
	if snapshot.Truncated["/tmp"] || snapshot.Visibility[model.AspectTemp] != (model.Share{Readable: 1, Total: 1}) || snapshot.Interval != time.Hour {
		t.Errorf("%+v", snapshot.Meta)
	}
	if len(snapshot.Files) != 22 || len(f.sensor.found.files) != 22 {
		t.Errorf("%d files, %d remembered", len(snapshot.Files), len(f.sensor.found.files))
	}
	// Nothing is remembered of the others, and nothing is done while nothing changes.
	f.sample()
	if f.sensor.isListing() || &f.sensor.Snapshot().Files[0] != &snapshot.Files[0] {
		t.Error("it does not rest")
	}
}

// TestOnlyChangedDirectoriesAreListedAgain where nobody watches.
func TestOnlyChangedDirectoriesAreListedAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{Relisted: 1})
	f.fill("/tmp/a", 10)
	f.fill("/tmp/b", 10)
	f.complete()
	top := f.sensor.roots[0].top
	a, b := top.children["a"], top.children["b"]
	listed := b.listed
	f.must(os.Chtimes(f.path("/tmp/b"), time.Time{}, time.Unix(1, 0)))
	f.complete()
	f.write("/tmp/a/program", elfFile(executable, "x"), 0o755)
	got := f.sample()
	if got["/tmp/a/program"] != model.FileELF || b.listed.Equal(listed) {
		t.Errorf("%v, b was listed at %s and %s", got, listed, b.listed)
	}
	// A mode changes no directory's time. It is seen when as many names have come together
	// as the directory has.
	listed = a.listed
	f.must(os.Chmod(f.path("/tmp/a/1"), 0o755))
	f.must(os.Chmod(f.path("/tmp/a/program"), 0o700))
	f.sample()
	if !a.listed.Equal(listed) || f.sensor.Snapshot().Files[0].Mode != 0o700 {
		t.Errorf("listed for a mode, or %+v", f.sensor.Snapshot().Files[0])
	}
	for range 200 {
		f.sample()
	}
	if a.listed.Equal(listed) {
		t.Error("never listed again")
	}
}

// TestUnreadFileIsAskedAgain: what could not be read is not taken for harmless for ever.
func TestUnreadFileIsAskedAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	f.write("/tmp/x", elfFile(executable, "x"), 0o755)
	file, err := os.OpenFile(f.path("/tmp/x"), os.O_RDWR, 0)
	f.must(err)
	defer file.Close()
	if _, err := unix.FcntlInt(file.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Skip("no leases on this file system: ", err)
	}
	if got := f.sample(); len(got) != 0 {
		t.Fatalf("%v", got)
	}
	_, err = unix.FcntlInt(file.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	f.must(err)
	f.sensor.roots[0].top.listed = time.Now().Add(time.Hour) // so nothing has changed since
	if got := f.sample(); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

func TestDepthBudget(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{Depth: 3})
	f.write("/tmp/1/2/3/elf", elfFile(executable, "x"), 0o755)
	if got := f.sample(); len(got) != 1 || f.sensor.Snapshot().Truncated["/tmp"] {
		t.Errorf("%v, truncated %v", got, f.sensor.Snapshot().Truncated)
	}
	f.write("/tmp/1/2/3/4/elf", elfFile(executable, "y"), 0o755)
	if got := f.sample(); len(got) != 1 || !f.sensor.Snapshot().Truncated["/tmp"] {
		t.Errorf("%v, truncated %v", got, f.sensor.Snapshot().Truncated)
	}
}

func TestTimeBudget(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{Burst: time.Nanosecond})
	f.write("/tmp/x", elfFile(executable, "x"), 0o755)
	f.sample()
	if snapshot := f.sensor.Snapshot(); !snapshot.Truncated["/tmp"] {
		t.Error("not truncated")
	}
}

// TestManyDirectories: more than are remembered are looked at one after the other, and
// those with something suspicious in them stay.
func TestManyDirectories(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{Directories: 12})
	f.sensor.options.Interval = time.Hour
	for i := range 60 {
		f.fill(fmt.Sprintf("/tmp/%d/a/b", i), 2)
		f.fill(fmt.Sprintf("/tmp/x/%d", i), 1)
	}
	want := map[string]model.FileReason{}
	for _, name := range []string{"/tmp/7/a/b/program", "/tmp/33/program", "/tmp/x/59/program"} {
		f.write(name, elfFile(executable, "x"), 0o755)
		want[name] = model.FileELF
	}
	f.complete()
	got := map[string]model.FileReason{}
	for _, file := range f.sensor.Snapshot().Files {
		got[file.Path] = file.Reason
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for depth, l := range f.sensor.layers {
		if l.remembered > 12 || len(l.done) > 24 {
			t.Errorf("%d directories remembered at depth %d, %d of them done", l.remembered, depth, len(l.done))
		}
	}
	if !f.sensor.Snapshot().Truncated["/tmp"] {
		t.Error("it is not said that some were forgotten")
	}
}

func TestDirectoryBecomesAnother(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	f.write("/tmp/a/b/program", elfFile(executable, "x"), 0o755)
	f.write("/tmp/c/other", elfFile(executable, "y"), 0o755)
	f.sample()
	f.must(os.Rename(f.path("/tmp/a"), f.path("/tmp/d")))
	f.must(os.Rename(f.path("/tmp/c"), f.path("/tmp/a")))
	want := map[string]model.FileReason{"/tmp/a/other": model.FileELF, "/tmp/d/b/program": model.FileELF}
	if diff := cmp.Diff(want, f.sample()); diff != "" {
		t.Error(diff)
	}
	f.must(os.RemoveAll(f.path("/tmp/d")))
	delete(want, "/tmp/d/b/program")
	if diff := cmp.Diff(want, f.sample()); diff != "" || f.sensor.layers[1].remembered != 1 || f.sensor.layers[2].remembered != 0 {
		t.Error(diff, f.sensor.layers[1].remembered, f.sensor.layers[2].remembered)
	}
}

// TestGoneDirectoriesAreNotKept: directories that come and go all the time, as those of builds, leave nothing behind.
func TestGoneDirectoriesAreNotKept(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	f.write("/tmp/stays/x", "", 0o644)
	for range 20 {
		for i := range 20 {
			f.write(fmt.Sprintf("/tmp/build/%d/x", i), "", 0o644)
		}
		f.sample()
		f.must(os.RemoveAll(f.path("/tmp/build")))
		f.sample()
	}
	for depth, l := range f.sensor.layers {
		if len(l.done) > 150 || l.remembered > 1 {
			t.Errorf("%d directories of depth %d are kept, %d are there", len(l.done), depth, l.remembered)
		}
	}
}

func TestDirectoriesAreCountedOnce(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]bool{"openat2": false, "openat": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, Limits{}, "/tmp", "/tmp/inner", "/var/tmp", "/tmp", "/tmp/")
			f.sensor.opener.old = old
			f.must(os.RemoveAll(f.path("/var/tmp")))
			f.must(os.Symlink("/tmp", f.path("/var/tmp")))
			f.write("/tmp/inner/elf", elfFile(executable, "x"), 0o755)
			f.write("/tmp/elf", elfFile(executable, "x"), 0o755)
			f.sample()
			snapshot := f.sensor.Snapshot()
			total := 0
			for _, count := range snapshot.Counts {
				total += count
			}
			if total != 2 || len(snapshot.Files) != 2 {
				t.Errorf("2 files counted %d times, %d in detail", total, len(snapshot.Files))
			}
			if f.count("/tmp/inner", model.FileELF) != 1 || f.count("/tmp", model.FileELF) != 1 {
				t.Errorf("not under their own directories: %v", snapshot.Counts)
			}
			if diff := cmp.Diff([]string{"/tmp", "/tmp/inner", "/var/tmp", "/tmp/"}, snapshot.Directories); diff != "" {
				t.Error(diff)
			}
			if len(snapshot.Counts) != 4*len(model.FileReasons()) {
				t.Errorf("counts %v", snapshot.Counts)
			}
		})
	}
}

func TestMissingDirectoryIsNoBlindness(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	f.must(os.RemoveAll(f.path("/tmp")))
	f.sample()
	if s := f.sensor.Snapshot(); s.Visibility[model.AspectTemp] != (model.Share{Readable: 1, Total: 1}) || len(s.ReadErrors) != 0 || s.Truncated["/tmp"] {
		t.Errorf("%+v", s)
	}
	f.write("/tmp", "a file", 0o644)
	f.sample()
	f.sample()
	s := f.sensor.Snapshot()
	if s.Visibility[model.AspectTemp] != (model.Share{Total: 1}) {
		t.Errorf("a directory that is a file: %+v", s.Meta)
	}
	if n := s.ReadErrors[model.ReadError{Aspect: model.AspectTemp, Reason: model.ReasonOther}]; n != 2 {
		t.Errorf("%d errors after two scans", n)
	}
}

func TestAnyByteInDirectory(t *testing.T) {
	t.Parallel()
	odd := "/tmp/ \n\xff" + strings.Repeat("é", 20)
	f := newFixture(t, Limits{}, odd)
	f.write(odd+"/x\x01\n", elfFile(executable, "x"), 0o755)
	if diff := cmp.Diff(map[string]model.FileReason{odd + "/x\x01\n": model.FileELF}, f.sample()); diff != "" {
		t.Error(diff)
	}
}

// TestNoDescriptorLeaks is not parallel: it counts those of the process.
func TestNoDescriptorLeaks(t *testing.T) {
	for name, old := range map[string]bool{"openat2": false, "openat": true} {
		f := newFixture(t, Limits{Depth: 2}, "/tmp", "/tmp/sub", "/none", "/tmp/./sub")
		f.must(os.Remove(f.path("/none")))
		f.sensor.opener.old = old
		f.fill("/tmp/sub/a", 600)
		f.fill("/tmp/b", 600)
		f.write("/tmp/x/y/z/elf", elfFile(executable, "x"), 0o755)
		f.write("/tmp/x/y/elf", elfFile(executable, "x"), 0o755)
		f.must(os.Symlink("/tmp", f.path("/tmp/link")))
		f.sample()
		before := descriptors(t)
		for range 5 {
			f.sample()
		}
		if after := descriptors(t); after != before {
			t.Errorf("%s: %d descriptors before, %d after", name, before, after)
		}
		if !f.sensor.Snapshot().Truncated["/tmp"] {
			t.Errorf("%s: it is not said that something is too deep", name)
		}
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

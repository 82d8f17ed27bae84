package files

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
	f := newFixture(t, Limits{Entries: 2048, Time: time.Minute})
	// Neither many files at the top, nor a huge directory, nor a deep one keep
	// the walk from what lies beside them.
	f.fill("/tmp/huge", 3000)
	f.fill("/tmp/deep/a/b/c", 1500)
	f.fill("/tmp", 800)
	f.write("/tmp/kdevtmpfsi", elfFile(executable, "x"), 0o755)
	f.write("/tmp/z/.x/y", elfFile(executable, "y"), 0o755)
	got := f.sample()
	want := map[string]model.FileReason{"/tmp/kdevtmpfsi": model.FileKnownMiner, "/tmp/z/.x/y": model.FileHidden}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !f.sensor.Snapshot().Truncated["/tmp"] {
		t.Error("what was left out is not told")
	}
}

func TestUnfinishedDirectoriesGoOn(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{Entries: 3000, Time: time.Minute})
	f.fill("/tmp", 2000)
	f.fill("/tmp/second", 700)
	f.sample()
	if snapshot := f.sensor.Snapshot(); snapshot.Truncated["/tmp"] || len(f.sensor.known.byKey) != 0 {
		t.Errorf("truncated %v, %d remembered", snapshot.Truncated, len(f.sensor.known.byKey))
	}
	// All 2,000 at the top are programs now: every one must have been seen.
	for i := range 2000 {
		f.must(os.WriteFile(f.path(fmt.Sprintf("/tmp/%d", i)), []byte("#!/bin/sh\n"), 0o644))
		f.must(os.Chmod(f.path(fmt.Sprintf("/tmp/%d", i)), 0o755))
	}
	f.sample()
	if n := f.count("/tmp", model.FileScript); n != 2000 {
		t.Errorf("%d of 2000 seen", n)
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
	f := newFixture(t, Limits{Time: time.Nanosecond})
	f.write("/tmp/x", elfFile(executable, "x"), 0o755)
	f.sample()
	if !f.sensor.Snapshot().Truncated["/tmp"] {
		t.Error("not truncated")
	}
}

func TestManyUnfinishedDirectories(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{Entries: 3 * maxUnfinished * chunk, Time: time.Nanosecond})
	file, err := os.Open(f.path("/tmp"))
	f.must(err)
	defer file.Close()
	w := newWalk(f.sensor, &watched{name: "/tmp", file: file}, nil)
	w.deadline = time.Now().Add(time.Minute)
	for range maxUnfinished {
		w.unfinished = append(w.unfinished, nil)
	}
	f.fill("/tmp", 2*chunk)
	w.entries = chunk
	w.turn(w.open(w.root))
	if len(w.unfinished) != maxUnfinished || !w.truncated {
		t.Errorf("%d unfinished, truncated %v", len(w.unfinished), w.truncated)
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
		f := newFixture(t, Limits{Entries: 700, Depth: 2}, "/tmp", "/tmp/sub", "/none", "/tmp/./sub")
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
			t.Errorf("%s: no budget was spent", name)
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

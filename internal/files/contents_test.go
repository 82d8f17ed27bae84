package files

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func TestKnownHash(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	f.write("/tmp/innocent", elfFile(executable, "x"), 0o755)
	f.sample()
	sum := f.sensor.Snapshot().Files[0].SHA256
	f.hashes[sum] = true // a reload of the configuration
	if got := f.sample()["/tmp/innocent"]; got != model.FileKnownMiner {
		t.Errorf("got %q", got)
	}
	if !f.sensor.Snapshot().Files[0].KnownMiner {
		t.Error("not called a known miner")
	}
	delete(f.hashes, sum)
	if got := f.sample()["/tmp/innocent"]; got != model.FileELF {
		t.Errorf("after it was taken back: %q", got)
	}
}

// TestMinerContent: a miner under an innocent name is one by its content, and a script that
// looks for miners is none.
func TestMinerContent(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	const words = "mining.submit mining.notify --donate-level"
	f.write("/tmp/miner", elfFile(executable, words), 0o755)
	f.write("/tmp/program", elfFile(executable, words[:28]), 0o755)
	f.write("/tmp/search.sh", "#!/bin/sh\ngrep -r '"+words+"'\n", 0o755)
	want := map[string]model.FileReason{"/tmp/miner": model.FileKnownMiner, "/tmp/program": model.FileELF, "/tmp/search.sh": model.FileScript}
	for range 2 { // the second time from what is remembered
		if diff := cmp.Diff(want, f.sample()); diff != "" {
			t.Error(diff)
		}
		if file := f.sensor.Snapshot().Files[0]; !file.MinerContent || !file.KnownMiner {
			t.Errorf("%+v", file)
		}
	}
}

func TestHashBudgetGoesToTheStrongestFirst(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{HashBytes: 100})
	f.write("/tmp/script", "#!/bin/sh\n", 0o755)
	f.write("/tmp/elf", elfFile(executable, "1"), 0o755)
	f.write("/tmp/.hidden", elfFile(executable, "2"), 0o755)
	f.write("/tmp/kdevtmpfsi", elfFile(executable, "3"), 0o755)
	hashed := func() []string {
		f.sample()
		var names []string
		for _, file := range f.sensor.Snapshot().Files {
			if file.SHA256 != "" {
				names = append(names, file.Path)
			}
		}
		return names
	}
	for _, want := range [][]string{
		{"/tmp/kdevtmpfsi", "/tmp/.hidden"},
		{"/tmp/kdevtmpfsi", "/tmp/.hidden", "/tmp/elf", "/tmp/script"},
	} {
		if diff := cmp.Diff(want, hashed()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestContentChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	f.write("/tmp/x", "harmless text", 0o755)
	if got := f.sample(); len(got) != 0 {
		t.Fatalf("%v", got)
	}
	f.write("/tmp/x", elfFile(executable, "x"), 0o755)
	if got := f.sample(); got["/tmp/x"] != model.FileELF {
		t.Errorf("after the change: %v", got)
	}
	before := f.sensor.Snapshot().Files[0]
	// Another file of the same size takes the name.
	f.write("/tmp/y", elfFile(executable, "y"), 0o755)
	f.must(os.Chtimes(f.path("/tmp/y"), before.Modified, before.Modified))
	f.must(os.Rename(f.path("/tmp/y"), f.path("/tmp/x")))
	f.sample()
	if after := f.sensor.Snapshot().Files[0]; after.SHA256 == before.SHA256 || after.ID == before.ID {
		t.Errorf("before %+v, after %+v", before, after)
	}
	f.must(os.Remove(f.path("/tmp/x")))
	if got := f.sample(); len(got) != 0 || len(f.sensor.found.files) != 0 {
		t.Errorf("after the removal: %v, %d remembered", got, len(f.sensor.found.files))
	}
}

// TestUnchangedFilesAreNotReadAgain: neither what is remembered, nor what was found to be
// harmless and has not changed since.
func TestUnchangedFilesAreNotReadAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	f.write("/tmp/x", elfFile(executable, "x"), 0o755)
	f.write("/tmp/text", "harmless", 0o755)
	f.sample()
	f.sensor.found.files[0].content = hostfs.Content{SHA256: "remembered"}
	top := f.sensor.roots[0].top
	top.listed = time.Now().Add(time.Hour) // so the text has not changed since
	f.must(os.WriteFile(f.path("/tmp/text"), []byte(elfFile(executable, "not seen")), 0o755))
	if got := f.sample(); len(got) != 1 || f.sensor.Snapshot().Files[0].SHA256 != "remembered" {
		t.Errorf("read again: %v", got)
	}
	top.listed = time.Now().Add(-time.Hour)
	if got := f.sample(); len(got) != 2 {
		t.Errorf("a change was not seen: %v", got)
	}
}

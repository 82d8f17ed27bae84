package files

import (
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func TestReasons(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	want := map[string]model.FileReason{}
	for _, file := range []struct {
		name    string
		content string
		mode    fs.FileMode
		reason  model.FileReason // "" for the benign counterparts
	}{
		{"/tmp/kdevtmpfsi", elfFile(executable, "1"), 0o755, model.FileKnownMiner},
		{"/tmp/vaccine/kdevtmpfsi", "vaccine against the miner", 0o755, ""},
		{"/tmp/empty/kdevtmpfsi", "", 0o755, ""},
		{"/tmp/b/kdevtmpfsi", "#!/bin/sh\n", 0o755, model.FileKnownMiner},
		{"/tmp/c/kdevtmpfsi", "#!/bin/sh\n", 0o644, ""},
		{"/tmp/.d/kdevtmpfsi", elfFile(executable, "d"), 0o755, model.FileKnownMiner},
		{"/tmp/libsystem.so", elfFile(dynamic, "rootkit"), 0o644, model.FileKnownMiner},
		{"/tmp/tool", elfFile(executable, "2"), 0o600, model.FileELF},
		{"/tmp/pie", elfFile(dynamic, "3"), 0o755, model.FileELF},
		{"/tmp/data.bin", elfFile(dynamic, "3"), 0o644, ""},
		{"/tmp/lib.so.1", elfFile(dynamic, "4"), 0o755, ""},
		{"/tmp/disguised.so", interpretedELF(binary.LittleEndian, 64), 0o644, model.FileELF},
		{"/tmp/object.o", elfFile(1, "5"), 0o755, ""},
		{"/tmp/.x", elfFile(executable, "6"), 0o755, model.FileHidden},
		{"/tmp/.X11-unix/x", elfFile(executable, "7"), 0o755, model.FileHidden},
		{"/tmp/.X11-unix/.lock", "text", 0o644, ""},
		{"/tmp/a/... /b/x", "#!/bin/sh\n", 0o700, model.FileHidden},
		{"/tmp/.notes", "text that is hidden", 0o755, ""},
		{"/tmp/.script", "#!/bin/sh\n", 0o644, ""},
		{"/tmp/run.sh", "#!/bin/sh\n", 0o755, model.FileScript},
		{"/tmp/library.sh", "#!/bin/sh\n", 0o644, ""},
		{"/tmp/data", "just text that may be run", 0o755, ""},
		{"/tmp/short", "#!", 0o755, ""},
		{"/tmp/new\nline\xff\x01", elfFile(executable, "8"), 0o755, model.FileELF},
		{"/tmp/running", elfFile(executable, "9"), 0o755, model.FileRunning},
		{"/tmp/.e/kdevtmpfsi", elfFile(executable, "9"), 0o755, model.FileRunning},
		{"/tmp/running.so", elfFile(dynamic, "unlike a program"), 0o755, model.FileRunning},
	} {
		f.write(file.name, file.content, file.mode)
		if file.reason != "" {
			want[file.name] = file.reason
		}
		if file.reason == model.FileRunning {
			f.run(file.name)
		}
	}
	if diff := cmp.Diff(want, f.sample()); diff != "" {
		t.Error(diff)
	}
	counts := map[model.FileReason]int{}
	for _, reason := range want {
		counts[reason]++
	}
	for _, reason := range model.FileReasons() {
		if got := f.count("/tmp", reason); got != counts[reason] {
			t.Errorf("%d files for %s, want %d", got, reason, counts[reason])
		}
	}
}

func TestDetails(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	f.write("/tmp/.h/kdevtmpfsi", "#!/bin/sh\n", 0o711)
	modified := time.Unix(1_700_000_000, 0)
	f.must(os.Chtimes(f.path("/tmp/.h/kdevtmpfsi"), modified, modified))
	f.must(os.Chmod(f.path("/tmp/.h/kdevtmpfsi"), 0o711|fs.ModeSetuid))
	f.run("/tmp/.h/kdevtmpfsi")
	f.sample()
	want := model.File{
		Path: "/tmp/.h/kdevtmpfsi", Directory: "/tmp", Reason: model.FileRunning, KnownMiner: true, Hidden: true,
		User: f.options.UserName(uint32(os.Getuid())), Modified: modified, SizeBytes: 10, Mode: 0o4711,
		SHA256: "a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf",
	}
	for id := range f.running {
		want.ID = id
	}
	if diff := cmp.Diff([]model.File{want}, f.sensor.Snapshot().Files); diff != "" {
		t.Error(diff)
	}
	snapshot := f.sensor.Snapshot()
	if snapshot.Visibility[model.AspectTemp] != (model.Share{Readable: 2, Total: 2}) || !snapshot.Time.Equal(time.Unix(1, 0)) || snapshot.Duration <= 0 {
		t.Errorf("%+v", snapshot.Meta)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, directory := range DefaultDirectories() {
		if err := os.MkdirAll(filepath.Join(root, directory), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "/dev/shm/x"), []byte(elfFile(executable, "")), 0o755); err != nil {
		t.Fatal(err)
	}
	sensor := New(Options{Root: root})
	if sensor.Snapshot() != nil {
		t.Error("a snapshot before the first sample")
	}
	if err := sensor.Sample(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	snapshot := sensor.Snapshot()
	if len(snapshot.Counts) != 3*len(model.FileReasons()) || snapshot.Counts[model.FileCount{Directory: "/dev/shm", Reason: model.FileELF}] != 1 {
		t.Errorf("%v", snapshot.Counts)
	}
	if snapshot.Watching {
		t.Error("nobody watches")
	}
}

func TestStrongestAndNewestFirst(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	f.write("/tmp/a", "#!/bin/sh\n", 0o755)
	f.write("/tmp/b", elfFile(executable, ""), 0o755)
	f.write("/tmp/c", elfFile(executable, ""), 0o755)
	f.write("/tmp/.d", elfFile(executable, ""), 0o755)
	for i, name := range []string{"/tmp/b", "/tmp/c"} {
		f.must(os.Chtimes(f.path(name), time.Unix(int64(i), 0), time.Unix(int64(i), 0)))
	}
	f.sample()
	var got []string
	for _, file := range f.sensor.Snapshot().Files {
		got = append(got, file.Path)
	}
	if diff := cmp.Diff([]string{"/tmp/.d", "/tmp/c", "/tmp/b", "/tmp/a"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWrongRootIsAnError(t *testing.T) {
	t.Parallel()
	sensor := New(Options{Root: filepath.Join(t.TempDir(), "none")})
	if err := sensor.Sample(t.Context(), time.Now()); err == nil || sensor.Snapshot() != nil {
		t.Errorf("%v, %v", err, sensor.Snapshot())
	}
}

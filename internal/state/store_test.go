package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// remembering is content by which one can tell what was written when.
func remembering(t *testing.T, id string) []byte {
	t.Helper()
	content, err := Encode(Saved{Active: []model.Remembered{{ID: id, FirstSeen: noon, LastSeen: noon}}})
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// open opens a directory, and returns the ID that was kept and what was said.
func open(t *testing.T, directory string) (store *Store, id, said string) {
	t.Helper()
	store, saved, difficulties := Open(directory)
	t.Cleanup(store.Close)
	if len(saved.Active) > 0 {
		id = saved.Active[0].ID
	}
	return store, id, strings.Join(difficulties, "\n")
}

func write(t *testing.T, store *Store, id string) {
	t.Helper()
	if store == nil {
		t.Fatal("nothing can be written")
	}
	if err := store.Write(remembering(t, id)); err != nil {
		t.Fatal(err)
	}
}

// newest is the file that was written last.
func newest(store *Store) string { return names()[1-store.next] }

func TestWhatWasWrittenLastIsKept(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "new")
	for start := range 4 {
		store, id, said := open(t, directory)
		want := ""
		if start > 0 {
			want = fmt.Sprint(start-1, " at last")
		}
		if id != want || said != "" {
			t.Fatalf("start %d: %q, said %q", start, id, said)
		}
		for n := range start + 1 {
			write(t, store, fmt.Sprint(start, " write ", n, strings.Repeat("x", 1000)))
		}
		write(t, store, fmt.Sprint(start, " at last"))
		// A restart that writes nothing changes nothing.
		if _, id, _ = open(t, directory); id != fmt.Sprint(start, " at last") {
			t.Fatalf("start %d without a write: %q", start, id)
		}
	}
	for _, name := range names() {
		stat, err := os.Stat(filepath.Join(directory, name))
		if err != nil || stat.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, stat, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(directory, "*")); len(left) != 2 {
		t.Errorf("left: %q", left)
	}
}

// TestShorterContentLeavesNothing: of what was longer nothing stays behind it.
func TestShorterContentLeavesNothing(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	store, _, _ := open(t, directory)
	for range 2 {
		write(t, store, strings.Repeat("secret", 1000))
	}
	for range 2 {
		write(t, store, "short")
	}
	for _, name := range names() {
		if content, err := os.ReadFile(filepath.Join(directory, name)); err != nil || bytes.Contains(content, []byte("secret")) || len(content) < 6000 {
			t.Errorf("%s: %d bytes, %v", name, len(content), err)
		}
	}
	if _, id, said := open(t, directory); id != "short" || said != "" {
		t.Errorf("%q, said %q", id, said)
	}
}

// TestPowerLoss tears the last write at every place: what was written before it is used, and the torn file is set aside.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	store, _, _ := open(t, directory)
	write(t, store, "before")
	write(t, store, "torn")
	name := newest(store)
	content, err := os.ReadFile(filepath.Join(directory, name))
	if err != nil {
		t.Fatal(err)
	}
	older, err := os.ReadFile(filepath.Join(directory, names()[store.next]))
	if err != nil {
		t.Fatal(err)
	}
	for cut := 1; cut < len(content)-1; cut += 7 {
		again := t.TempDir()
		for file, bytes := range map[string][]byte{name: append(content[:cut:cut], make([]byte, len(content)-cut)...), names()[store.next]: older} {
			if err := os.WriteFile(filepath.Join(again, file), bytes, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, id, said := open(t, again)
		if id != "before" || !strings.Contains(said, name+" cannot be used: ") || !strings.Contains(said, "It was set aside as "+name+".corrupt.") {
			t.Errorf("torn after %d bytes: %q, said %q", cut, id, said)
		}
		if _, err := os.Stat(filepath.Join(again, name+corrupt)); err != nil {
			t.Error(err)
		}
	}
}

// TestHostileFiles: whatever lies in the directory, the start goes on, and nothing outside of it is read or changed.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside")
	other, _, _ := open(t, t.TempDir())
	write(t, other, "of another directory")
	foreign, err := os.ReadFile(filepath.Join(other.directory, newest(other)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(outside, foreign, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func(file string) error{
		"link":       func(file string) error { return os.Symlink(outside, file) },
		"fifo":       func(file string) error { return unix.Mkfifo(file, 0o600) },
		"directory":  func(file string) error { return os.Mkdir(file, 0o700) },
		"text":       func(file string) error { return os.WriteFile(file, []byte("no state\n"), 0o600) },
		"one line":   func(file string) error { return os.WriteFile(file, bytes.Repeat([]byte("x"), 4<<20), 0o600) },
		"hole":       func(file string) error { return errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, 1<<40)) },
		"newer":      func(file string) error { return writeSlot(file, header{Version: version + 1}, []byte("{}")) },
		"other form": func(file string) error { return writeSlot(file, header{Format: "x", Version: version}, []byte("{}")) },
		"overflow": func(file string) error {
			return writeSlot(file, header{Version: version, Sequence: 1<<64 - 1}, []byte("{}"))
		},
		"no JSON": func(file string) error { return writeSlot(file, header{Version: version, Sequence: 9}, []byte("NaN")) },
		"other type": func(file string) error {
			return writeSlot(file, header{Version: version, Sequence: 9}, []byte(`{"active":{},"history":1}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			directory := t.TempDir()
			for _, slot := range names() {
				if err := make(filepath.Join(directory, slot)); err != nil {
					t.Fatal(err)
				}
			}
			store, id, said := open(t, directory)
			if id != "" || strings.Count(said, "cannot be used: ") != 2 || strings.Count(said, "It was set aside as") != 2 {
				t.Errorf("%q, said %q", id, said)
			}
			write(t, store, "after")
			if _, id, said = open(t, directory); id != "after" || said != "" {
				t.Errorf("%q, said %q", id, said)
			}
		})
	}
	t.Run("hard link", func(t *testing.T) {
		t.Parallel()
		directory := t.TempDir()
		linked := filepath.Join(directory, "linked")
		if err := os.WriteFile(linked, foreign, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(linked, filepath.Join(directory, names()[0])); err != nil {
			t.Fatal(err)
		}
		store, _, _ := open(t, directory)
		write(t, store, "after")
		write(t, store, "after")
		stat, err := os.Stat(linked)
		if content, _ := os.ReadFile(linked); err != nil || !bytes.Equal(content, foreign) || stat.Mode().Perm() != 0o644 {
			t.Errorf("what the link leads to is written to: %v", err)
		}
	})
	t.Cleanup(func() {
		if content, err := os.ReadFile(outside); err != nil || !bytes.Equal(content, foreign) {
			t.Errorf("what the link leads to is changed: %v", err)
		}
	})
}

// writeSlot writes a file whose checksum is right.
func writeSlot(file string, h header, content []byte) error {
	if h.Format == "" {
		h.Format = format
	}
	h.Length = len(content)
	h.SHA256 = h.sum(content)
	line := fmt.Sprintf(`{"format":%q,"version":%d,"sequence":%d,"length":%d,"sha256":%q}`, h.Format, h.Version, h.Sequence, h.Length, h.SHA256)
	return os.WriteFile(file, append([]byte(line+"\n"), content...), 0o600)
}

func TestNoDirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, directory := range []string{file, filepath.Join(file, "below"), "/proc/sys/state", "/proc/self"} {
		store, id, said := open(t, directory)
		if store != nil || id != "" || !strings.Contains(said, "nothing is kept over a restart: ") {
			t.Errorf("%s: %q, said %q", directory, id, said)
		}
		if files := store.Files(); files != nil {
			t.Errorf("%s: files %v", directory, files)
		}
	}
}

// TestReadOnly: what is there is read where nothing can be written.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	store, _, _ := open(t, directory)
	write(t, store, "kept")
	blocked := filepath.Join(directory, names()[0]+".new", "in the way")
	if err := os.MkdirAll(blocked, 0o700); err != nil { // as root, no mode of the directory would do
		t.Fatal(err)
	}
	store, id, said := open(t, directory)
	if store != nil || id != "kept" || !strings.Contains(said, "Nothing can be written to "+directory) {
		t.Errorf("%v, %q, said %q", store, id, said)
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	store, _, _ := open(t, directory)
	write(t, store, "kept")
	if err := store.Write(make([]byte, maxBytes+1)); err == nil {
		t.Error("more than a file may hold is written")
	}
	if _, id, _ := open(t, directory); id != "kept" {
		t.Errorf("%q is kept", id)
	}
}

// TestFullDisk: it is said once, and what was written before stays; so is the end.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	store, _, _ := open(t, directory)
	write(t, store, "before")
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	roomy := store.slots[store.next].file
	store.slots[store.next].file = full
	var out bytes.Buffer
	id := "after"
	saver := NewSaver(store, func() ([]byte, error) { return remembering(t, id), nil }, log.NewLogfmtLogger(&out))
	for range 3 {
		saver.write()
	}
	if n := strings.Count(out.String(), "cannot be written"); n != 1 || !strings.Contains(saver.Trouble(), "no space left on device") {
		t.Errorf("said %d times: %s; trouble %q", n, out.String(), saver.Trouble())
	}
	if _, kept, _ := Open(directory); len(kept.Active) != 1 || kept.Active[0].ID != "before" {
		t.Errorf("kept %+v", kept)
	}
	full.Close()
	store.slots[store.next].file = roomy
	saver.write()
	if !strings.Contains(out.String(), "is written again") || saver.Trouble() != "" {
		t.Errorf("%s; trouble %q", out.String(), saver.Trouble())
	}
}

func TestSaverWritesChanges(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	store, _, _ := open(t, directory)
	id := make(chan string, 1)
	written := make(chan struct{}, 8)
	id <- "first"
	saver := NewSaver(store, func() ([]byte, error) {
		written <- struct{}{}
		return remembering(t, <-id), nil
	}, log.NewNopLogger())
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- saver.Run(ctx) }()
	saver.Changed()
	<-written
	saver.Changed() // within the pause
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	id <- "last"
	saver.Finish()
	if _, kept, said := open(t, directory); kept != "last" || said != "" {
		t.Errorf("kept %q, said %q", kept, said)
	}
	var none *Saver
	none.Changed()
	none.Finish()
	if none.Trouble() != "" {
		t.Error("none has trouble")
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int]time.Duration{0: 10 * time.Second, 60 << 10: 10 * time.Second, 200 << 10: 20 * time.Second, 1 << 20: 102 * time.Second} {
		if got := pause(bytes); got != want {
			t.Errorf("after %d bytes: %s, want %s", bytes, got, want)
		}
	}
}

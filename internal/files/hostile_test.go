package files

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/fingerprint"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestHostileTree holds what must neither block a scan nor lead it elsewhere,
// with and without openat2.
func TestHostileTree(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]bool{"openat2": false, "openat": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, Limits{})
			f.sensor.opener.old = old
			f.write("/outside/elf", elfFile(executable, "x"), 0o755)
			f.must(unix.Mkfifo(f.path("/tmp/fifo"), 0o777))
			// The path of a socket must be short.
			socket, err := net.Listen("unix", fmt.Sprintf("/proc/self/fd/%d/socket", f.open("/tmp")))
			f.must(err)
			t.Cleanup(func() { socket.Close() })
			f.must(os.Symlink("/etc/passwd", f.path("/tmp/kdevtmpfsi")))
			f.must(os.Symlink(f.path("/outside/elf"), f.path("/tmp/link")))
			f.must(os.Symlink(f.path("/outside"), f.path("/tmp/linked-directory")))
			f.must(os.Symlink("loop", f.path("/tmp/loop")))
			f.must(os.Symlink("..", f.path("/tmp/up")))
			f.write("/tmp/"+strings.Repeat("n", 255), elfFile(executable, "long"), 0o755)

			want := map[string]model.FileReason{"/tmp/" + strings.Repeat("n", 255): model.FileELF}
			if diff := cmp.Diff(want, f.sample()); diff != "" {
				t.Error(diff)
			}
			snapshot := f.sensor.Snapshot()
			if len(snapshot.ReadErrors) != 0 || snapshot.Truncated["/tmp"] {
				t.Errorf("%+v", snapshot)
			}
		})
	}
}

// open keeps a directory open until the test ends.
func (f *fixture) open(name string) int {
	f.t.Helper()
	fd, err := unix.Open(f.path(name), unix.O_PATH|unix.O_CLOEXEC, 0)
	f.must(err)
	f.t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// TestPathLongerThanPathMax: a path of 10 KiB can be made with mkdirat(2).
func TestPathLongerThanPathMax(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]bool{"openat2": false, "openat": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, Limits{Depth: 50})
			f.sensor.opener.old = old
			at := f.open("/tmp")
			element := strings.Repeat("d", 250)
			for range 40 {
				f.must(unix.Mkdirat(at, element, 0o755))
				next, err := unix.Openat(at, element, unix.O_PATH|unix.O_CLOEXEC, 0)
				f.must(err)
				t.Cleanup(func() { unix.Close(next) })
				at = next
			}
			fd, err := unix.Openat(at, "elf", unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o755)
			f.must(err)
			_, err = unix.Write(fd, []byte(elfFile(executable, "deep")))
			f.must(err)
			f.must(unix.Close(fd))

			want := map[string]model.FileReason{"/tmp" + strings.Repeat("/"+element, 40) + "/elf": model.FileELF}
			if diff := cmp.Diff(want, f.sample()); diff != "" {
				t.Error(diff)
			}
			if sum := f.sensor.Snapshot().Files[0].SHA256; len(sum) != 64 {
				t.Errorf("hash %q", sum)
			}
		})
	}
}

// TestSparseFile must not be read whole: that would take minutes.
func TestSparseFile(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	huge, err := os.Create(f.path("/tmp/huge"))
	f.must(err)
	_, err = io.WriteString(huge, elfFile(executable, ""))
	f.must(err)
	f.must(huge.Truncate(10 << 30))
	f.must(huge.Close())
	if got := f.sample(); got["/tmp/huge"] != model.FileELF {
		t.Fatalf("%v", got)
	}
	zeros, err := os.Open(f.path("/tmp/huge"))
	f.must(err)
	defer zeros.Close()
	want, err := hostfs.ReadContent(io.LimitReader(zeros, hostfs.HashLimit), 10<<30, fingerprint.NewMatcher())
	f.must(err)
	if got := f.sensor.Snapshot().Files[0].SHA256; got != want.SHA256 {
		t.Errorf("hash %q, want that of the first 64 MiB %q", got, want.SHA256)
	}
}

func TestThirtyThousandFiles(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	for i := range 30_000 {
		f.must(os.WriteFile(f.path(fmt.Sprintf("/tmp/\n%d\xff", i)), []byte("#!/bin/sh\n"), 0o755))
	}
	f.write("/tmp/kdevtmpfsi", elfFile(executable, "x"), 0o755)
	got := f.sample()
	if got["/tmp/kdevtmpfsi"] != model.FileKnownMiner || len(got) != maxFiles {
		t.Errorf("%d files in detail, the miner is %q", len(got), got["/tmp/kdevtmpfsi"])
	}
	if n := f.count("/tmp", model.FileScript); n != 30_000 {
		t.Errorf("%d scripts", n)
	}
	if f.sensor.Snapshot().Truncated["/tmp"] {
		t.Error("truncated within its budget")
	}
}

// TestTypeChange is the race between looking at a name and opening it.
func TestTypeChange(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	f.write("/tmp/x", elfFile(executable, "x"), 0o755)
	f.write("/tmp/y", elfFile(executable, "y"), 0o755)
	var stat unix.Stat_t
	f.must(unix.Stat(f.path("/tmp/x"), &stat))
	key := hostfs.ContentKeyOf(&stat)
	directory := f.open("/tmp")
	for name, change := range map[string]func() error{
		"another file": func() error { return os.Rename(f.path("/tmp/y"), f.path("/tmp/x")) },
		"a FIFO":       func() error { return unix.Mkfifo(f.path("/tmp/x"), 0o755) },
		"a link":       func() error { return os.Symlink("/etc/passwd", f.path("/tmp/x")) },
		"nothing":      func() error { return nil },
	} {
		f.must(os.RemoveAll(f.path("/tmp/x")))
		f.write("/tmp/y", elfFile(executable, "y"), 0o755)
		f.must(change())
		if _, err := f.sensor.opener.file(directory, "x", key); !hasVanished(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

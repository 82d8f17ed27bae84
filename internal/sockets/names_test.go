package sockets

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

func TestNames(t *testing.T) {
	t.Parallel()
	f := fakeProc{t, t.TempDir()}
	f.write("run/netns/blue\xff", "")
	f.link("/nowhere", filepath.Join(f.root, "run/netns/dangling"))
	var stat unix.Stat_t
	if err := unix.Stat(f.root+"/run/netns/blue\xff", &stat); err != nil {
		t.Fatal(err)
	}
	names, err := newNameReader(f.root, f.root).read()
	if err != nil || len(names) != 1 || names[strconv.FormatUint(stat.Ino, 10)] != "blue\xff" {
		t.Errorf("%q %v", names, err)
	}
	if names, err := newNameReader(f.root+"/none", f.root).read(); err != nil || len(names) != 0 {
		t.Errorf("%q %v", names, err)
	}
}

// TestHostileNames has a directory that never answers.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	f := fakeProc{t, t.TempDir()}
	f.write("run/x", "")
	fifo := filepath.Join(f.root, "run/netns")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	names := newNameReader(f.root, f.root)
	for range 3 {
		began := time.Now()
		if _, err := names.read(); err != nil && !errors.Is(err, hostfs.ErrTimeout) {
			t.Error(err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("took %s", took)
		}
	}
	for names.guard.Stuck() > 0 { // whoever waits for a writer gets one
		if writer, err := os.OpenFile(fifo, os.O_WRONLY|unix.O_NONBLOCK, 0); err == nil {
			writer.Close()
		}
		time.Sleep(time.Millisecond)
	}
}

package netns

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

func TestNames(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, "run/netns/blue\xff", "")
	if err := os.Symlink("/nowhere", filepath.Join(root, "run/netns/dangling")); err != nil {
		t.Fatal(err)
	}
	// /var/run is a link to /run as the host sees it, not as the exporter does.
	if err := os.Mkdir(filepath.Join(root, "var"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/run", filepath.Join(root, "var/run")); err != nil {
		t.Fatal(err)
	}
	var stat unix.Stat_t
	if err := unix.Stat(root+"/run/netns/blue\xff", &stat); err != nil {
		t.Fatal(err)
	}
	names, err := newNameReader(root, root).read()
	if err != nil || len(names) != 1 || names[strconv.FormatUint(stat.Ino, 10)] != "blue\xff" {
		t.Errorf("%q %v", names, err)
	}
	if names, err := newNameReader(root+"/none", root).read(); err != nil || len(names) != 0 {
		t.Errorf("%q %v", names, err)
	}
}

// TestHostileNames has something else where the names should be, which would never answer.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, "run/x", "")
	if err := unix.Mkfifo(filepath.Join(root, "run/netns"), 0o600); err != nil {
		t.Fatal(err)
	}
	names := newNameReader(root, root)
	if found, err := names.read(); !errors.Is(err, hostfs.ErrKind) || len(found) != 0 || names.guard.Stuck() != 0 {
		t.Errorf("%v %v", found, err)
	}
}

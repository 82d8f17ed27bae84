package files

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestNoWayOutOfTheRoot: with the host's root mounted somewhere, an absolute
// link is the host's, not that of the exporter's container.
func TestNoWayOutOfTheRoot(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	for name, test := range map[string]struct {
		old  bool
		want model.Share // the old way cannot follow links, and says so
	}{
		"openat2": {false, model.Share{Readable: 1, Total: 1}},
		"openat":  {true, model.Share{Total: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, Limits{}, "/var/tmp")
			f.sensor.opener.old = test.old
			f.must(os.WriteFile(outside+"/"+name, []byte(elfFile(executable, "x")), 0o755))
			f.must(os.Remove(f.path("/var/tmp")))
			f.must(os.Symlink(outside, f.path("/var/tmp")))
			if got := f.sample(); len(got) != 0 {
				t.Errorf("saw %v", got)
			}
			if got := f.sensor.Snapshot().Visibility[model.AspectTemp]; got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

// TestMountPointIsNotEntered uses one that every Linux has.
func TestMountPointIsNotEntered(t *testing.T) {
	t.Parallel()
	root, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(root)
	for _, o := range []opener{{old: false}, {old: true}} {
		if fd, err := o.beneath(root, "proc", unix.O_PATH); !errors.Is(err, unix.EXDEV) {
			t.Errorf("%+v: opened %d, %v", o, fd, err)
		}
	}
}

// TestStat compares statx(2) with stat(2): FileID must be that of other sensors.
func TestStat(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	f.write("/tmp/x", elfFile(executable, "x"), 0o4755)
	directory := f.open("/tmp")
	var got, old, want unix.Stat_t
	f.must(opener{}.stat(directory, "x", &got))
	f.must(opener{old: true}.stat(directory, "x", &old))
	f.must(unix.Stat(f.path("/tmp/x"), &want))
	for name, stat := range map[string]unix.Stat_t{"statx": got, "fstatat": old} {
		if hostfs.ContentKeyOf(&stat) != hostfs.ContentKeyOf(&want) || stat.Mode != want.Mode || stat.Uid != want.Uid {
			t.Errorf("%s: %+v, want %+v", name, stat, want)
		}
	}
	root, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
	f.must(err)
	defer unix.Close(root)
	if err := (opener{}).stat(root, "proc", &got); !errors.Is(err, unix.EXDEV) {
		t.Errorf("a mount point: %v", err)
	}
}

// TestUnreadable stands for a missing permission, which the root user never
// misses.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{})
	var lines bytes.Buffer
	f.sensor.errors = newReadErrors(log.NewLogfmtLogger(&lines))
	f.sample()
	p := &pass{sensor: f.sensor}
	for range 3 {
		p.broke(&listing{directory: f.sensor.roots[0].top}, unix.EACCES)
	}
	f.sensor.publish(time.Unix(1, 0), time.Now(), false)
	if share := f.sensor.Snapshot().Visibility[model.AspectTemp]; share != (model.Share{Total: 1}) {
		t.Errorf("%+v", share)
	}
	if n := f.sensor.Snapshot().ReadErrors[model.ReadError{Aspect: model.AspectTemp, Reason: model.ReasonPermission}]; n != 3 {
		t.Errorf("%d errors", n)
	}
	if n := strings.Count(lines.String(), "\n"); n != 1 || !strings.Contains(lines.String(), "path=/tmp reason=permission") {
		t.Errorf("%d lines: %s", n, lines.String())
	}
}

// TestMountPointIsTold: what is not looked into is said, once. /dev has some on every Linux.
func TestMountPointIsTold(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{}, "/dev")
	var lines bytes.Buffer
	f.sensor.options.Root = "/"
	f.sensor.errors = newReadErrors(log.NewLogfmtLogger(&lines))
	f.sample()
	f.sample()
	if got := lines.String(); strings.Count(got, "another file system is mounted here") != 1 || !strings.Contains(got, "path=/dev/") {
		t.Errorf("logged: %s", got)
	}
}

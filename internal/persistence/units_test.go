package persistence

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestMounts covers what the system runs or shows, and has the mounts of healthy hosts.
func TestMounts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what, where, fileSystem, options string
		covers                           bool
	}{
		{"/opt/.x/ps", "/usr/bin/ps", "none", "bind", true},
		{"tmpfs", "/proc/1234", "tmpfs", "", true},
		{"/var/empty", "/proc/self", "", "bind", true},
		{"/tmp/x", "/proc", "", "bind", true},
		{"/dev/shm/x", "/usr/local/bin", "", "rbind", true},
		{"tmpfs", "/etc/cron.d", "tmpfs", "", true},
		{"overlay", "/opt/app", "overlay", "lowerdir=/opt/app,upperdir=/var/tmp/u,workdir=/var/tmp/w", true},
		{"/srv/.../bin", "/opt/bin", "", "bind", true},
		{"/tmp/a.squashfs", "/opt/a", "squashfs", "loop", true},

		{"proc", "/proc", "proc", "", false},
		{"/mnt/state/timesyncd.conf", "/etc/systemd/timesyncd.conf", "none", "bind", false},
		{"nfsd", "/proc/fs/nfsd", "nfsd", "", false},
		{"systemd-1", "/proc/sys/fs/binfmt_misc", "autofs", "", false},
		{"tmpfs", "/tmp", "tmpfs", "mode=1777", false},
		{"/var/tmp", "/tmp", "none", "bind", false},
		{"/dev/disk/by-uuid/1", "/home", "ext4", "", false},
		{"/dev/mapper/vg-usr", "/usr", "ext4", "", false},
		{"/var/lib/snapd/snaps/core_1.snap", "/snap/core/1", "squashfs", "ro", false},
		{"/srv/nfs4/home", "/export/home", "none", "bind", false},
		{"/data/opt", "/opt", "none", "bind", false},
		{"/data/modules", "/usr/lib/modules", "none", "bind", false},
		{"server:/x", "/mnt/x", "nfs4", "ro", false},
		{"hugetlbfs", "/dev/hugepages", "hugetlbfs", "", false},
		{"/usr/lib/alternative/ps", "/usr/bin/ps", "none", "bind", false},
	} {
		m := mountUnit{what: test.what, where: test.where, fileSystem: test.fileSystem, options: test.options}
		if got := m.covers(); got != test.covers {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

func TestWhatStartsAUnit(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("/etc/systemd/system/a.socket", "[Socket]\nListenStream=80\n")
	f.write("/etc/systemd/system/b.socket", "[Socket]\nListenStream=80\nAccept=yes\n")
	f.write("/etc/systemd/system/c.socket", "[Socket]\nListenStream=80\nService=other.service\nExecStartPre=/usr/bin/x\n")
	f.write("/etc/systemd/system/d.automount", "[Automount]\nWhere=/d\n")
	f.write("/etc/systemd/system/socket.d/x.conf", "[Socket]\nBacklog=1\n")
	f.write("/etc/systemd/system/e.path", "[Path]\nPathExists=/x\n")
	got := map[string]string{}
	for _, e := range f.sample().Entries {
		got[e.Unit] = e.Starts
	}
	want := map[string]string{"a.socket": "a.service", "b.socket": "b@.service", "c.socket": "other.service", "d.automount": "d.mount", "e.path": "e.service"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestGeneratorsAreExecutable: systemd runs no other.
func TestGeneratorsAreExecutable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const generator = "/usr/local/lib/systemd/system-generators/x"
	f.write(generator, "#!/bin/sh\n/tmp/x &\n")
	if s := f.sample(); s.Counts[model.PersistenceGenerator] != 0 {
		t.Errorf("%+v", s.Entries)
	}
	f.must(os.Chmod(f.path(generator), 0o755))
	s := f.sample()
	if bad := suspicious(s); len(bad) != 1 || fmt.Sprint(changes(s)) != "map[systemd_generator added:1]" {
		t.Errorf("%+v, changes %v", bad, changes(s))
	}
	f.write(generator, "\x7fELF\x02")
	for _, e := range f.sample().Entries {
		if e.Reason != "" || len(e.Programs) != 1 || e.Programs[0] != generator {
			t.Errorf("%+v", e)
		}
	}
}

// TestLinksToTemp: what everybody may replace starts a program.
func TestLinksToTemp(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("/var/tmp/bot.service", "[Service]\nExecStart=/usr/bin/true\n")
	f.write("/opt/app/ok.service", "[Service]\nExecStart=/usr/bin/true\n")
	f.must(os.MkdirAll(f.path("/etc/systemd/system"), 0o755))
	f.must(os.Symlink("../../../var/tmp/bot.service", f.path("/etc/systemd/system/bot.service")))
	f.must(os.Symlink("/opt/app/ok.service", f.path("/etc/systemd/system/ok.service")))
	bad := suspicious(f.sample())
	if len(bad) != 1 || bad[0].Unit != "bot.service" || bad[0].Reason != model.PersistenceTempPath || bad[0].Evidence != "/var/tmp/bot.service" {
		t.Errorf("%+v", bad)
	}
}

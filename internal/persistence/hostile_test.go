package persistence

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/persistence/shell"
)

func TestNoRoot(t *testing.T) {
	t.Parallel()
	if err := New(Options{Root: "/nonexistent/root"}).Sample(t.Context(), time.Unix(1, 0)); err == nil {
		t.Error("no error")
	}
}

// TestSpecialFiles: whoever waited for a writer of a FIFO would report a read error
// when its time is up.
func TestSpecialFiles(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("/etc/cron.d/good", "@daily root /tmp/x\n")
	f.must(unix.Mkfifo(f.path("/etc/crontab"), 0o644))
	f.must(unix.Mkfifo(f.path("/etc/cron.d/fifo"), 0o644))
	f.must(unix.Mkfifo(f.path("/home/eve/.bashrc"), 0o644))
	f.must(os.Symlink("/etc/crontab", f.path("/etc/cron.d/link")))
	f.must(os.Symlink("loop", f.path("/etc/cron.d/loop")))
	f.must(os.Symlink("nowhere", f.path("/etc/cron.d/dangling")))
	s := f.sample()
	if len(suspicious(s)) != 1 {
		t.Errorf("%+v", s.Entries)
	}
	if got := share(s); got.Readable != got.Total || len(s.ReadErrors) > 0 {
		t.Errorf("share %+v, errors %v", got, s.ReadErrors)
	}
}

// TestLinksStayInTheRoot resolves links as the host would.
func TestLinksStayInTheRoot(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	if err := os.WriteFile(outside+"/crontab", []byte("@daily root /tmp/outside\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t)
	f.write("/opt/crontab", "@daily root /tmp/inside\n")
	f.must(os.Symlink(outside+"/crontab", f.path("/etc/crontab")))
	f.must(os.MkdirAll(f.path("/etc/cron.d"), 0o755))
	f.must(os.Symlink("/opt/crontab", f.path("/etc/cron.d/absolute")))
	f.must(os.Symlink(strings.Repeat("../", 40)+outside+"/crontab", f.path("/etc/cron.d/up")))
	bad := suspicious(f.sample())
	if len(bad) != 1 || bad[0].Evidence != "/tmp/inside" || bad[0].Path != "/etc/cron.d/absolute" {
		t.Errorf("%+v", bad)
	}
}

func TestHugeFile(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("/etc/crontab", "@daily root /tmp/x\n"+strings.Repeat("# padding\n", maxFileBytes/5))
	s := f.sample()
	if got := share(s); got.Readable != got.Total-1 || len(suspicious(s)) != 1 || errorsOf(s, model.ReasonOther) != 1 {
		t.Errorf("share %+v, %+v, errors %v", got, s.Entries, s.ReadErrors)
	}
	f.must(os.Truncate(f.path("/etc/crontab"), 1<<40))
	f.sample()
}

func TestAnyBytes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	all := make([]byte, 0, 4096)
	for i := range 4096 {
		all = append(all, byte(i*7), byte(i))
	}
	name := "x\xff\x1b[31m\n"
	for _, place := range []string{
		"/etc/crontab", "/etc/cron.d/" + name, "/var/spool/cron/crontabs/" + name, "/etc/cron.daily/" + name, "/etc/anacrontab",
		"/var/spool/at/" + name, "/etc/systemd/system/" + name + ".service", "/etc/systemd/system/" + name + ".timer",
		"/etc/systemd/system/" + name + ".socket", "/etc/systemd/system/" + name + ".mount", "/etc/systemd/system-generators/" + name, "/etc/inittab",
		"/etc/profile", "/etc/xdg/autostart/" + name + ".desktop", "/etc/ld.so.preload", "/home/eve/.ssh/authorized_keys",
		"/etc/udev/rules.d/" + name + ".rules", "/etc/modules",
	} {
		f.write(place, string(all))
	}
	f.write("/var/spool/cron/crontabs/nul", "* * * * * \x00/tmp/\x00x\n* * * *\n@daily\n* * * * * /tmp/x\xff\x00\n")
	s := f.sample()
	found := false
	for _, e := range suspicious(s) {
		found = found || e.Line == 4 && strings.HasSuffix(e.Path, "/nul")
		if len(e.Command) > shell.MaxCommandBytes || len(e.Evidence) > shell.MaxEvidenceBytes {
			t.Errorf("%+v is too long", e)
		}
	}
	if !found || errorsOf(s, model.ReasonParse) == 0 {
		t.Errorf("%+v, errors %v", suspicious(s), s.ReadErrors)
	}
}

func TestManyFiles(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("/etc/cron.d/0", "@daily root /bin/x\n")
	for i := range 10_000 {
		f.must(os.Link(f.path("/etc/cron.d/0"), f.path(fmt.Sprintf("/etc/cron.hourly%d", i))))
	}
	f.must(os.MkdirAll(f.path("/etc/cron.hourly"), 0o755))
	for i := range 10_000 {
		f.must(os.Rename(f.path(fmt.Sprintf("/etc/cron.hourly%d", i)), f.path(fmt.Sprintf("/etc/cron.hourly/%d", i))))
	}
	s := f.sample()
	for range 20 { // a slow machine leaves some to the next sample
		if s.Counts[model.PersistenceCronScript] == maxLocationFiles {
			break
		}
		s = f.sample()
	}
	if got := s.Counts[model.PersistenceCronScript]; got != maxLocationFiles {
		t.Errorf("%d scripts", got)
	}
	if got := share(s); got.Readable != got.Total-1 || len(s.Entries) > maxPublished {
		t.Errorf("share %+v, %d entries", got, len(s.Entries))
	}
	f.remove("/etc/cron.hourly/1")
	if got := changes(f.sample()); got["cron_script removed"] > 0 {
		t.Errorf("changes %v", got)
	}
}

func TestManyLines(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("/etc/crontab", strings.Repeat("@daily root a\n", 10_000)+"@daily root /tmp/x\n")
	s := f.sample()
	if s.Counts[model.PersistenceCrontab] != 10_001 || len(suspicious(s)) != 1 {
		t.Errorf("%v, %+v", s.Counts, suspicious(s))
	}
}

func TestManyHomes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var passwd strings.Builder
	for i := range 2 * maxHomes {
		fmt.Fprintf(&passwd, "u%d:x:%d:1::/home/u%d:/bin/sh\n", i, i, i)
	}
	f.write("/etc/passwd", passwd.String())
	if got := share(f.sample()); got.Readable >= got.Total {
		t.Errorf("share %+v", got)
	}
}

// TestRemoteFileSystems knows what may hang.
func TestRemoteFileSystems(t *testing.T) {
	t.Parallel()
	if !hostfs.IsRemote(unix.NFS_SUPER_MAGIC) || !hostfs.IsRemote(unix.FUSE_SUPER_MAGIC) || hostfs.IsRemote(unix.TMPFS_MAGIC) {
		t.Error("file systems are mistaken")
	}
}

// TestWithoutOpenat2 reads as on old kernels, where a link is an error.
func TestWithoutOpenat2(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("/etc/crontab", "@daily root /bin/x\n")
	f.must(os.Symlink("/etc/crontab", f.path("/etc/anacrontab")))
	r, err := openHostFiles(f.root)
	f.must(err)
	defer r.Close()
	r.Plain()
	if seen := r.look("/etc/crontab"); seen.err != nil {
		t.Error(seen.err)
	}
	if seen := r.look("/etc/anacrontab"); seen.err == nil {
		t.Error("a link was followed")
	}
}

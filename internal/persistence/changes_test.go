package persistence

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func TestChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const path = "/etc/cron.d/job"
	f.write(path, "@daily root /bin/a\n@daily root /bin/b\n")
	f.write("/etc/rc.local", "#!/bin/sh\n/bin/a\n")
	expect := func(when string, want map[string]uint64) {
		t.Helper()
		if diff := cmp.Diff(want, changes(f.sample())); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}
	expect("at first", map[string]uint64{})
	old := time.Now().Add(-time.Hour)
	f.must(os.Chtimes(f.path(path), old, old))
	expect("only the time", map[string]uint64{})
	f.write(path, "# a comment\n@daily root /bin/a\n@daily root /bin/new\n@daily root /bin/b\n")
	expect("a line in the middle", map[string]uint64{"crontab added": 1})
	f.write(path, "@daily root /bin/a\n@daily root /tmp/new\n@daily root /bin/b\n")
	expect("a command edited", map[string]uint64{"crontab added": 1, "crontab changed": 1})
	f.write("/etc/rc.local", "#!/bin/sh\n/bin/b\n")
	expect("a script edited", map[string]uint64{"crontab added": 1, "crontab changed": 1, "init changed": 1})
	f.remove(path)
	expect("a file removed", map[string]uint64{"crontab added": 1, "crontab changed": 1, "crontab removed": 3, "init changed": 1})
	f.write("/home/eve/.ssh/authorized_keys", "ssh-rsa AAAA x\n")
	expect("a key added", map[string]uint64{
		"crontab added": 1, "crontab changed": 1, "crontab removed": 3, "init changed": 1, "authorized_keys added": 1,
	})
}

func TestChangesExistAtZero(t *testing.T) {
	t.Parallel()
	s := newFixture(t).sample()
	if want := len(model.PersistenceKinds()) * len(model.PersistenceChanges()); len(s.Changes) != want {
		t.Errorf("%d counts, want %d", len(s.Changes), want)
	}
	if len(s.Counts) != len(model.PersistenceKinds()) {
		t.Errorf("counts %v", s.Counts)
	}
}

// TestPasswdUnreadable keeps the homes, so that nothing seems to be gone.
func TestPasswdUnreadable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("/home/eve/.bashrc", "/tmp/x\n")
	f.sample()
	f.remove("/etc/passwd")
	f.must(os.Mkdir(f.path("/etc/passwd"), 0o755))
	s := f.sample()
	if len(suspicious(s)) != 1 || len(changes(s)) > 0 {
		t.Errorf("entries %+v, changes %v", s.Entries, changes(s))
	}
	if got := share(s); got.Readable != got.Total-1 {
		t.Errorf("share %+v", got)
	}
}

// TestUnreadableIsNotRemoved makes a file and a directory unreadable.
func TestUnreadableIsNotRemoved(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	f := newFixture(t)
	f.write("/etc/crontab", "@daily root /tmp/x\n")
	f.write("/etc/cron.d/job", "@daily root /tmp/y\n")
	f.sample()
	f.write("/etc/crontab", "@daily root /tmp/z\n")
	f.must(os.Chmod(f.path("/etc/crontab"), 0))
	f.must(os.Chmod(f.path("/etc/cron.d"), 0))
	defer func() { f.must(os.Chmod(f.path("/etc/cron.d"), 0o755)) }()
	s := f.sample()
	if len(suspicious(s)) != 2 || len(changes(s)) > 0 || errorsOf(s, model.ReasonPermission) != 2 {
		t.Errorf("%+v, changes %v, errors %v", s.Entries, changes(s), s.ReadErrors)
	}
}

// TestLeftToTheNextSample reads what does not fit into one sample later, without
// calling it new.
func TestLeftToTheNextSample(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	long := make([]byte, maxFileBytes-100)
	for i := range long {
		long[i] = '#'
	}
	const files = 2 * maxSampleBytes / maxFileBytes
	for i := range files {
		f.write(fmt.Sprintf("/etc/cron.d/%d", i), string(long)+"\n@daily root /bin/x\n")
	}
	first := f.sample()
	if got := share(first); got.Readable >= got.Total {
		t.Errorf("share %+v although not all was read", got)
	}
	for range 20 {
		if s := f.sample(); s.Counts[model.PersistenceCrontab] == files {
			if len(changes(s)) > 0 {
				t.Errorf("changes %v", changes(s))
			}
			return
		}
	}
	t.Errorf("only %d of %d", f.sensor.Snapshot().Counts[model.PersistenceCrontab], files)
}

func BenchmarkUnchanged(b *testing.B) {
	f := newFixture(b)
	for i := range 500 {
		f.write(fmt.Sprintf("/usr/lib/systemd/system/%d.service", i), "[Unit]\nDescription=x\n[Service]\nExecStart=/usr/bin/x --a\n")
	}
	f.sample()
	for b.Loop() {
		f.sample()
	}
}

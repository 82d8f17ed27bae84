package persistence

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// keeping is a fixture whose sensor publishes a baseline.
func keeping(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.restart(nil, nil)
	return f
}

// restart has a new sensor begin with what another one knew.
func (f *fixture) restart(before *model.PersistenceBaseline, out *bytes.Buffer) {
	logger := log.NewNopLogger()
	if out != nil {
		logger = log.NewLogfmtLogger(out)
	}
	f.sensor = New(Options{Root: f.root, Keep: true, Baseline: before, Interval: 10 * time.Second, Logger: logger})
}

// at samples at a time, in seconds.
func (f *fixture) at(seconds int) *model.PersistenceSnapshot {
	f.t.Helper()
	f.must(f.sensor.Sample(context.Background(), time.Unix(int64(seconds), 0)))
	return f.sensor.Snapshot()
}

// TestChangedMeanwhile: what was changed while the exporter did not run is counted, when Prometheus has seen the counters at 0.
func TestChangedMeanwhile(t *testing.T) {
	t.Parallel()
	f := keeping(t)
	f.write("/etc/cron.d/stays", "@daily root /bin/a\n")
	f.write("/etc/cron.d/goes", "@daily root /bin/a\n@daily root /bin/b\n")
	f.write("/etc/cron.d/changes", "@daily root /bin/a\n@daily root /bin/b\n")
	f.write("/run/systemd/transient/before.service", "[Service]\nExecStart=/bin/a\n")
	f.write("/home/eve/.bashrc", "/bin/a\n")
	f.write("/etc/cron.d/\xff\"", "@daily root /bin/a\n")
	before := f.at(1).Baseline
	if before == nil || !before.System || !before.AllUsers || len(before.Files) != 5 {
		t.Fatalf("%+v", before)
	}

	f.remove("/etc/cron.d/goes")
	f.remove("/run/systemd/transient/before.service")
	f.write("/run/systemd/transient/after.service", "[Service]\nExecStart=/bin/a\n")
	f.write("/etc/cron.d/changes", "@daily root /bin/a\n@daily root /tmp/miner\n")
	f.write("/etc/cron.d/comes", "@daily root /tmp/miner\n")
	f.write("/home/eve/.profile", "/tmp/x\n")
	var out bytes.Buffer
	f.restart(before, &out)
	want := map[string]uint64{"crontab added": 1, "crontab changed": 1, "crontab removed": 2, "profile added": 1}
	for _, look := range []struct {
		seconds int
		want    map[string]uint64
	}{{10, map[string]uint64{}}, {100, map[string]uint64{}}, {131, want}, {141, want}} {
		if diff := cmp.Diff(look.want, changes(f.at(look.seconds))); diff != "" {
			t.Errorf("after %d s: %s", look.seconds-10, diff)
		}
	}
	if n := bytes.Count(out.Bytes(), []byte("was changed while the exporter did not run")); n != 1 || !bytes.Contains(out.Bytes(), []byte("added=2 changed=1 removed=2")) {
		t.Errorf("said %d times: %s", n, out.String())
	}

	// Without a change there is none to tell, again and again.
	for range 2 {
		after := f.at(150).Baseline
		f.restart(after, nil)
		f.at(1)
		if s := f.at(200); len(changes(s)) != 0 {
			t.Errorf("nothing was changed: %v", changes(s))
		}
	}
}

// TestBaselineOfOthers: one without a key, or of what another version hashes, says nothing.
func TestBaselineOfOthers(t *testing.T) {
	t.Parallel()
	f := keeping(t)
	f.write("/etc/cron.d/job", "@daily root /bin/a\n")
	known := f.at(1).Baseline
	noKey, other := *known, *known
	noKey.Key = nil
	other.Version++
	for _, before := range []*model.PersistenceBaseline{nil, &noKey, &other} {
		f.restart(before, nil)
		f.at(1)
		if s := f.at(200); len(changes(s)) != 0 || len(s.Baseline.Key) != keyBytes || bytes.Equal(s.Baseline.Key, known.Key) {
			t.Errorf("%v, key %x", changes(s), s.Baseline.Key)
		}
	}
}

// TestIncompleteBaseline: where users have made too many files to be known, theirs are not said to be new, and those of the system are.
func TestIncompleteBaseline(t *testing.T) {
	t.Parallel()
	f := keeping(t)
	for i := range maxHomeFiles + 10 {
		f.write(fmt.Sprintf("/home/eve/.config/autostart/%04d.desktop", i), "[Desktop Entry]\nExec=/bin/a\n")
	}
	before := f.at(1).Baseline
	if !before.System || before.AllUsers {
		t.Fatalf("complete: of the system %v, of users %v", before.System, before.AllUsers)
	}
	f.write("/etc/cron.d/comes", "@daily root /bin/a\n")
	f.write("/home/eve/.bashrc", "/bin/a\n")
	f.restart(before, nil)
	f.at(1)
	if got := changes(f.at(200)); got["crontab added"] != 1 || got["profile added"] != 0 {
		t.Errorf("%v", got)
	}
}

// TestForgedBaseline: files that were never there are said to be removed, and nothing else comes of them.
func TestForgedBaseline(t *testing.T) {
	t.Parallel()
	f := keeping(t)
	f.write("/etc/cron.d/job", "@daily root /bin/a\n")
	before := *f.at(1).Baseline
	for i := range 1000 {
		before.Files = append(before.Files, model.PersistenceKnown{
			Kind: model.PersistenceCrontab, Path: fmt.Sprint("/etc/cron.d/none", i), Directory: "/../..", Home: "/nowhere", Owner: "x", Entries: []uint64{1, 2, 3},
		})
	}
	f.restart(&before, nil)
	f.at(1)
	s := f.at(200)
	if diff := cmp.Diff(map[string]uint64{"crontab removed": 3000}, changes(s)); diff != "" {
		t.Error(diff)
	}
	if s.Counts[model.PersistenceCrontab] != 1 || len(s.Baseline.Files) != 1 {
		t.Errorf("%v entries, %d files", s.Counts[model.PersistenceCrontab], len(s.Baseline.Files))
	}
}

// TestHashesStay: whoever changes what is hashed raises identityVersion with this value.
func TestHashesStay(t *testing.T) {
	t.Parallel()
	f := keeping(t)
	f.write("/etc/cron.d/job", "@daily root /bin/a\n")
	f.write("/etc/systemd/system/a.service", "[Service]\nExecStart=/bin/a\nUser=eve\n")
	f.restart(&model.PersistenceBaseline{Key: make([]byte, keyBytes), Version: identityVersion}, nil)
	got := map[string]string{}
	for _, file := range f.at(1).Baseline.Files {
		got[file.Path] = fmt.Sprintf("%x", file.Entries)
	}
	want := map[string]string{"/etc/cron.d/job": "[3718c8f6838114ec]", "/etc/systemd/system/a.service": "[c5225dd2ae2379dd]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("version %d: %s", identityVersion, diff)
	}
}

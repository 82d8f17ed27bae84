package persistence

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// fixture is a sensor on a root of its own.
type fixture struct {
	t      testing.TB
	root   string
	sensor *Sensor
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, root: t.TempDir()}
	f.write("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\neve:x:1000:1000::/home/eve:/bin/bash\nbob:x:1001:1001::/home/eve:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n")
	f.must(os.MkdirAll(f.path("/home/eve"), 0o755))
	f.sensor = New(Options{
		Root: f.root, KnownMiner: func(name string) bool { return name == "kdevtmpfsi" }, Interval: 10 * time.Second,
	})
	return f
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) path(name string) string { return filepath.Join(f.root, name) }

func (f *fixture) write(name, content string) {
	f.t.Helper()
	f.must(os.MkdirAll(filepath.Dir(f.path(name)), 0o755))
	f.must(os.WriteFile(f.path(name), []byte(content), 0o644))
}

func (f *fixture) remove(name string) {
	f.t.Helper()
	f.must(os.RemoveAll(f.path(name)))
}

func (f *fixture) sample() *model.PersistenceSnapshot {
	f.t.Helper()
	f.must(f.sensor.Sample(context.Background(), time.Unix(1, 0)))
	return f.sensor.Snapshot()
}

// suspicious are the entries with a reason.
func suspicious(snapshot *model.PersistenceSnapshot) []model.PersistenceEntry {
	var all []model.PersistenceEntry
	for _, e := range snapshot.Entries {
		if e.Reason != "" {
			all = append(all, e)
		}
	}
	return all
}

// changes are the counts that are not 0, as "kind change".
func changes(snapshot *model.PersistenceSnapshot) map[string]uint64 {
	all := map[string]uint64{}
	for key, n := range snapshot.Changes {
		if n > 0 {
			all[string(key.Kind)+" "+string(key.Change)] = n
		}
	}
	return all
}

func share(snapshot *model.PersistenceSnapshot) model.Share {
	return snapshot.Visibility[model.AspectPersistence]
}

func errorsOf(snapshot *model.PersistenceSnapshot, reason model.Reason) uint64 {
	return snapshot.ReadErrors[model.ReadError{Aspect: model.AspectPersistence, Reason: reason}]
}

package persistence

import (
	"testing"
	"time"
)

// TestThisMachine looks at the machine that the test runs on. What it has is its
// own affair, so only that it can be looked at is checked.
func TestThisMachine(t *testing.T) {
	t.Parallel()
	s := New(Options{KnownMiner: func(name string) bool { return name == "kdevtmpfsi" }})
	for range 3 {
		if err := s.Sample(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		snapshot := s.Snapshot()
		t.Logf("%v, %d entries, %v, read errors %v", snapshot.Duration, len(snapshot.Entries), snapshot.Visibility, snapshot.ReadErrors)
	}
	snapshot := s.Snapshot()
	t.Log(snapshot.Counts)
	for i, e := range snapshot.Entries {
		if e.Reason != "" || i%25 == 0 {
			t.Logf("%+v", e)
		}
	}
	for key, n := range snapshot.Changes {
		if n > 0 {
			t.Logf("%v changed %d times while the test ran", key, n)
		}
	}
}

package persistence

import (
	"path/filepath"
	"testing"
	"time"
)

// TestThisMachine looks at the machine that the test runs on. What it has is its
// own affair; what is said of it has to fit together.
func TestThisMachine(t *testing.T) {
	t.Parallel()
	s := New(Options{KnownMiner: func(name string) bool { return name == "kdevtmpfsi" }})
	for range 3 {
		if err := s.Sample(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		snapshot := s.Snapshot()
		for aspect, share := range snapshot.Visibility {
			if share.Total == 0 || share.Readable > share.Total {
				t.Errorf("%s: %d of %d could be read", aspect, share.Readable, share.Total)
			}
		}
		for _, e := range snapshot.Entries {
			if !filepath.IsAbs(e.Path) || snapshot.Counts[e.Kind] == 0 || (e.Reason == "") != (e.Evidence == "") {
				t.Errorf("%d entries of its kind, and it is %+v", snapshot.Counts[e.Kind], e)
			}
		}
	}
}

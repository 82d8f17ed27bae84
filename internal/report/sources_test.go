package report

import (
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestSources: a source of the kernel that is not there is told, each with what it costs.
func TestSources(t *testing.T) {
	t.Parallel()
	r := idle()
	if got := r.sources(); len(got) != 0 {
		t.Errorf("%q", got)
	}
	r.Snapshot.Processes.Sources = map[model.Source]bool{}
	for _, source := range model.Sources() {
		r.Snapshot.Processes.Sources[source] = true
	}
	if got := r.sources(); len(got) != 0 {
		t.Errorf("%q", got)
	}
	for source := range r.Snapshot.Processes.Sources {
		r.Snapshot.Processes.Sources[source] = false
		if got := r.blindness(); len(got) != 1 || got[0] != sourceLack(source) {
			t.Errorf("%s: %q", source, got)
		}
		r.Snapshot.Processes.Sources[source] = true
	}
	r.Snapshot.Files.Watching = false
	if got := r.blindness(); len(got) != 1 || !strings.HasPrefix(got[0], "inotify") {
		t.Errorf("%q", got)
	}
}

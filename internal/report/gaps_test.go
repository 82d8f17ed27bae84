package report

import (
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestGaps: times in which a host that ran was not looked at are told, the newest first; what
// nobody can have used, a host that slept or a clock that was set, is not.
func TestGaps(t *testing.T) {
	t.Parallel()
	r := idle()
	gap := func(reason model.GapReason, signal bool) model.Gap {
		return model.Gap{Reason: reason, Length: 40 * time.Second, End: noon(), Signal: signal}
	}
	r.Snapshot.Self.LastGaps = []model.Gap{
		gap(model.GapStarved, false), gap(model.GapStarved, false), gap(model.GapSuspended, false), gap(model.GapClock, false),
		gap(model.GapStarved, false), gap(model.GapStopped, false), gap(model.GapStopped, true),
	}
	got := r.blindness()
	want := []string{
		"For 40 s until 2026-11-23 12:00:00 UTC the exporter was stopped by a signal. " + missed,
		"For 40 s until 2026-11-23 12:00:00 UTC the exporter was stopped: by a signal, a debugger, a frozen cgroup, or with the whole virtual machine. " + missed,
		"For 40 s until 2026-11-23 12:00:00 UTC the exporter got no CPU. " + missed,
		"It could not look 2 more times in the last hour.",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q", got)
	}
	r.Snapshot.Self.Lacks = []string{"/tmp is not that of the host."}
	if got := r.blindness(); got[0] != "/tmp is not that of the host." {
		t.Errorf("%q", got)
	}
}

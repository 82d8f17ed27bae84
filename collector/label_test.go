package collector

import (
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestSanitizedAreCounted: whoever had to change a text on its way to a label, it
// is counted: here the process sensor (two texts of a group) and the collector
// (a suspect's path).
func TestSanitizedAreCounted(t *testing.T) {
	t.Parallel()
	host := infected()
	if got := sanitized(t, host); got != 0 {
		t.Fatalf("%v label values were changed on a host with plain names", got)
	}
	host.processes.Groups[0] = model.GroupTotals{GroupKey: model.GroupKey{Process: `mi\xff`, User: `\x1b`}, Sanitized: 2}
	host.findings.Active[0].Suspect.Process.Exe = "/tmp/\xff"
	// The group has series of two collectors, process and respawn.
	if got := sanitized(t, host); got != 5 {
		t.Errorf("%v label values were changed in a scrape, want 5", got)
	}
}

func sanitized(t *testing.T, host *snapshots) float64 {
	t.Helper()
	families, err := gather(t, host.set()).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "cryptojack_labels_sanitized_total" {
			return family.Metric[0].GetCounter().GetValue()
		}
	}
	t.Fatal("no cryptojack_labels_sanitized_total")
	return 0
}

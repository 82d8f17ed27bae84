// Package findings is about what is no process: what starts programs by itself, files that
// lie idle, CPU time that nobody used, entries of the allow list that have ended. Findings
// about exposed services are in exposure, those about processes in detect.
package findings

import (
	"sort"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// Sort puts the worst first, then the one that is known longest.
func Sort(findings []model.Finding) {
	sort.SliceStable(findings, func(i, j int) bool {
		a, b := &findings[i], &findings[j]
		if a.Severity != b.Severity {
			return a.Severity.Worse(b.Severity)
		}
		if !a.FirstSeen.Equal(b.FirstSeen) {
			return a.FirstSeen.Before(b.FirstSeen)
		}
		if x, y := cores(a), cores(b); x != y {
			return x > y
		}
		return a.ID < b.ID
	})
}

func cores(f *model.Finding) float64 {
	if f.Suspect == nil {
		return 0
	}
	return f.Suspect.Process.Cores
}

package findings

import (
	"fmt"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

const (
	unattributedSpan  = 55 * time.Second // 60 s, less the jitter of the samples
	unattributedCores = 0.5
	// unattributedPerExit is what the kernel uses for a thread before its first and
	// after its last account, in seconds. Measured: 2.7 ms where new namespaces
	// are made for each (stress-ng --clone), under 0.1 ms in all other storms.
	unattributedPerExit = 0.004
	// unattributedExact is the same where all run times are exact. Measured: 0.8 ms
	// (stress-ng --clone), 0.02 ms (--unshare), nothing (--fork).
	unattributedExact = 0.001
)

// OfUnattributed is about CPU time that no process used that can be seen: whatever
// hides a miner, its time stays in /proc/stat (T1014). Where exits are not reported
// without a gap, short processes may be all of it, and it is only noted.
func OfUnattributed(s *model.ProcessSnapshot) []model.Finding {
	u, perExit := s.UnattributedRate, unattributedPerExit
	if u.Exact {
		perExit = unattributedExact
	}
	if u.Span < unattributedSpan || u.Cores < unattributedCores+perExit*u.ExitsPerSecond {
		return nil
	}
	finding := model.Finding{
		ID: "cpu:unattributed", Rule: rules.CPUUnattributed, Severity: model.Warning, Technique: "T1014",
		Title: fmt.Sprintf("%.1f cores are used by no process that can be seen", u.Cores),
		Evidence: []string{fmt.Sprintf(
			"Over %s the host was busy for %.1f cores more than all processes in /proc, and those that ended, have used; %.0f threads ended each second.",
			text.Duration(u.Span), u.Cores, u.ExitsPerSecond)},
	}
	for i := range s.Processes {
		if p := s.Processes[i]; p.Hiding != "" {
			finding.Evidence = append(finding.Evidence, fmt.Sprintf("Pid %d (%s) is hidden in /proc and used %.1f cores.", p.PID, text.Label(p.Subject()), p.Cores))
		}
	}
	if !u.Complete {
		finding.Severity = model.Info
		finding.Evidence = append(finding.Evidence, "The kernel's accounts of ended processes are not complete, so short processes may have used it: see cryptojack_event_source_active and cryptojack_events_lost_total.")
	}
	return []model.Finding{finding}
}

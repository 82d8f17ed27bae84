package findings

import (
	"fmt"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// maxEnded bounds the findings about entries of the allow list that have ended.
const maxEnded = 32

// OfEndedEntries are about entries of the allow list that lower nothing any more: a
// warning where one would match what is there now, else a note.
func OfEndedEntries(s *model.Snapshot, list []policy.Allow) []model.Finding {
	var findings []model.Finding
	known := map[string]bool{}
	for i := range list {
		a := &list[i]
		id := "allow_list:" + a.String() + ":" + a.Until.UTC().Format(time.RFC3339)
		if !a.Ended(s.Time) || known[id] {
			continue
		}
		if len(findings) == maxEnded {
			break
		}
		known[id] = true
		findings = append(findings, endedEntry(s, a, id))
	}
	return findings
}

func endedEntry(s *model.Snapshot, a *policy.Allow, id string) model.Finding {
	subject := "An entry of the allow list"
	if a.Line > 0 {
		subject = fmt.Sprintf("Line %d of the configuration, an entry of the allow list,", a.Line)
	}
	finding := model.Finding{
		ID: id, Rule: rules.AllowListExpired, Severity: model.Info,
		Title: subject + " ended " + a.End() + " and lowers nothing any more", Evidence: []string{"It names " + a.String() + "."},
	}
	if a.Reason != "" {
		finding.Evidence = append(finding.Evidence, "Its reason: "+text.Escape(a.Reason)+".")
	}
	if now := matchNow(s, a); now != "" {
		finding.Severity = model.Warning
		finding.Evidence = append(finding.Evidence, now)
	}
	return finding
}

// matchNow names something of the snapshot that the entry would match, or returns "".
func matchNow(s *model.Snapshot, a *policy.Allow) string {
	if s.Processes != nil {
		for i := range s.Processes.Processes {
			if p := s.Processes.Processes[i]; p.Origin != model.OriginKernel && a.Matches(p) {
				return fmt.Sprintf("It would match %s (pid %d, user %s), which runs now.", text.Label(p.Subject()), p.PID, text.Label(p.User))
			}
		}
	}
	if s.Persistence != nil {
		for i := range s.Persistence.Entries {
			if entry := &s.Persistence.Entries[i]; entry.Reason != "" && a.MatchesEntry(entry) {
				return "It would match " + Location(entry) + "."
			}
		}
	}
	return ""
}

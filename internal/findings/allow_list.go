package findings

import (
	"fmt"
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// maxEnded bounds the findings about entries of the allow list that have ended.
const maxEnded = 32

// EndedEntries are the entries of one allow list that lower nothing any more, from one
// snapshot to the next. Processes are compared with them again only where something has
// changed. The zero value has seen nothing. It is used by one goroutine.
type EndedEntries struct {
	count   int                   // of the entries that had ended
	matched model.Noted[struct{}] // the processes that any of those names
}

// Findings are about each of them: a warning where it would match what is there now, else
// a note. The list is the same each time.
func (e *EndedEntries) Findings(s *model.Snapshot, list []policy.Allow) []model.Finding {
	ended := slices.DeleteFunc(slices.Clone(list), func(a policy.Allow) bool { return !a.Ended(s.Time) })
	if len(ended) != e.count {
		*e = EndedEntries{count: len(ended)}
	}
	if len(ended) == 0 {
		return nil
	}
	var matched []model.Note[struct{}]
	if s.Processes != nil {
		matched = e.matched.Update(s.Processes.Processes, func(p *model.Process) (struct{}, bool) {
			return struct{}{}, p.Origin != model.OriginKernel && policy.Allowed(ended, p) != nil
		})
	}
	var findings []model.Finding
	known := map[string]bool{}
	for i := range ended {
		a := &ended[i]
		id := "allow_list:" + a.String() + ":" + a.Until.UTC().Format(time.RFC3339)
		if known[id] {
			continue
		}
		if len(findings) == maxEnded {
			break
		}
		known[id] = true
		findings = append(findings, endedEntry(s, matched, a, id))
	}
	return findings
}

func endedEntry(s *model.Snapshot, matched []model.Note[struct{}], a *policy.Allow, id string) model.Finding {
	subject := "An entry of the allow list"
	if place := a.Place(); place != "" {
		subject = place + ", an entry of the allow list,"
	}
	finding := model.Finding{
		ID: id, Rule: rules.AllowListExpired, Severity: model.Info,
		Title: subject + " ended " + a.End() + " and lowers nothing any more", Evidence: []string{"It names " + a.String() + "."},
	}
	if a.Reason != "" {
		finding.Evidence = append(finding.Evidence, "Its reason: "+text.Escape(a.Reason)+".")
	}
	if now := matchNow(s, matched, a); now != "" {
		finding.Severity = model.Warning
		finding.Evidence = append(finding.Evidence, now)
	}
	return finding
}

// matchNow names something of the snapshot that the entry would match, or returns "".
func matchNow(s *model.Snapshot, matched []model.Note[struct{}], a *policy.Allow) string {
	for i := range matched {
		if p := matched[i].Process; a.Matches(p) {
			return fmt.Sprintf("It would match %s (pid %d, user %s), which runs now.", text.Label(p.Subject()), p.PID, text.Label(p.User))
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

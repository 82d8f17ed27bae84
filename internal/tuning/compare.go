// Package tuning helps to set the configuration: what a changed one would judge otherwise, and
// which entry of the allow list would fit.
package tuning

import (
	"cmp"
	"slices"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// Change is a finding that is judged differently after the configuration was changed.
type Change struct {
	Before, After *model.Finding // of the same subject; nil for none
	Because       []string       // the lines of the configurations that did it
}

// Compare returns the findings whose severity differs, and those that are on one side
// only; the worst first.
func Compare(before, after []model.Finding) []Change {
	var changes []Change
	old := byID(before)
	for i := range after {
		f := &after[i]
		if was := old[f.ID]; was == nil || was.Severity != f.Severity {
			changes = append(changes, Change{Before: was, After: f})
		}
	}
	current := byID(after)
	for i := range before {
		if f := &before[i]; current[f.ID] == nil {
			changes = append(changes, Change{Before: f})
		}
	}
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(severityRank(a.Finding().Severity)-severityRank(b.Finding().Severity), cmp.Compare(a.Finding().ID, b.Finding().ID))
	})
	return changes
}

// Finding is the worse of both.
func (c *Change) Finding() *model.Finding {
	switch {
	case c.Before == nil, c.After != nil && c.After.Severity.Worse(c.Before.Severity):
		return c.After
	default:
		return c.Before
	}
}

// Word says what the change is: new, gone, raised or lowered.
func (c *Change) Word() string {
	switch {
	case c.Before == nil:
		return "new"
	case c.After == nil:
		return "gone"
	case c.After.Severity.Worse(c.Before.Severity):
		return "raised"
	default:
		return "lowered"
	}
}

func severityRank(s model.Severity) int { return slices.Index(model.Severities(), s) }

func byID(findings []model.Finding) map[string]*model.Finding {
	out := make(map[string]*model.Finding, len(findings))
	for i := range findings {
		out[findings[i].ID] = &findings[i]
	}
	return out
}

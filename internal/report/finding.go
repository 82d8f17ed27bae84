package report

import (
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// FindingDocument is one finding as /api/v1/findings has it, for the audience of the report: a value for encoding/json.
func FindingDocument(r Report, f *model.Finding) any { return newJSONFinding(&r, f) }

// Fact is one line about a finding, escaped.
type Fact struct{ Name, Value string }

// Summary is what a short message tells of a finding, escaped: where and whose a suspect is, who keeps it alive and what it came
// in by. What anything but a suspect is stands in its title and evidence.
func Summary(r Report, f *model.Finding) (title string, facts []Fact, evidence []string) {
	if f.Suspect != nil {
		for _, fact := range r.facts(f) {
			facts = append(facts, Fact(fact))
		}
	}
	return text.Escape(f.Title), facts, escapeAll(f.Evidence)
}

// Package detect tells a miner from a process that is only busy. Its rules are
// pure functions over one snapshot: no I/O, and no clock but the one passed in.
package detect

import (
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/exposure"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/findings"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// Evaluate returns what one snapshot shows, the worst first, given the Exposures
// of the same. It is a function of its arguments alone. Parts of the snapshot that
// are nil are left out.
func Evaluate(s *model.Snapshot, settings policy.Policy, services *catalogue.Catalogue, exposures []model.Exposure) []model.Finding {
	found := findings.OfEndedEntries(s, settings.Allow)
	settings.Allow = policy.InForce(settings.Allow, s.Time)
	if s.Processes != nil {
		found = append(found, suspectFindings(suspects(newEvaluation(s, settings, exposures)))...)
		found = append(found, findings.OfUnattributed(s.Processes)...)
	}
	if s.Persistence != nil {
		found = append(found, findings.OfPersistence(s, found, settings)...)
	}
	if s.Files != nil {
		found = append(found, findings.OfFiles(s.Files)...)
	}
	for i := range exposures {
		found = append(found, exposure.Finding(&exposures[i], services))
	}
	found = settings.Limits.Apply(found)
	for i := range found {
		found[i].FirstSeen, found[i].LastSeen = s.Time, s.Time
	}
	findings.Sort(found)
	return found
}

func suspectFindings(list []*candidate) []model.Finding {
	found := make([]model.Finding, 0, len(list))
	for _, c := range list {
		found = append(found, c.finding())
	}
	return found
}

// finding puts a suspect into words.
func (c *candidate) finding() model.Finding {
	suspect := c.suspect
	strongest := suspect.Signals[0]
	evidence := make([]string, 0, len(suspect.Signals))
	for _, signal := range suspect.Signals {
		evidence = append(evidence, signal.Evidence)
	}
	if suspect.Entry != nil && suspect.Entry.Run != nil {
		evidence = append(evidence, exposure.Arrival(suspect.Entry))
	}
	why, exemption := c.expected()
	return model.Finding{
		ID: "suspect:" + suspect.ID, Rule: strongest.Rule, Severity: c.severity, Technique: strongest.Technique,
		Title: rules.Title(&suspect, c.severity), Evidence: evidence,
		Exempted: why, Exemption: exemption, Suspect: &suspect,
	}
}

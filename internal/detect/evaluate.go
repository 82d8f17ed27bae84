// Package detect tells a miner from a process that is only busy. Its rules are
// pure functions over one snapshot: no I/O, and no clock but the one passed in.
package detect

import (
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/exposure"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/findings"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/lineage"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// Evaluate returns what one snapshot shows, the worst first, given the Exposures
// of the same. It is a function of its arguments alone. Parts of the snapshot that
// are nil are left out.
func Evaluate(s *model.Snapshot, settings policy.Policy, services *catalogue.Catalogue, exposures []model.Exposure) []model.Finding {
	return NewEvaluator(settings, services).Evaluate(s, exposures)
}

// Evaluator judges the snapshots of one host, one after the other, by one configuration:
// another one is judged by another evaluator. What it says is what Evaluate would say of
// each snapshot. It remembers only what does not depend on anything else in a snapshot, nor
// on the time: what is said of a process by itself, for as long as that is the same, and of
// files and exposures. It is used by one goroutine.
type Evaluator struct {
	settings  policy.Policy
	services  *catalogue.Catalogue
	knowledge *knowledge
	processes model.Noted[said]
	lineages  lineage.Index
	allow     findings.EndedEntries

	files     *model.FileSnapshot
	ofFiles   []model.Finding
	exposures []model.Exposure
	exposed   []model.Finding
}

// NewEvaluator returns an evaluator that has seen nothing.
func NewEvaluator(settings policy.Policy, services *catalogue.Catalogue) *Evaluator {
	return &Evaluator{settings: settings, services: services, knowledge: newKnowledge(&settings)}
}

// Evaluate returns what the next snapshot shows, the worst first, given its exposures.
func (e *Evaluator) Evaluate(s *model.Snapshot, exposures []model.Exposure) []model.Finding {
	settings := e.settings
	settings.Allow = policy.InForce(settings.Allow, s.Time)
	found := e.allow.Findings(s, e.settings.Allow)
	var known []*model.Process
	if s.Processes != nil {
		evaluation := e.evaluation(s, exposures)
		found = append(found, suspectFindings(suspects(evaluation))...)
		found = append(found, findings.OfUnattributed(s.Processes)...)
		known = evaluation.known()
	}
	if s.Persistence != nil {
		found = append(found, findings.OfPersistence(s, found, known, settings)...)
	}
	if s.Self != nil {
		found = append(found, findings.OfSelf(s.Self, s.Time)...)
	}
	if e.files != s.Files {
		e.files, e.ofFiles = s.Files, findings.OfFiles(s.Files)
	}
	if !exposure.Same(e.exposures, exposures) {
		e.exposures, e.exposed = exposures, make([]model.Finding, 0, len(exposures))
		for i := range exposures {
			e.exposed = append(e.exposed, exposure.Finding(&exposures[i], e.services))
		}
	}
	found = append(append(found, e.ofFiles...), e.exposed...)
	found = settings.Limits.Apply(found)
	for i := range found {
		found[i].FirstSeen, found[i].LastSeen = s.Time, s.Time
	}
	findings.Sort(found)
	return found
}

// evaluation makes a snapshot with processes ready to be judged.
func (e *Evaluator) evaluation(s *model.Snapshot, exposures []model.Exposure) *evaluation {
	settings := e.settings
	settings.Allow = policy.InForce(settings.Allow, s.Time)
	return &evaluation{
		knowledge: e.knowledge, snapshot: s, policy: settings, now: s.Time, lineage: e.lineages.Lineage(s, settings, exposures),
		ended: endedOf(s.Processes), noted: e.processes.Update(s.Processes.Processes, e.knowledge.look),
	}
}

// known are the processes whose content is on the list of known miners.
func (e *evaluation) known() (known []*model.Process) {
	for i := range e.noted {
		if note := &e.noted[i]; note.Said.isKnown {
			known = append(known, note.Process)
		}
	}
	return known
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
	if c.short != nil && len(c.instances) == 0 {
		evidence = append(evidence, shortWords(c.short))
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

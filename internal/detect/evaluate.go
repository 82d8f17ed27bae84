// Package detect tells a miner from a process that is only busy. Its rules are
// pure functions over one snapshot: no I/O, and no clock but the one passed in.
package detect

import (
	"fmt"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/exposure"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// maxInfoFiles bounds the findings about files that are only worth a note.
const maxInfoFiles = 32

// Evaluate returns what one snapshot shows, the worst first, given the Exposures
// of the same. It is a function of its arguments alone. Parts of the snapshot that
// are nil are left out.
func Evaluate(s *model.Snapshot, settings policy.Policy, services *catalogue.Catalogue, exposures []model.Exposure) []model.Finding {
	findings := endedEntries(s, settings.Allow)
	settings.Allow = policy.InForce(settings.Allow, s.Time)
	var list []*candidate
	if s.Processes != nil {
		list = suspects(newEvaluation(s, settings, exposures))
		for _, c := range list {
			findings = append(findings, c.finding())
		}
		findings = append(findings, unattributed(s.Processes)...)
	}
	if s.Persistence != nil {
		findings = append(findings, persistenceFindings(s, list, settings)...)
	}
	if s.Files != nil {
		findings = append(findings, fileFindings(s.Files)...)
	}
	for i := range exposures {
		findings = append(findings, exposure.Finding(&exposures[i], services))
	}
	findings = settings.Limits.Apply(findings)
	for i := range findings {
		findings[i].FirstSeen, findings[i].LastSeen = s.Time, s.Time
	}
	sortFindings(findings)
	return findings
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

// fileFindings are about programs that lie in watched directories and do not
// run: those that run are suspects.
func fileFindings(s *model.FileSnapshot) []model.Finding {
	var findings []model.Finding
	notes := 0
	for i := range s.Files {
		file := s.Files[i]
		finding := model.Finding{
			ID: fileID(&file), Rule: rules.SuspiciousFile, Technique: "T1105", File: &file,
		}
		where := ""
		if file.Container != "" {
			where = "in container " + quote(file.Container) + ", "
		}
		what := fmt.Sprintf("%s (%suser %s, changed %s", quote(file.Path), where, quote(file.User), file.Modified.UTC().Format("2006-01-02 15:04:05 MST"))
		switch {
		case file.Reason == model.FileRunning:
			continue
		case file.MinerContent:
			finding.Severity = model.Warning
			finding.Title = "A miner's file lies in " + quote(file.Directory) + " and does not run"
			finding.Evidence = []string{what + ") can be run, and its content is that of a miner."}
		case file.KnownMiner:
			finding.Severity = model.Warning
			finding.Title = "A known miner's file lies in " + quote(file.Directory) + " and does not run"
			finding.Evidence = []string{what + ") is a program with the name or content of a known miner."}
		case file.Hidden:
			finding.Severity, finding.Technique = model.Warning, "T1564.001"
			finding.Title = "A hidden program lies in " + quote(file.Directory)
			finding.Evidence = []string{what + ") can be run and is hidden."}
		case notes >= maxInfoFiles:
			continue
		default:
			notes++
			finding.Severity = model.Info
			finding.Title = "A program lies in " + quote(file.Directory)
			finding.Evidence = []string{what + ") can be run."}
		}
		findings = append(findings, finding)
	}
	return findings
}

func fileID(file *model.File) string {
	if file.Container != "" {
		return "file:" + file.Container + ":" + file.Path
	}
	return "file:" + file.Path
}

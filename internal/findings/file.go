package findings

import (
	"cmp"
	"fmt"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// maxInfoFiles bounds the findings about files that are only worth a note.
const maxInfoFiles = 32

// OfFiles are about programs that lie in watched directories and do not
// run: those that run are suspects.
func OfFiles(s *model.FileSnapshot) []model.Finding {
	if s == nil {
		return nil
	}
	var findings []model.Finding
	notes := 0
	for i := range s.Files {
		file := s.Files[i]
		finding := model.Finding{
			ID: FileID(&file), Rule: rules.SuspiciousFile, Technique: "T1105", File: &file,
		}
		where := ""
		if file.Container != "" {
			where = "in container " + text.Label(cmp.Or(file.ContainerTitle, file.Container)) + ", "
		}
		what := fmt.Sprintf("%s (%suser %s, changed %s", text.Label(file.Path), where, text.Label(file.User), file.Modified.UTC().Format("2006-01-02 15:04:05 MST"))
		switch {
		case file.Reason == model.FileRunning:
			continue
		case file.MinerContent:
			finding.Severity = model.Warning
			finding.Title = "A miner's file lies in " + text.Label(file.Directory) + " and does not run"
			finding.Evidence = []string{what + ") can be run, and its content is that of a miner."}
		case file.KnownMiner:
			finding.Severity = model.Warning
			finding.Title = "A known miner's file lies in " + text.Label(file.Directory) + " and does not run"
			finding.Evidence = []string{what + ") is a program with the name or content of a known miner."}
		case file.Hidden:
			finding.Severity, finding.Technique = model.Warning, "T1564.001"
			finding.Title = "A hidden program lies in " + text.Label(file.Directory)
			finding.Evidence = []string{what + ") can be run and is hidden."}
		case notes >= maxInfoFiles:
			continue
		default:
			notes++
			finding.Severity = model.Info
			finding.Title = "A program lies in " + text.Label(file.Directory)
			finding.Evidence = []string{what + ") can be run."}
		}
		findings = append(findings, finding)
	}
	return findings
}

// FileID names the finding about a file.
func FileID(file *model.File) string {
	if file.Container != "" {
		return "file:" + file.Container + ":" + file.Path
	}
	return "file:" + file.Path
}

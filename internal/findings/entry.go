package findings

import (
	"fmt"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// Location says where an entry stands.
func Location(entry *model.PersistenceEntry) string {
	if entry.Line > 0 {
		return fmt.Sprintf("line %d of %s", entry.Line, text.Label(entry.Path))
	}
	return text.Label(entry.Path)
}

func persistenceFinding(entry *model.PersistenceEntry, started *model.Suspect, settings policy.Policy) model.Finding {
	does := map[model.PersistenceReason]string{
		model.PersistenceFetchAndRun: "fetches something and runs it",
		model.PersistenceDecodeRun:   "runs something that is encoded",
		model.PersistenceTempPath:    "runs a file from where no program belongs",
		model.PersistenceHiddenPath:  "runs a hidden file",
		model.PersistenceKnownMiner:  "runs a file with the name or the content of a known miner",
		model.PersistencePreloaded:   "puts a library into every program",
		model.PersistenceMountOver:   "mounts something over what the system runs or shows",
		"":                           "starts a program that is a miner or belongs to one",
	}[entry.Reason]
	finding := model.Finding{
		ID: fmt.Sprintf("persistence:%s:%d:%s", entry.Path, entry.Line, entry.Reason), Rule: rules.PersistenceEntry, Technique: technique(entry),
		Severity: model.Warning, Title: Location(entry) + " " + does, Persistence: entry,
		Evidence: []string{"It runs: " + text.Label(entry.Command) + "."},
	}
	if entry.Decoded != "" {
		finding.Evidence = append(finding.Evidence, "Decoded it reads: "+text.Label(entry.Decoded)+".")
	}
	if entry.Evidence != "" && entry.Evidence != entry.Command && entry.Evidence != entry.Decoded {
		finding.Evidence = append(finding.Evidence, "The telling part: "+text.Label(entry.Evidence)+".")
	}
	if entry.User != "" {
		finding.Evidence = append(finding.Evidence, "It runs as user "+text.Label(entry.User)+".")
	}
	if started != nil {
		finding.Severity = model.Critical
		finding.Evidence = append(finding.Evidence, fmt.Sprintf("It starts %s (pid %d), which is a miner or belongs to one.", text.Label(started.Process.Subject()), started.Process.PID))
	}
	for i := range settings.Allow {
		if allow := &settings.Allow[i]; allow.MatchesEntry(entry) {
			finding.Severity, finding.Exempted, finding.Exemption = model.Info, allow.Why(), model.ExemptAllowList
			break
		}
	}
	return finding
}

// technique is the ATT&CK id of an entry: of the place that starts programs, or of what
// it hides.
func technique(entry *model.PersistenceEntry) string {
	if entry.Reason == model.PersistenceMountOver {
		return "T1564.013"
	}
	switch entry.Kind {
	case model.PersistenceAt:
		return "T1053.002"
	case model.PersistenceSystemdService, model.PersistenceSystemdPath, model.PersistenceGenerator:
		return "T1543.002"
	case model.PersistenceSystemdTimer:
		return "T1053.006"
	case model.PersistenceInit:
		return "T1037.004"
	case model.PersistenceProfile:
		return "T1546.004"
	case model.PersistenceAutostart:
		return "T1547.013"
	case model.PersistencePreload:
		return "T1574.006"
	case model.PersistenceAuthorizedKeys:
		return "T1098.004"
	case model.PersistenceUdev:
		return "T1546.017"
	case model.PersistenceModules:
		return "T1547.006"
	default:
		return "T1053.003"
	}
}

package report

import (
	"slices"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// RunbookPath is where the exporter serves runbooks; the name of an alert follows.
const RunbookPath = "/runbooks/"

// runbook is the alert whose runbook tells about such a finding; "" if there is none.
func runbook(finding *model.Finding) string {
	switch {
	case finding.Suspect != nil && finding.Severity == model.Critical:
		return "CryptojackMinerFound"
	case finding.Suspect != nil:
		return "CryptojackSuspiciousProcess"
	case finding.File != nil:
		return "CryptojackExecutableInTemp"
	case finding.Exposure != nil && finding.Severity == model.Critical:
		return "CryptojackServiceOpen"
	case finding.Exposure != nil && finding.Severity == model.Warning:
		return "CryptojackServiceExposed"
	case finding.Exposure != nil:
		return "CryptojackPortExposed"
	}
	return map[string]string{
		rules.PersistenceEntry: "CryptojackPersistence",
		rules.CPUUnattributed:  "CryptojackHiddenCpu",
		rules.AllowListExpired: "CryptojackAllowListExpired",
		rules.ExporterTampered: "CryptojackTampered",
	}[finding.Rule]
}

// runbookPath is where the exporter serves it.
func runbookPath(finding *model.Finding) string {
	if name := runbook(finding); name != "" {
		return RunbookPath + name
	}
	return ""
}

// runbooks names those of what is worth a look, the worst finding's first.
func (r *Report) runbooks() (names []string) {
	if r.Findings == nil {
		return nil
	}
	for _, finding := range r.pick(func(f *model.Finding) bool { return f.Severity != model.Info }) {
		if name := runbook(finding); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

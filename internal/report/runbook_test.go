package report

import (
	"os"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// TestEveryFindingHasARunbook: whatever is found, a page says what to do, and that page is there.
func TestEveryFindingHasARunbook(t *testing.T) {
	t.Parallel()
	var findings []model.Finding
	for _, severity := range []model.Severity{model.Critical, model.Warning, model.Info} {
		findings = append(findings,
			model.Finding{Rule: rules.KnownMinerName, Severity: severity, Suspect: &model.Suspect{}},
			model.Finding{Rule: rules.SuspiciousFile, Severity: severity, File: &model.File{}},
			model.Finding{Rule: rules.ExposedService, Severity: severity, Exposure: &model.Exposure{}},
		)
		for _, rule := range rules.All() {
			if rule.Family == "" && rule.Name != rules.SuspiciousFile && rule.Name != rules.ExposedService {
				findings = append(findings, model.Finding{Rule: rule.Name, Severity: severity})
			}
		}
	}
	for i := range findings {
		name := runbook(&findings[i])
		if _, err := os.Stat("../../alerts/runbooks/" + name + ".md"); name == "" || err != nil {
			t.Errorf("%s of severity %s: runbook %q: %v", findings[i].Rule, findings[i].Severity, name, err)
		}
	}
}

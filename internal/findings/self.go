package findings

import (
	"fmt"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// stopKept is how long a stop is evidence: the finding is held for longer.
const stopKept = 10 * time.Minute

// impairDefenses is the technique of whoever stops or changes what watches him.
const impairDefenses = "T1562.001"

// OfSelf is about what was done to the exporter itself. What an upgrade or an administrator
// does too is only noted.
func OfSelf(s *model.SelfSnapshot, now time.Time) []model.Finding {
	var findings []model.Finding
	add := func(id string, severity model.Severity, title string, evidence ...string) {
		findings = append(findings, model.Finding{
			ID: "self:" + id, Rule: rules.ExporterTampered, Severity: severity, Technique: impairDefenses, Title: title, Evidence: evidence,
		})
	}
	for i := range s.Changes {
		c := &s.Changes[i]
		severity, title, evidence := ofChange(c)
		said := []string{evidence}
		if c.Detail != "" {
			said = append(said, c.Detail)
		}
		add(string(c.Kind)+":"+text.Label(c.Subject), severity, title, said...)
	}
	stops, longest := 0, time.Duration(0)
	severity := model.Info
	for i := range s.LastGaps {
		g := &s.LastGaps[i]
		if g.Reason != model.GapStopped || !g.Signal || now.Sub(g.End) > stopKept {
			continue
		}
		stops++
		longest = max(longest, g.Length)
		if !g.Terminal {
			severity = model.Warning
		}
	}
	if stops > 0 {
		times := "once"
		if stops > 1 {
			times = fmt.Sprintf("%d times", stops)
		}
		add("stopped", severity, "The exporter was stopped by a signal", fmt.Sprintf(
			"Within %s it was stopped %s, for %s at most, and went on by SIGCONT. What came and went in between was not seen.", text.Duration(stopKept), times, text.Duration(longest)))
	}
	return findings
}

// ofChange rates one change, and says it.
func ofChange(c *model.SelfChange) (severity model.Severity, title, evidence string) {
	subject := text.Label(c.Subject)
	switch c.Kind {
	case model.ProgramDeleted:
		return model.Warning, "The exporter's program was deleted while it runs", subject + " is no more: after its end it does not start again."
	case model.ProgramReplaced:
		return model.Warning, "Another program lies where the exporter's was", subject + " is no build of the exporter, or others may write to it: after its end that is started in its place."
	case model.ProgramUpgraded:
		return model.Info, "The exporter that runs is not the one that is installed: restart it", subject + " is another build of the exporter."
	case model.ConfigDeleted:
		return model.Warning, "The exporter's configuration was deleted while it runs", subject + " is no more: what was read stays in force, and without it the exporter does not start again."
	case model.ConfigChanged:
		return model.Info, "The exporter's configuration has changed and was not read: reload it", subject + " is not what was last read, or has a mistake; then the log names it."
	case model.UnitMasked:
		return model.Warning, "The exporter's unit is masked", subject + " cannot be started any more."
	case model.UnitDisabled:
		return model.Warning, "The exporter's unit is disabled", subject + " was enabled, and will not start with the host any more."
	case model.UnitDeleted:
		return model.Warning, "The exporter's unit was deleted while it runs", subject + " has no file any more."
	case model.UnitCrippled:
		return model.Warning, "The exporter's unit was changed in what lets it see", subject + " is not what it was when the exporter started."
	case model.UnitChanged:
		return model.Info, "The exporter's unit has changed since it started", subject + " is not what it was when the exporter started; nothing was changed in what lets it see."
	case model.PortShared:
		return model.Warning, "Another process listens on the exporter's port", "Scrapes of port " + subject + " may get its answers."
	case model.PortDiverted:
		return model.Warning, "A rule of the firewall diverts the exporter's port", "Scrapes of port " + subject + " may get answers of another program."
	default: // PortBlocked
		return model.Info, "A rule of the firewall keeps some from the exporter's port", "If Prometheus is among them, port " + subject + " cannot be scraped."
	}
}

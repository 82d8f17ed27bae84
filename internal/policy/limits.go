package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// Off is the limit of a rule that is switched off. It is no severity of a finding.
const Off model.Severity = "off"

// Limit is the worst that the evidence of one rule may make of a finding.
type Limit struct {
	Severity model.Severity // Off, info or warning
	Line     int            // of the configuration file, from 1; 0 if unknown
	File     string         // that file, where the configuration has several; "" else
}

// Limits are what the configuration says of rules, by their names.
type Limits map[string]Limit

// Off tells whether a rule is switched off.
func (l Limits) Off(rule string) bool { return l[rule].Severity == Off }

// permits tells whether a rule may give a severity.
func (l Limits) permits(rule string, severity model.Severity) bool {
	limit, limited := l[rule]
	return !limited || !severity.Worse(limit.Severity)
}

// Within rates signals under the limits: the worst severity that is given by the
// signals which may give it. So a limited rule still adds to what others show, up to
// its limit, and the order of rules does not matter.
func (l Limits) Within(signals []model.Signal, rate func([]model.Signal) model.Severity) model.Severity {
	if !slices.ContainsFunc(signals, func(s model.Signal) bool { _, limited := l[s.Rule]; return limited }) {
		return rate(signals)
	}
	for _, severity := range model.Severities() {
		permitted := slices.DeleteFunc(slices.Clone(signals), func(s model.Signal) bool { return !l.permits(s.Rule, severity) })
		if !severity.Worse(rate(permitted)) {
			return severity
		}
	}
	return model.Info
}

// Sort puts the strong signals first that may give the severity: the first names the
// finding.
func (l Limits) Sort(signals []model.Signal, severity model.Severity) {
	rank := func(s model.Signal) int {
		switch {
		case s.Weak:
			return 2
		case !l.permits(s.Rule, severity):
			return 1
		default:
			return 0
		}
	}
	slices.SortStableFunc(signals, func(a, b model.Signal) int { return rank(a) - rank(b) })
}

// Why says which limits keep strong signals from a severity, fit to be shown.
func (l Limits) Why(signals []model.Signal, severity model.Severity) string {
	var words []string
	for _, signal := range signals {
		if !signal.Weak && !l.permits(signal.Rule, severity) {
			words = append(words, l.Word(signal.Rule))
		}
	}
	return "limited by the configuration: " + strings.Join(words, ", ")
}

// Word says what the configuration says of a rule.
func (l Limits) Word(rule string) string {
	words := fmt.Sprintf("rule %s is %s", rule, l[rule].Severity)
	if l[rule].Severity != Off {
		words = fmt.Sprintf("rule %s is %s at most", rule, l[rule].Severity)
	}
	if line := l[rule].Line; line > 0 {
		words += " (" + LineOf(l[rule].File, line) + ")"
	}
	return words
}

// Apply limits findings that are not about programs: each has one rule.
func (l Limits) Apply(findings []model.Finding) []model.Finding {
	if len(l) == 0 {
		return findings
	}
	findings = slices.DeleteFunc(findings, func(f model.Finding) bool { return f.Suspect == nil && l.Off(f.Rule) })
	for i := range findings {
		if f := &findings[i]; f.Suspect == nil && !l.permits(f.Rule, f.Severity) {
			f.Severity, f.Exempted, f.Exemption = l[f.Rule].Severity, "limited by the configuration: "+l.Word(f.Rule), model.ExemptRuleLimit
			f.Evidence = append(slices.Clip(f.Evidence), "It would be worse, but the configuration says: "+l.Word(f.Rule)+".")
		}
	}
	return findings
}

package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// limits reads `rules:`, by the names of rules. critical limits nothing.
func (d *document) limits(lines lines) (policy.Limits, error) {
	limits := policy.Limits{}
	for _, rule := range slices.Sorted(maps.Keys(d.Rules)) {
		if !slices.Contains(rules.Names(), rule) {
			return nil, fmt.Errorf("rules: there is no rule %q; the rules are %s", rule, strings.Join(rules.Names(), ", "))
		}
		switch severity := model.Severity(d.Rules[rule]); severity {
		case policy.Off, model.Info, model.Warning:
			limits[rule] = policy.Limit{Severity: severity, Line: lines["rules."+rule].line, File: lines["rules."+rule].file}
		case model.Critical:
		default:
			return nil, fmt.Errorf("rules: %s: %q is not off, info, warning or critical", rule, severity)
		}
	}
	return limits, nil
}

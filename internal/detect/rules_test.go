package detect

import (
	"slices"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// TestEveryProcessRuleIsChecked: a rule about processes is a check of one process, or
// one about all instances of a program; --explain says what was seen instead of it.
func TestEveryProcessRuleIsChecked(t *testing.T) {
	t.Parallel()
	facts := instanceFacts()
	for _, rule := range rules.All() {
		isCheck := slices.ContainsFunc(checks(), func(c check) bool { return c.rule == rule.Name && c.fact != nil })
		if rule.Family != "" && !isCheck && facts[rule.Name] == nil {
			t.Errorf("nothing checks %s: add it to checks, or to instanceFacts", rule.Name)
		}
	}
}

package forward

import (
	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// parsePortRule understands a rule that drops, rejects or diverts what comes in for TCP ports
// that it names one by one or as a short range. ok is false for any other.
func parsePortRule(family nftables.TableFamily, expressions []expr.Any) (rule model.PortRule, ok bool) {
	r := ruleReader{family: family, registers: map[uint32]register{}}
	for _, expression := range expressions {
		r.step(expression)
		if action := actionOf(expression); action != "" {
			rule.Action = action
		}
	}
	rule.Address, rule.First, rule.Last = r.address, r.first, r.last
	named := r.first > 0 && r.first <= r.last && int(r.last)-int(r.first) < maxRange
	return rule, rule.Action != "" && named && r.protocol == model.TCP
}

// actionOf is what an expression does with a packet, as far as it keeps it from whoever
// listens.
func actionOf(expression expr.Any) model.PortAction {
	switch e := expression.(type) {
	case *expr.Verdict:
		if e.Kind == expr.VerdictDrop {
			return model.PortDrops
		}
	case *expr.Reject:
		return model.PortDrops
	case *expr.Redir, *expr.TProxy:
		return model.PortDiverts
	case *expr.NAT:
		if e.Type == expr.NATTypeDestNAT {
			return model.PortDiverts
		}
	case *expr.Target: // of xtables
		switch e.Name {
		case "REJECT":
			return model.PortDrops
		case "REDIRECT", "TPROXY", "DNAT":
			return model.PortDiverts
		}
	}
	return ""
}

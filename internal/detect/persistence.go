package detect

import (
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/findings"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/lineage"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// startedByItself holds for a program that cron, a unit or the like names (T1053,
// T1543.002). Most of the system is started so: it is asked only of what is
// suspicious anyway.
func startedByItself(l *lineage.Lineage, p *model.Process) (model.Signal, bool) {
	entry := l.StartedBy(p)
	if entry == nil || p.Origin == model.OriginSystem && p.Script == "" && entry.Reason == "" {
		return model.Signal{}, false
	}
	return rules.Signal(rules.StartedByItself, "It is started by "+findings.Location(entry)+": "+quote(entry.Command)+"."), true
}

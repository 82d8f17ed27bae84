package rules

import (
	"fmt"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// Title says who a suspect is and what it is, by its evidence and severity.
func Title(suspect *model.Suspect, severity model.Severity) string {
	p := &suspect.Process
	who := fmt.Sprintf("%s (pid %d, user %s%s)", text.Label(p.Subject()), p.PID, text.Label(p.User), InContainer(p.Container))
	switch {
	case severity == model.Critical && OnlyGuards(suspect):
		return who + " keeps a miner alive"
	case severity == model.Critical:
		return who + " is a miner or belongs to one"
	case severity == model.Warning:
		return who + " " + Meaning(suspect.Signals[0].Rule)
	case suspect.Signals[0].Family == model.FamilyLoad:
		return who + " keeps the CPU busy; nothing else speaks for a miner"
	default:
		return who + " looks suspicious but is expected"
	}
}

// InContainer names a container where more than its id is known, for a list in brackets; "" else.
func InContainer(c *model.Container) string {
	if !c.Known() {
		return ""
	}
	return ", container " + text.Label(c.Title())
}

// OnlyGuards tells a guardian from a miner: it keeps a suspect alive, and nothing
// speaks for its mining itself.
func OnlyGuards(suspect *model.Suspect) bool {
	guards := false
	for _, signal := range suspect.Signals {
		guards = guards || signal.Rule == Guardian
		mines := signal.Family == model.FamilyMining || signal.Family == model.FamilyLoad
		if mines && !signal.Weak {
			return false
		}
	}
	return guards
}

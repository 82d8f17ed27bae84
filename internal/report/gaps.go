package report

import (
	"fmt"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// maxGaps is how many gaps are told one by one.
const maxGaps = 3

// missed is what no later sample makes good.
const missed = "What the kernel counts was made up for: the CPU time of what lives, and forks, execs and exits as far as the kernel's buffers had room. Connections, listeners and files that came and went in between were not seen."

// gaps returns a sentence for each time in the last hour in which the exporter could not
// look at a host that ran, the newest first.
func (r *Report) gaps(s *model.SelfSnapshot) []string {
	var sentences []string
	more := 0
	for i := len(s.LastGaps) - 1; i >= 0; i-- {
		g := &s.LastGaps[i]
		switch {
		case g.Reason != model.GapStopped && g.Reason != model.GapStarved:
		case len(sentences) == maxGaps:
			more++
		default:
			sentences = append(sentences, gapText(g)+" "+missed)
		}
	}
	if more > 0 {
		sentences = append(sentences, fmt.Sprintf("It could not look %d more times in the last hour.", more))
	}
	return sentences
}

func gapText(g *model.Gap) string {
	when := fmt.Sprintf("For %s until %s", span(g.Length), timeText(g.End))
	switch {
	case g.Reason == model.GapStarved:
		return when + " the exporter got no CPU."
	case g.Signal:
		return when + " the exporter was stopped by a signal."
	default:
		return when + " the exporter was stopped: by a signal, a debugger, a frozen cgroup, or with the whole virtual machine."
	}
}

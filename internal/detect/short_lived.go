package detect

import (
	"fmt"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

const (
	// shortAgain and shortSpan are how often, and over how long, a program must come again whose processes end at once,
	// for where it runs from or how it is disguised to count: compilers and tests try programs out, each once or
	// many times in a moment.
	shortAgain = 3
	shortSpan  = 30 * time.Second
)

// comesAgain tells whether a program whose processes end before they can be seen is judged at all. An indicator counts
// from its second process on, and at once where no program belongs: it ran a moment ago, and nobody tries out a miner there.
func comesAgain(short *model.ShortLived, signals []model.Signal) bool {
	if strongKinds(signals)[model.FamilyIndicator] {
		return short.Count >= 2 || short.Last.Origin.Suspicious()
	}
	return short.Count >= shortAgain && short.Span >= shortSpan
}

// shortWords say that no process of the program lives.
func shortWords(short *model.ShortLived) string {
	if short.Count == 1 {
		return "It ran in one process, which has ended."
	}
	return fmt.Sprintf("It ran in %d processes within %s, all of which have ended.", short.Count, text.Duration(max(short.Span, time.Second)))
}

package processes

import (
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// accounts are the counters of fixed cardinality. All start at 0 with the
// exporter and none ever goes back.
type accounts struct {
	origins      map[model.OriginKey]*model.CPUTotals
	attributed   float64 // sum over origins
	busy         float64
	lastBusy     float64
	unattributed float64
	started      bool

	unowned, exits window
	complete       time.Time // when all exits were told for the first time after losses; zero if they are not
}

func newAccounts() *accounts {
	a := &accounts{origins: map[model.OriginKey]*model.CPUTotals{}}
	for _, origin := range model.Origins() {
		for _, namespace := range model.Isolations() {
			a.origins[model.OriginKey{Origin: origin, Isolation: namespace}] = &model.CPUTotals{}
		}
	}
	return a
}

// setBusy takes user + nice + system of /proc/stat. The kernel lets it step
// back at times (proc_stat(5)); a step back counts as nothing.
func (a *accounts) setBusy(seconds float64) {
	if a.started {
		a.busy += max(0, seconds-a.lastBusy)
	}
	a.started = true
	a.lastBusy = seconds
}

// credit adds CPU time to an origin.
func (a *accounts) credit(key model.OriginKey, seconds float64) {
	a.origins[key].CPUSeconds += seconds
	a.attributed += seconds
}

// gap is the busy time that has no owner as yet. It is negative when processes
// were credited before /proc/stat counted the same ticks.
func (a *accounts) gap() float64 { return a.busy - a.attributed }

// settle ends a sample, in which so many seconds wait to be credited by the
// next. The running maximum keeps the counter monotone, and noise in one
// direction is not added up.
func (a *accounts) settle(waiting float64) {
	a.unattributed = max(a.unattributed, a.gap()-waiting)
}

// follow keeps the last minute of the time without an owner.
func (a *accounts) follow(now time.Time, exits uint64, complete bool) model.UnattributedRate {
	if a.unowned.count == 0 {
		a.unowned, a.exits = newWindow(now, now, a.unattributed), newWindow(now, now, float64(exits))
	}
	if !complete {
		a.complete = time.Time{}
	} else if a.complete.IsZero() {
		a.complete = now
	}
	var u model.UnattributedRate
	u.Cores, u.Span = a.unowned.mean(now, a.unattributed)
	u.ExitsPerSecond, _ = a.exits.mean(now, float64(exits))
	u.Complete = complete && now.Sub(a.complete) >= u.Span
	return u
}

// snapshot copies the totals.
func (a *accounts) snapshot() map[model.OriginKey]model.CPUTotals {
	out := make(map[model.OriginKey]model.CPUTotals, len(a.origins))
	for key, totals := range a.origins {
		out[key] = *totals
	}
	return out
}

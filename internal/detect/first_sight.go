package detect

import (
	"sync/atomic"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
)

// nearStart is how far two start times of one process may be from each other, in clock ticks of 10 ms: those of
// events are a little late. No pid is used again within half a second.
const nearStart = 50

// FirstSight judges a program in its first moment, by what is there already: its name, place, arguments and ancestors.
// It may be used by several goroutines.
type FirstSight struct {
	policy    func() *policy.Policy
	exposures func() []model.Exposure // of the last evaluation
	known     atomic.Pointer[byPolicy]
}

// byPolicy is what one policy knows.
type byPolicy struct {
	policy *policy.Policy
	*knowledge
}

// NewFirstSight returns a FirstSight that asks for the policy, which is never changed, and for the exposures of the
// last evaluation each time.
func NewFirstSight(policy func() *policy.Policy, exposures func() []model.Exposure) *FirstSight {
	return &FirstSight{policy: policy, exposures: exposures}
}

func (f *FirstSight) knowledge() *knowledge {
	settings, known := f.policy(), f.known.Load()
	if known == nil || known.policy != settings {
		known = &byPolicy{settings, newKnowledge(settings)}
		f.known.Store(known)
	}
	return known.knowledge
}

// Interest is how much a program asks to be looked at. The process may have ended by now.
func (f *FirstSight) Interest(p *model.Process) model.Interest {
	found, _ := f.knowledge().look(p)
	kinds := strongKinds(found.signals)
	switch {
	case kinds[model.FamilyIndicator], len(kinds) >= 2:
		return model.InterestKnown
	case len(kinds) == 1 && !kinds[model.FamilyPlace]:
		return model.InterestSign
	}
	entered := f.hasEntered(p)
	switch {
	case len(kinds) > 0 && (entered || isBrought(p)):
		return model.InterestSign
	case len(kinds) > 0:
		return model.InterestPlace
	case entered:
		return model.InterestEntry
	default:
		return model.InterestNone
	}
}

// isBrought tells whether what started a process runs from a suspicious place too, as guardians do. Compilers do not.
func isBrought(p *model.Process) bool {
	for a := p.Parent; a != nil; a = a.Parent {
		if a.Origin.Suspicious() {
			return true
		}
	}
	return false
}

// hasEntered tells whether an exposed service stands above a process.
func (f *FirstSight) hasEntered(p *model.Process) bool {
	exposures := f.exposures()
	if len(exposures) == 0 {
		return false
	}
	for a := p.Parent; a != nil; a = a.Parent {
		for i := range exposures {
			owner := exposures[i].Socket.Owner
			if owner.PID == a.PID && max(owner.StartTime, a.StartTime)-min(owner.StartTime, a.StartTime) <= nearStart {
				return true
			}
		}
	}
	return false
}

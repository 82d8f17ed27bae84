package processes

import "time"

// allowance is a budget that fills as time goes by. Its unit is the user's.
type allowance struct {
	perSecond, most float64
	left            float64 // below 0 after what cost more than was left
	filled          time.Time
}

func newAllowance(perSecond, most float64) allowance {
	return allowance{perSecond: perSecond, most: most, left: most}
}

// has tells whether as much is left. A step back of the clock fills nothing.
func (a *allowance) has(amount float64, now time.Time) bool {
	if !a.filled.IsZero() {
		a.left += a.perSecond * max(0, now.Sub(a.filled).Seconds())
	}
	a.left, a.filled = min(a.left, a.most), now
	return a.left >= amount
}

// take takes it, if it is there.
func (a *allowance) take(amount float64, now time.Time) bool {
	if !a.has(amount, now) {
		return false
	}
	a.left -= amount
	return true
}

package files

import "time"

// budget is CPU time that may be spent: a share of the time that passes, saved up to a
// burst. What was spent beyond it is owed.
type budget struct {
	share float64 // of the time that passes, above 0
	burst time.Duration
	left  time.Duration // below 0 is owed
	at    time.Time     // as of then; zero before the first use
}

// refill adds what has come together until now.
func (b *budget) refill(now time.Time) {
	if b.at.IsZero() {
		b.left = b.burst
	} else {
		earned := min(float64(now.Sub(b.at))*b.share, float64(b.burst-b.left))
		b.left += time.Duration(max(earned, 0))
	}
	b.at = now
}

func (b *budget) spend(took time.Duration) { b.left -= took }

func (b *budget) spent() bool { return b.left <= 0 }

// wait is how long it takes until an amount has come together.
func (b *budget) wait(amount time.Duration) time.Duration {
	missing := max(min(amount, b.burst)-b.left, 0)
	return time.Duration(min(float64(missing)/b.share, float64(time.Hour)))
}

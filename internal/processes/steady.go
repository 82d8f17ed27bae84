package processes

import (
	"math"
	"time"
)

const (
	steadyMinutes = 10
	steadyLeast   = 0.15 // cores; less is the noise of any program that waits
	steadySpread  = 1.0 / 3
)

// steady remembers the use of the last minutes one by one, so that a throttled
// miner, which keeps to one share of a core for hours, can be told from a
// program that works and waits.
type steady struct {
	began   point                  // of the minute that is not over
	minutes [steadyMinutes]float32 // cores; a ring
	next    int
	count   int
}

// add takes a sample. It returns the mean over the latest minutes that keep
// within a third of it, and how long that was.
func (s *steady) add(now time.Time, seconds float64) (cores float64, span time.Duration) {
	if s.began.at.IsZero() {
		s.began = point{now, seconds}
		return 0, 0
	}
	if mean, length := rate(s.began, point{now, seconds}); length >= time.Minute {
		if length > 2*time.Minute {
			s.count = 0 // not looked at for a while
		}
		s.minutes[s.next] = float32(mean)
		s.next, s.count = (s.next+1)%steadyMinutes, min(s.count+1, steadyMinutes)
		s.began = point{now, seconds}
	}
	return s.mean()
}

func (s *steady) mean() (cores float64, span time.Duration) {
	sum, count := 0.0, 0
	for ; count < s.count; count++ {
		minute := float64(s.minutes[(s.next-1-count+2*steadyMinutes)%steadyMinutes])
		if minute < steadyLeast {
			break
		}
		if mean := sum / float64(max(count, 1)); count > 0 && math.Abs(minute-mean) > mean*steadySpread {
			break
		}
		sum += minute
	}
	if count == 0 {
		return 0, 0
	}
	return sum / float64(count), time.Duration(count) * time.Minute
}

package cpu

import (
	"math"
	"time"
)

const (
	constantMinutes = 10
	constantLeast   = 0.15 // cores; less is the noise of any program that waits
	constantSpread  = 1.0 / 3
)

// constant remembers the use of the last minutes one by one, so that a throttled
// miner, which keeps to one share of a core for hours, can be distinguished from a
// program that works and waits.
type constant struct {
	began   time.Time                // of the minute that still lasts
	seconds float64                  // that were used until then
	minutes [constantMinutes]float32 // cores; a ring
	next    int
	count   int
}

// add takes a sample. It returns the mean over the latest minutes that keep
// within a third of it, and how long that was.
func (c *constant) add(now time.Time, seconds float64) (cores float64, span time.Duration) {
	if c.began.IsZero() {
		c.began, c.seconds = now, seconds
		return 0, 0
	}
	if length := now.Sub(c.began); length >= time.Minute {
		if length > 2*time.Minute {
			c.count = 0 // not looked at for a while
		}
		c.minutes[c.next] = float32(max(0, seconds-c.seconds) / length.Seconds())
		c.next, c.count = (c.next+1)%constantMinutes, min(c.count+1, constantMinutes)
		c.began, c.seconds = now, seconds
	}
	return c.mean()
}

func (c *constant) mean() (cores float64, span time.Duration) {
	sum, count := 0.0, 0
	for ; count < c.count; count++ {
		minute := float64(c.minutes[(c.next-1-count+2*constantMinutes)%constantMinutes])
		if minute < constantLeast {
			break
		}
		if mean := sum / float64(max(count, 1)); count > 0 && math.Abs(minute-mean) > mean*constantSpread {
			break
		}
		sum += minute
	}
	if count == 0 {
		return 0, 0
	}
	return sum / float64(count), time.Duration(count) * time.Minute
}

package cpu

import "time"

const (
	windowSpan = 60 * time.Second
	windowStep = 5 * time.Second
	windowSize = 14 // windowSpan / windowStep, and room for a late sample
)

// point is what a process had used at a time, which counts from where its window begins.
type point struct {
	at      time.Duration
	seconds float64
}

// window remembers enough of a process' CPU use for its mean over about the last
// 60 s. A process that was already old when it was first seen begins with the mean
// of its whole life.
type window struct {
	began  time.Time         // when it was first seen
	born   time.Duration     // before that: at most 0
	points [windowSize]point // ring, oldest at first
	first  int16
	count  int16
}

// newWindow starts the history. born is when the process started.
func newWindow(born, now time.Time, seconds float64) window {
	w := window{began: now, born: min(0, born.Sub(now))}
	if -w.born < windowSpan {
		w.push(point{w.born, 0})
	}
	w.push(point{0, seconds})
	return w
}

// idleWindow is the window of a process that has used nothing for all of it.
func idleWindow(now time.Time, seconds float64) window {
	w := window{began: now, born: -windowSpan}
	w.push(point{-windowSpan, seconds})
	w.push(point{0, seconds})
	return w
}

func (w *window) at(i int16) point { return w.points[(w.first+i)%windowSize] }

func (w *window) push(p point) {
	if w.count == windowSize {
		w.first = (w.first + 1) % windowSize
		w.count--
	}
	w.points[(w.first+w.count)%windowSize] = p
	w.count++
}

// mean adds a sample and returns the mean use in cores and the span that it is
// the mean of.
func (w *window) mean(at time.Time, seconds float64) (cores float64, span time.Duration) {
	now := at.Sub(w.began)
	for w.count > 1 && now-w.at(1).at >= windowSpan {
		w.first = (w.first + 1) % windowSize
		w.count--
	}
	own, ownSpan := rate(w.at(0), point{now, seconds})
	if last := w.at(w.count - 1); now-last.at >= windowStep {
		w.push(point{now, seconds})
	}
	if ownSpan >= windowSpan || -w.born < windowSpan {
		return own, ownSpan
	}
	// Less than a minute was seen. The mean of the whole life is taken, unless the process has
	// slowed down since.
	life, lifeSpan := rate(point{w.born, 0}, point{now, seconds})
	if ownSpan > 0 && own < life {
		return own, lifeSpan
	}
	return life, lifeSpan
}

// flat tells whether nothing was used for all of the window.
func (w *window) flat(at time.Time, seconds float64) bool {
	oldest := w.at(0)
	return oldest.seconds == seconds && at.Sub(w.began)-oldest.at >= windowSpan
}

func rate(from, to point) (cores float64, span time.Duration) {
	span = to.at - from.at
	if span <= 0 {
		return 0, 0
	}
	return max(0, to.seconds-from.seconds) / span.Seconds(), span
}

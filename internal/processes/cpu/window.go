package cpu

import "time"

const (
	windowSpan = 60 * time.Second
	windowStep = 5 * time.Second
	windowSize = 14 // windowSpan / windowStep, and room for a late sample
)

// point is what a process had used at a time.
type point struct {
	at      time.Time
	seconds float64
}

// window remembers enough of a process' CPU use for its mean over about the last
// 60 s. A process that was already old when it was first seen begins with the mean
// of its whole life.
type window struct {
	points  [windowSize]point // ring, oldest at first
	first   int
	count   int
	born    time.Time
	initial point // at first sight
}

// newWindow starts the history. born is when the process started.
func newWindow(born, now time.Time, seconds float64) window {
	w := window{born: born, initial: point{now, seconds}}
	if now.Sub(born) < windowSpan {
		w.push(point{born, 0})
	}
	w.push(point{now, seconds})
	return w
}

func (w *window) at(i int) point { return w.points[(w.first+i)%windowSize] }

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
func (w *window) mean(now time.Time, seconds float64) (cores float64, span time.Duration) {
	for w.count > 1 && now.Sub(w.at(1).at) >= windowSpan {
		w.first = (w.first + 1) % windowSize
		w.count--
	}
	oldest := w.at(0)
	own, ownSpan := rate(oldest, point{now, seconds})
	if last := w.at(w.count - 1); now.Sub(last.at) >= windowStep {
		w.push(point{now, seconds})
	}
	if ownSpan >= windowSpan || w.initial.at.Sub(w.born) < windowSpan {
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

func rate(from, to point) (cores float64, span time.Duration) {
	span = to.at.Sub(from.at)
	if span <= 0 {
		return 0, 0
	}
	return max(0, to.seconds-from.seconds) / span.Seconds(), span
}

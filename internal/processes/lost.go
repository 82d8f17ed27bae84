package processes

import (
	"time"

	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// lossIsOver is how long nothing was dropped when it is said that it is over.
const lossIsOver = 10 * time.Minute

// losses is how many times the kernel has dropped events.
type losses struct {
	total uint64
	last  time.Time // zero while none is told of
}

// logLosses says once that events are dropped, and once that it is over.
func (s *sample) logLosses(lost map[model.Source]uint64) {
	total := uint64(0)
	for _, n := range lost {
		total += n
	}
	switch known := &s.losses; {
	case total > known.total:
		if known.last.IsZero() {
			level.Warn(s.options.Logger).Log("msg", "the kernel drops events, which come faster than they are read: short processes may be missed, further losses are only counted", "times", total)
		}
		known.total, known.last = total, s.now
	case !known.last.IsZero() && s.now.Sub(known.last) >= lossIsOver:
		level.Info(s.options.Logger).Log("msg", "the kernel drops no events any more", "times", total)
		known.last = time.Time{}
	}
}

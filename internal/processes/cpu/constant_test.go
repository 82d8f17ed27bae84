package cpu

import (
	"testing"
	"time"
)

func TestConstantUse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		minutes []float64
		cores   float64
		span    time.Duration
	}{
		"throttled":               {[]float64{.4, .42, .38, .4, .4, .41, .4, .4, .4, .4, .4}, .4, 10 * time.Minute},
		"benign: works and waits": {[]float64{.9, .1, .5, .05, .9, .1, .9, .2, .6, .1, .9}, .9, time.Minute},
		"benign: almost idle":     {[]float64{.1, .1, .1, .1, .1, .1, .1, .1, .1, .1, .1}, 0, 0},
		"since five minutes":      {[]float64{1, 1, 1, 1, 1, .3, .3, .3, .3, .3}, .3, 5 * time.Minute},
	} {
		var c constant
		at, used := time.Unix(1_700_000_000, 0), 0.0
		cores, span := c.add(at, used)
		for _, minute := range test.minutes {
			for range 12 {
				at, used = at.Add(5*time.Second), used+5*minute
				cores, span = c.add(at, used)
			}
		}
		if cores < test.cores*.97 || cores > test.cores*1.03 || span != test.span {
			t.Errorf("%s: %.2f cores over %s, want %.2f over %s", name, cores, span, test.cores, test.span)
		}
	}
}

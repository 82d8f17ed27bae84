package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/measure"
)

// limit is how much more the last third may hold than the first. Their lower quartiles are compared: what only
// grows lifts them, and what is held while a request or a look at a file goes on does not.
type limit struct {
	name  string
	unit  string
	scale float64 // of the unit
	of    func(*sample) float64
	share float64 // of the first third
	fixed float64 // beside that: noise of something small
	// for each process, and for each finding, that there is more: a host on which more goes on is no leak
	process, finding float64
}

// limits: tables fill up to their bounds during a short run, which is what share and fixed leave room for; a leak of
// one goroutine or descriptor in ten seconds, of 64 KiB a scrape, or of a series for each file does not fit into them.
func limits() []limit {
	const mebibyte = 1 << 20
	return []limit{
		{"heap after garbage was collected", "MiB", mebibyte, func(s *sample) float64 { return s.heap }, 0.15, 4 * mebibyte, 8 << 10, 8 << 10},
		{"resident memory", "MiB", mebibyte, func(s *sample) float64 { return s.resident }, 0.2, 8 * mebibyte, 16 << 10, 16 << 10},
		{"goroutines", "", 1, func(s *sample) float64 { return s.goroutines }, 0, 8, 0, 0},
		{"file descriptors", "", 1, func(s *sample) float64 { return s.descriptors }, 0, 8, 0, 0},
		{"series", "", 1, func(s *sample) float64 { return s.series }, 0.1, 30, 0, 2},
	}
}

// verdict is what became of one of them.
type verdict struct {
	limit
	first, last, allowed float64 // lower quartiles of the first and of the last third
}

func (v *verdict) grew() bool { return v.last > v.allowed }

func (v *verdict) String() string {
	return fmt.Sprintf("%-34s first third %8.1f, last third %8.1f, allowed %8.1f %s", v.name, v.first/v.scale, v.last/v.scale, v.allowed/v.scale, v.unit)
}

// afterWarmUp leaves the samples out during which caches fill.
func afterWarmUp(samples []sample, warmUp time.Duration) []sample {
	for i := range samples {
		if samples[i].after >= warmUp {
			return samples[i:]
		}
	}
	return nil
}

// judge compares the last third with the first.
func judge(samples []sample) (all []verdict) {
	third := len(samples) / 3
	quartile := func(samples []sample, of func(*sample) float64) float64 {
		values := make([]float64, len(samples))
		for i := range samples {
			values[i] = of(&samples[i])
		}
		return measure.Quantile(values, 0.25)
	}
	first, last := samples[:third], samples[len(samples)-third:]
	more := func(of func(*sample) float64) float64 { return max(0, quartile(last, of)-quartile(first, of)) }
	processes := more(func(s *sample) float64 { return s.processes })
	findings := more(func(s *sample) float64 { return s.findings })
	for _, l := range limits() {
		v := verdict{limit: l, first: quartile(first, l.of), last: quartile(last, l.of)}
		v.allowed = v.first*(1+l.share) + l.fixed + l.process*processes + l.finding*findings
		all = append(all, v)
	}
	return all
}

// grown names what grew beyond what is allowed.
func grown(verdicts []verdict) error {
	var failures []error
	for i := range verdicts {
		if v := &verdicts[i]; v.grew() {
			failures = append(failures, fmt.Errorf("it grows: %s", v))
		}
	}
	return errors.Join(failures...)
}

func table(stdout io.Writer, set settings, verdicts []verdict, counts []string) {
	fmt.Fprintf(stdout, "soak: %s, of which the first %s are not compared\n", set.time, set.warmUp)
	for _, line := range counts {
		fmt.Fprintln(stdout, "  "+line)
	}
	for i := range verdicts {
		fmt.Fprintln(stdout, "  "+verdicts[i].String())
	}
}

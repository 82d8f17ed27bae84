package main

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"time"
)

// part is a share of the time to page.
type part struct {
	name string
	of   func(outcome) time.Duration
}

// parts add up to the whole.
func parts() []part {
	return []part{
		{"the exporter finds it", func(o outcome) time.Duration { return o.senses().Sub(o.began) }},
		{"scrape and evaluation", func(o outcome) time.Duration { return o.fired.Sub(o.senses()) }},
		{"Alertmanager", func(o outcome) time.Duration { return o.received.Sub(o.fired) }},
	}
}

// senses is when the exporter had found it: not after the alert fired, although
// it may have been asked only then.
func (o outcome) senses() time.Time {
	if o.sensed.IsZero() || o.sensed.After(o.fired) {
		return o.fired
	}
	return o.sensed
}

// quantile is the smallest value that at least the share q of all does not
// exceed (nearest rank); 0 of none.
func quantile(values []time.Duration, q float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

// totals are the times of the attacks that were paged for.
func totals(outcomes []outcome) []time.Duration { return each(outcomes, outcome.total) }

func each(outcomes []outcome, of func(outcome) time.Duration) []time.Duration {
	var values []time.Duration
	for _, o := range outcomes {
		if o.paged {
			values = append(values, of(o))
		}
	}
	return values
}

func printTables(out io.Writer, outcomes []outcome) {
	fmt.Fprintf(out, "%d attacks on %d cores, scraped and evaluated every %s:\n\n", len(outcomes), runtime.NumCPU(), period)
	fmt.Fprint(out, "| attack | runs | min | median | p95 | max |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, k := range kinds() {
		var own []outcome
		for _, o := range outcomes {
			if o.kind == k.name {
				own = append(own, o)
			}
		}
		printRow(out, k.name, totals(own))
	}
	printRow(out, "all", totals(outcomes))
	fmt.Fprint(out, "\n| of which | runs | min | median | p95 | max |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, p := range parts() {
		printRow(out, p.name, each(outcomes, p.of))
	}
}

func printRow(out io.Writer, name string, values []time.Duration) {
	if len(values) == 0 {
		return
	}
	fmt.Fprintf(out, "| %s | %d |", name, len(values))
	for _, q := range []float64{0, 0.5, 0.95, 1} {
		fmt.Fprintf(out, " %.1f s |", quantile(values, q).Seconds())
	}
	fmt.Fprintln(out)
}

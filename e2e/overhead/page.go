package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/measure"
)

// ratio is how many times as long it took with the exporter.
func (p pair) ratio() float64 { return p.with.Seconds() / p.without.Seconds() }

// ratios are those of all pairs.
func (r result) ratios() []float64 {
	return r.each(pair.ratio)
}

func (r result) each(of func(pair) float64) []float64 {
	values := make([]float64, len(r.pairs))
	for i, p := range r.pairs {
		values[i] = of(p)
	}
	return values
}

func seconds(of func(pair) time.Duration) func(pair) float64 {
	return func(p pair) float64 { return of(p).Seconds() }
}

// document is what was measured, in Markdown.
func document(machine string, set settings, results []result) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, `# What other work loses

Made by `+"`make bench-overhead`"+`; do not edit. Measured on %s.

How much longer work takes while the exporter runs, with its usual flags and scraped every %s. Each pair is one run without and one
with the exporter, every other pair the other way round; the ratio is that of a pair, so that it shows no change of the host from
one quarter of an hour to the next. The build has a cache of its own and takes all cores. Of processes that start at a fixed rate the
time counts from before fork(2) until the parent knows of the end, without the pauses. The last load is the worst that there is, and
has no goal: processes that are nothing but start and end, on cores that all are busy with them.
`, machine, set.scrapes)
	table := measure.Table{Columns: []string{
		"load", "pairs:", "without, s:", "with, s:", "ratio, median:", "ratios of the pairs", "CPU time of the exporter, s:",
	}}
	var slower []string
	for _, r := range results {
		ratios := r.ratios()
		median := measure.Median(ratios)
		if r.goal && median > goal {
			slower = append(slower, r.load)
		}
		table.Add(r.load, fmt.Sprint(len(r.pairs)),
			measure.Number(measure.Median(r.each(seconds(func(p pair) time.Duration { return p.without })))),
			measure.Number(measure.Median(r.each(seconds(func(p pair) time.Duration { return p.with })))),
			fmt.Sprintf("%.4f", median), fmt.Sprintf("%.3f to %.3f", slices.Min(ratios), slices.Max(ratios)),
			measure.Number(measure.Median(r.each(seconds(func(p pair) time.Duration { return p.exporter })))))
	}
	table.Write(&out)
	switch {
	case len(results) == 0:
	case len(slower) == 0:
		fmt.Fprintf(&out, "\nGoal met: no load that has one takes more than %.0f %% longer.\n", 100*(goal-1))
	default:
		fmt.Fprintf(&out, "\nGoal not met: more than %.0f %% longer take: %s.\n", 100*(goal-1), strings.Join(slower, "; "))
	}
	return out.Bytes()
}

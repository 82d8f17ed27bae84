package main

import (
	"bytes"
	"fmt"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/measure"
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

// totals are the times of the attacks that were paged for.
func totals(outcomes []outcome) []time.Duration { return each(outcomes, outcome.total) }

// finds are the times from the execve(2) that shows what an attack is to the critical finding.
func finds(outcomes []outcome) []time.Duration {
	var values []time.Duration
	for _, o := range outcomes {
		if !o.evident.IsZero() && !o.sensed.IsZero() {
			values = append(values, o.sensed.Sub(o.evident))
		}
	}
	return values
}

func each(outcomes []outcome, of func(outcome) time.Duration) []time.Duration {
	var values []time.Duration
	for _, o := range outcomes {
		if o.paged {
			values = append(values, of(o))
		}
	}
	return values
}

// document is what was measured, in Markdown.
func document(machine string, outcomes []outcome) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, `# Time to page

Made by `+"`make bench-page`"+`; do not edit. %d attacks on %s.

Seconds from the start of an attack (execve(2)) until a pager hears of it, for attacks that need no CPU history: with the shipped
rules and the shipped example for Alertmanager, scraped every %s. Each attack has an exporter, a Prometheus and an Alertmanager of
its own, starts at a random moment, and is played by a harmless program that only counts.
`, len(outcomes), machine, period)
	columns := []string{"runs:", "min, s:", "median, s:", "p95, s:", "max, s:"}
	perKind := func(heading string, of func([]outcome) []time.Duration) {
		table := measure.Table{Columns: append([]string{heading}, columns...)}
		for _, k := range kinds() {
			var own []outcome
			for _, o := range outcomes {
				if o.kind == k.name {
					own = append(own, o)
				}
			}
			addRow(&table, k.name, of(own))
		}
		addRow(&table, "all", of(outcomes))
		table.Write(&out)
	}
	perKind("attack", totals)
	table := measure.Table{Columns: append([]string{"of which"}, columns...)}
	for _, p := range parts() {
		addRow(&table, p.name, each(outcomes, p.of))
	}
	table.Write(&out)
	fmt.Fprintf(&out, `
From the execve(2) that shows what it is until the exporter has the critical finding, asked every %s: of a program that its guardian
brings back that is its second one, three seconds after the first.
`, lookEvery)
	perKind("attack", finds)
	return out.Bytes()
}

func addRow(table *measure.Table, name string, values []time.Duration) {
	if len(values) == 0 {
		return
	}
	cells := []string{name, fmt.Sprint(len(values))}
	for _, q := range []float64{0, 0.5, 0.95, 1} {
		cells = append(cells, fmt.Sprintf("%.2f", measure.Quantile(values, q).Seconds()))
	}
	table.Add(cells...)
}

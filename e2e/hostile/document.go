package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/measure"
)

func count(results []result, outcome string) int {
	number := 0
	for i := range results {
		if results[i].outcome == outcome {
			number++
		}
	}
	return number
}

// absent are lines about what could not be done here.
func absent(results []result) []string {
	var lines []string
	for i := range results {
		if results[i].outcome == absentHere {
			lines = append(lines, fmt.Sprintf("hostile %s: %s", results[i].name, results[i].problem))
		}
	}
	return lines
}

// document is the page about a run, in Markdown.
func document(machine string, began time.Time, results []result) []byte {
	var page bytes.Buffer
	fmt.Fprintf(&page, `# A hostile host

Made by `+"`make hostile`"+`; do not edit. Done on %s, on %s.

Of %d trials the exporter passed **%d**, and failed **%d**; %d could not be done here. In each, the process lives on, answers and goes on
sampling, no component panicked, the scrape is valid and has less than %d series, memory stays below the bound (%d MiB unless another is
given), and descriptors and goroutines come back to what they were. What is more must be told as the table says.
`, machine, began.UTC().Format(time.DateOnly), len(results), count(results, passed), count(results, failed), count(results, absentHere), mostSeries, usualMemory)
	table := measure.Table{Columns: []string{"trial", "what is done", "outcome", "told by", "MiB:", "seconds:"}}
	for i := range results {
		r := &results[i]
		peak := fmt.Sprint(r.peak >> 20)
		if r.mebibyte > 0 {
			peak += fmt.Sprintf(" of %d", r.mebibyte)
		}
		table.Add(r.name, r.does, r.outcome, toldBy(r.trial), peak, fmt.Sprintf("%.0f", r.seconds))
	}
	table.Write(&page)
	for _, outcome := range []string{failed, absentHere} {
		if count(results, outcome) == 0 {
			continue
		}
		fmt.Fprintf(&page, "\n## %s\n\n", strings.ToUpper(outcome[:1])+strings.ToLower(outcome[1:]))
		for i := range results {
			if results[i].outcome == outcome {
				fmt.Fprintf(&page, "- %s: %s\n", results[i].name, strings.Join(strings.Fields(results[i].problem), " "))
			}
		}
	}
	return page.Bytes()
}

// toldBy says how one learns of it.
func toldBy(t *trial) string {
	parts := slices.Clone(t.told)
	for i := range parts {
		parts[i] = code(parts[i])
	}
	if t.log != "" {
		parts = append(parts, "log "+code(t.log))
	}
	for _, expression := range t.found {
		parts = append(parts, "finding "+code(expression))
	}
	for _, expression := range t.notFound {
		parts = append(parts, "no finding "+code(expression))
	}
	if len(parts) == 0 {
		return "nothing is lost"
	}
	return strings.Join(parts, "; ")
}

func code(text string) string { return "`" + text + "`" }

package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/measure"
)

// writeDocument writes the page about a run, unless the file has no name. left is how many
// scenarios there was no time for.
func writeDocument(file string, seed uint64, results []result, left int) error {
	if file == "" {
		return nil
	}
	return os.WriteFile(file, document(seed, measure.Machine(), results, left), 0o644)
}

// document is the page, in Markdown.
func document(seed uint64, machine string, results []result, left int) []byte {
	var page bytes.Buffer
	total := summarize(results)
	fmt.Fprintf(&page, `# The lab

Made by `+"`make lab`"+`; do not edit. Played on %s, with names and paths from seed %d.

Attacks at the verdict that they must get: **%d of %d**. Benign counterparts above a note: **%d of %d**.
Not played here: %d. Could not be played: %d. No time was left for: %d.

Each attack is played by a harmless program that only counts, on the machine itself, under the eyes of the exporter with its usual
intervals. Seconds are those from the last thing that the attack does until the verdict.
`, machine, seed, total.detected, total.attacks, total.wrong, total.benign, total.absent, total.broken, left)

	for _, needs := range []evidence{instant, history, steady} {
		if m, measured := total.times[needs]; measured {
			fmt.Fprintf(&page, "\nWith %s, critical in %.1f s (median), %.1f s at most, of %d.", needs, m.median, m.maximum, m.count)
		}
	}
	fmt.Fprint(&page, "\n\n## Families\n\n| attacks | played | at their verdict | seconds, median | seconds, most |\n| --- | ---: | ---: | ---: | ---: |\n")
	eachFamily(results, false, func(name string, all []result) {
		passed, seconds := 0, []float64{}
		for _, r := range all {
			if r.outcome == outcomePass {
				passed++
				seconds = append(seconds, r.seconds)
			}
		}
		slices.Sort(seconds)
		middle, most := "-", "-"
		if len(seconds) > 0 {
			middle, most = fmt.Sprintf("%.1f", measure.Median(seconds)), fmt.Sprintf("%.1f", seconds[len(seconds)-1])
		}
		fmt.Fprintf(&page, "| %s | %d | %d | %s | %s |\n", name, len(all), passed, middle, most)
	})
	fmt.Fprint(&page, "\n| benign counterparts | played | silent | a note | above a note |\n| --- | ---: | ---: | ---: | ---: |\n")
	eachFamily(results, true, func(name string, all []result) {
		counts := map[severity]int{}
		for _, r := range all {
			counts[r.verdict]++
		}
		fmt.Fprintf(&page, "| %s | %d | %d | %d | %d |\n", name, len(all), counts[nothing], counts[info], counts[warning]+counts[critical])
	})
	fmt.Fprint(&page, "\n## Attacks\n\n| attack | ATT&CK | must be | verdict | first rule | seconds |\n| --- | --- | --- | --- | --- | ---: |\n")
	eachFamily(results, false, func(_ string, all []result) {
		for _, r := range all {
			seconds := "-"
			if r.outcome == outcomePass {
				seconds = fmt.Sprintf("%.1f", r.seconds)
			}
			fmt.Fprintf(&page, "| %s | %s | %s | %s | %s | %s |\n", cell(r.name), r.technique, r.expect, verdictOf(r), code(r.rule), seconds)
		}
	})
	fmt.Fprint(&page, "\n## Benign counterparts\n\n| benign counterpart | looks like | verdict | first rule | cores |\n| --- | --- | --- | --- | ---: |\n")
	eachFamily(results, true, func(_ string, all []result) {
		for _, r := range all {
			fmt.Fprintf(&page, "| %s | %s | %s | %s | %.2f |\n", cell(r.name), r.technique, verdictOf(r), code(r.rule), r.cores)
		}
	})
	notHere(&page, results)
	return page.Bytes()
}

// eachFamily calls do with what was played of each family, in the order in which families
// are listed.
func eachFamily(results []result, benign bool, do func(name string, all []result)) {
	played := map[string][]result{}
	var order []string
	for _, r := range results {
		if r.benign != benign || r.outcome == outcomeAbsent {
			continue
		}
		if played[r.family] == nil {
			order = append(order, r.family)
		}
		played[r.family] = append(played[r.family], r)
	}
	slices.Sort(order)
	for _, name := range order {
		slices.SortFunc(played[name], func(a, b result) int { return strings.Compare(a.name, b.name) })
		do(name, played[name])
	}
}

func notHere(page *bytes.Buffer, results []result) {
	var lines []string
	for _, r := range results {
		if r.outcome == outcomeAbsent {
			lines = append(lines, fmt.Sprintf("- %s: %s\n", r.name, r.problem))
		}
	}
	if len(lines) == 0 {
		return
	}
	slices.Sort(lines)
	fmt.Fprint(page, "\n## Not played here\n\n", strings.Join(lines, ""))
}

// verdictOf says also what went wrong.
func verdictOf(r result) string {
	verdict := string(r.verdict)
	if r.verdict == nothing {
		verdict = "none"
	}
	if r.failed() {
		return "**" + verdict + "**: " + strings.ToLower(r.outcome)
	}
	return verdict
}

func code(text string) string {
	if text == "" {
		return "-"
	}
	return "`" + text + "`"
}

// cell is a text in a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

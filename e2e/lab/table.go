package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// printTable writes one line for each scenario.
func printTable(w io.Writer, results []result) error {
	slices.SortStableFunc(results, func(a, b result) int { return strings.Compare(a.kind(), b.kind()) })
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SCENARIO\tATT&CK\tKIND\tEXPECTED\tVERDICT\tRULE\tSECONDS\tCORES\tOUTCOME")
	for _, r := range results {
		expected, seconds := string(r.expect), "-"
		if r.benign {
			expected = "at most info"
		} else if r.outcome == outcomePass {
			seconds = fmt.Sprintf("%.1f", r.seconds)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.2f\t%s\n",
			r.name, r.technique, r.kind(), expected, orDash(string(r.verdict)), orDash(r.rule), seconds, r.cores, r.outcome)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, r := range results {
		switch {
		case r.problem != "":
			fmt.Fprintf(w, "\n%s: %s\n", r.name, r.problem)
		case r.failed() && r.title != "":
			fmt.Fprintf(w, "\n%s: found %q\n  %s\n", r.name, r.title, strings.Join(r.said, "\n  "))
		}
	}
	return nil
}

// printSummary writes what it comes to, and reports whether that is good enough.
func printSummary(w io.Writer, s summary, strangers []finding) bool {
	fmt.Fprintf(w, "\nattacks detected: %d/%d\nbenign counterparts wrong: %d/%d\n", s.detected, s.attacks, s.wrong, s.benign)
	fmt.Fprintf(w, "not here: %d, broken: %d\n", s.absent, s.broken)
	good := s.detected == s.attacks && s.wrong == 0 && s.broken == 0
	for _, needs := range []evidence{instant, history, steady} {
		m, measured := s.times[needs]
		if !measured {
			continue
		}
		fmt.Fprintf(w, "seconds to a critical finding, with %s: median %.1f, maximum %.1f of %d", needs, m.median, m.maximum, m.count)
		if m.target > 0 {
			fmt.Fprintf(w, "; target for the median %.0f", m.target)
		}
		if m.tooSlow() {
			fmt.Fprint(w, ": TOO SLOW")
			good = false
		}
		fmt.Fprintln(w)
	}
	if len(s.quiet) > 0 {
		fmt.Fprintf(w, "benign counterparts that were to be busier, on a quieter machine they are: %s\n", strings.Join(s.quiet, ", "))
	}
	for i := range strangers {
		fmt.Fprintf(w, "belongs to no scenario: %s %s: %s\n", strangers[i].Severity, strangers[i].Rule, strangers[i].Title)
	}
	return good
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

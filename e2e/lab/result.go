package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/measure"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// The outcomes. Only the first and the last let a run succeed.
const (
	outcomePass   = "PASS"
	outcomeMiss   = "MISS"        // an attack that was not found
	outcomeWrong  = "WRONG"       // found, with another severity
	outcomeFalse  = "FALSE ALARM" // a benign counterpart that somebody would be woken for
	outcomeBroken = "BROKEN"      // the lab could not play it
	outcomeAbsent = "not here"    // a program of it is not installed
)

// result is how one scenario went.
type result struct {
	*scenario
	outcome string
	verdict severity
	rule    string
	title   string
	said    []string // evidence
	seconds float64  // from the last essential action to the expected severity
	cores   float64  // that it used while it was watched
	problem string
}

// decide compares what was found with what was expected.
func decide(d observation, acted time.Time) result {
	r := result{scenario: d.scenario, verdict: d.worst, rule: d.rule, title: d.title, said: d.said, outcome: outcomePass}
	switch {
	case d.benign && d.worst.rank() > info.rank():
		r.outcome = outcomeFalse
	case d.benign:
	case d.worst == nothing:
		r.outcome = outcomeMiss
	case d.worst != d.expect:
		r.outcome = outcomeWrong
	}
	if at, seen := d.first[d.expect]; seen && !d.benign {
		r.seconds = max(0, at.Sub(acted).Seconds())
	}
	return r
}

func (r result) failed() bool { return r.outcome != outcomePass && r.outcome != outcomeAbsent }

// listAbsent appends the scenarios that could not be played here, and why, to a file,
// unless that has no name.
func listAbsent(name string, results []result) error {
	var absent []string
	for _, r := range results {
		if r.outcome == outcomeAbsent {
			absent = append(absent, fmt.Sprintf("lab %s: %s", r.name, r.problem))
		}
	}
	return programs.AppendLines(name, absent)
}

// summary is what a run of the lab comes to.
type summary struct {
	attacks, detected int
	benign, wrong     int
	absent, broken    int
	quiet             []string            // benign counterparts that were to be busy and were not
	times             map[evidence]timing // of critical findings
}

// timing is how long detection took.
type timing struct {
	count           int
	median, maximum float64
	target          float64 // for the median; 0 is none
}

func (m timing) tooSlow() bool { return m.target > 0 && m.count > 0 && m.median > m.target }

// target is the median that is promised.
func target(needs evidence) float64 {
	switch needs {
	case instant:
		return 10
	case history:
		return 75
	default:
		return 0
	}
}

// busyShare of its cores is what a benign counterpart must have used to have been judged.
const busyShare = 0.8

func summarize(results []result) summary {
	s := summary{times: map[evidence]timing{}}
	seconds := map[evidence][]float64{}
	for _, r := range results {
		switch {
		case r.outcome == outcomeAbsent:
			s.absent++
			continue
		case r.outcome == outcomeBroken:
			s.broken++
		case r.benign && r.cores < busyShare*min(r.scenario.cores, 1):
			s.quiet = append(s.quiet, fmt.Sprintf("%s (%.2f cores)", r.name, r.cores))
		}
		if r.benign {
			s.benign++
			if r.outcome == outcomeFalse {
				s.wrong++
			}
			continue
		}
		s.attacks++
		if r.outcome != outcomePass {
			continue
		}
		s.detected++
		if r.expect == critical {
			seconds[r.needs] = append(seconds[r.needs], r.seconds)
		}
	}
	for needs, all := range seconds {
		slices.Sort(all)
		s.times[needs] = timing{count: len(all), median: measure.Median(all), maximum: all[len(all)-1], target: target(needs)}
	}
	return s
}

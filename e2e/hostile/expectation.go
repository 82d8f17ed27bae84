package main

import (
	"fmt"
	"regexp"
	"strconv"
)

// expectation is what must be told by the metrics: a selector as in PromQL, all of whose series
// are added up, and one of
//
//	rises          it is more than before the trial
//	rises by N     by at least that
//	rises at most by N
//	is at least N
//	is at most N
//	is N
type expectation struct {
	selector, relation string
	number             float64
}

var expectationForm = regexp.MustCompile(`^(.*?) (rises|rises by|rises at most by|is at least|is at most|is)(?: ([0-9.]+))?$`)

func parseExpectation(text string) (e expectation, err error) {
	parts := expectationForm.FindStringSubmatch(text)
	if parts == nil {
		return e, fmt.Errorf("%q is no expectation", text)
	}
	e = expectation{selector: parts[1], relation: parts[2]}
	if (parts[3] == "") != (e.relation == "rises") {
		return e, fmt.Errorf("%q: a number belongs to all but `rises`", text)
	}
	if parts[3] != "" {
		e.number, err = strconv.ParseFloat(parts[3], 64)
	}
	return e, err
}

// check returns an error that says what is there instead.
func (e expectation) check(before, now *scrape) error {
	old, err := before.sum(e.selector)
	if err != nil {
		return err
	}
	is, err := now.sum(e.selector)
	if err != nil {
		return err
	}
	good := map[string]bool{
		"rises":            is > old,
		"rises by":         is >= old+e.number,
		"rises at most by": is <= old+e.number,
		"is at least":      is >= e.number,
		"is at most":       is <= e.number,
		"is":               is == e.number,
	}[e.relation]
	if !good {
		return fmt.Errorf("%s is %g, and was %g before: want that it %s %g", e.selector, is, old, e.relation, e.number)
	}
	return nil
}

// checkAll checks several.
func checkAll(texts []string, before, now *scrape) error {
	for _, text := range texts {
		e, err := parseExpectation(text)
		if err == nil {
			err = e.check(before, now)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

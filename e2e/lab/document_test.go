package main

import (
	"strings"
	"testing"
)

// TestScenarios holds the lab to its size, and each scenario to what the page about a run
// says of it.
func TestScenarios(t *testing.T) {
	t.Parallel()
	const enough = 100
	names, attacks, benign := map[string]bool{}, 0, 0
	for _, s := range allScenarios(newNames(5)) {
		switch {
		case names[s.name]:
			t.Errorf("two scenarios are called %q", s.name)
		case s.family == "", s.technique == "", s.play == nil:
			t.Errorf("%q has no family, no technique or no play", s.name)
		case !s.benign && s.expect == nothing:
			t.Errorf("%q is an attack without a verdict", s.name)
		}
		names[s.name] = true
		if s.benign {
			benign++
		} else {
			attacks++
		}
	}
	if attacks < enough || benign < enough {
		t.Errorf("%d attacks and %d benign counterparts, want %d of each", attacks, benign, enough)
	}
}

// TestShort holds the short form to what two cores can play in 4 minutes.
func TestShort(t *testing.T) {
	t.Parallel()
	const untilSeen = 65 // seconds until one was seen to burn, as measured
	seconds := 0.0
	for _, s := range allScenarios(newNames(5)) {
		switch {
		case !s.short || s.cores == 0:
		default:
			seconds += s.cores * untilSeen
		}
	}
	if halved := seconds / 2; halved > 240 {
		t.Errorf("the short form keeps two cores busy for %.0f s", halved)
	}
}

func TestMentions(t *testing.T) {
	t.Parallel()
	s := &scenario{paths: []string{"/tmp/kdevtmpfsi", "/var/lib/a"}}
	for text, want := range map[string]bool{
		"/tmp/kdevtmpfsi":                               true,
		`The file "/tmp/kdevtmpfsi" lies there.`:        true,
		"/proc/77/root/tmp/kdevtmpfsi":                  true,
		"It starts /var/lib/a/b.":                       true,
		"/tmp/kdevtmpfsi-notes":                         false,
		"/tmp/TestSomething/001/tmp/kdevtmpfsi is here": false,
		"nothing": false,
	} {
		if got := mentions(text, s); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	attack := &scenario{name: "one | two", family: "place", technique: "T1", expect: critical}
	missed := &scenario{name: "missed", family: "place", technique: "T1", expect: warning}
	silent := &scenario{name: "silent", family: "build", technique: "T2", benign: true}
	loud := &scenario{name: "loud", family: "build", technique: "T2", benign: true}
	absent := &scenario{name: "absent", family: "build", technique: "T2", benign: true}
	got := string(document(42, "2 cores", []result{
		{scenario: attack, outcome: outcomePass, verdict: critical, rule: "runs_from_temp", seconds: 4.25},
		{scenario: missed, outcome: outcomeMiss},
		{scenario: silent, outcome: outcomePass},
		{scenario: loud, outcome: outcomeFalse, verdict: warning, rule: "hidden_path"},
		{scenario: absent, outcome: outcomeAbsent, problem: "tool is not installed"},
	}, 7))
	for _, want := range []string{
		"on 2 cores", "seed 42", "No time was left for: 7.", "**1 of 2**", "**1 of 2**", "| place | 2 | 1 | 4.2 | 4.2 |", "| build | 2 | 1 | 0 | 1 |",
		`| one \| two | T1 | critical | critical | ` + "`runs_from_temp`" + ` | 4.2 |`, "| missed | T1 | warning | **none**: miss | - | - |",
		"| loud | T2 | **warning**: false alarm | `hidden_path` | 0.00 |", "- absent: tool is not installed",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page has no %q:\n%s", want, got)
		}
	}
}

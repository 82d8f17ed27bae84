package main

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestTrials: each says what it does and what must come of it, in words and forms that hold.
func TestTrials(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, trial := range allTrials() {
		if names[trial.name] {
			t.Errorf("two trials are called %s", trial.name)
		}
		names[trial.name] = true
		if trial.act == nil || !strings.HasSuffix(trial.does, ".") {
			t.Errorf("%s: it does nothing, or does not say what", trial.name)
		}
		if toldBy(&trial) == "" {
			t.Errorf("%s: nothing is told", trial.name)
		}
		for _, text := range trial.told {
			if _, err := parseExpectation(text); err != nil {
				t.Errorf("%s: %v", trial.name, err)
			}
		}
		for _, form := range append(append([]string{trial.log}, trial.found...), trial.notFound...) {
			if _, err := regexp.Compile(form); err != nil {
				t.Errorf("%s: %v", trial.name, err)
			}
		}
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	all := []trial{{name: "one", short: true}, {name: "two"}, {name: "three", short: true}}
	for pattern, want := range map[string]int{"": 2, "^t": 1, "four": 0} {
		if got := choose(append([]trial(nil), all...), true, regexp.MustCompile(pattern)); len(got) != want {
			t.Errorf("%q: %d trials, want %d", pattern, len(got), want)
		}
	}
}

func scraped(t *testing.T, text string) *scrape {
	t.Helper()
	s, err := parseScrape(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestExpectations(t *testing.T) {
	t.Parallel()
	before := scraped(t, "a{b=\"c\"} 1\na{b=\"d\"} 2\n")
	now := scraped(t, "# TYPE a counter\na{b=\"c\"} 1\na{b=\"d\"} 5\n")
	if now.series != 2 {
		t.Errorf("%d series", now.series)
	}
	for text, good := range map[string]bool{
		`a rises`:                true,
		`a{b="c"} rises`:         false,
		`a{b=~"c|d"} is 6`:       true,
		`a rises by 3`:           true,
		`a rises at most by 3`:   true,
		`a rises at most by 2`:   false,
		`a rises by 4`:           false,
		`a{b!="c"} is at most 5`: true,
		`a is at most 5.9`:       false,
		`a is at least 6`:        true,
		`a is at least 6.1`:      false,
		`absent is 0`:            true,
		`absent rises`:           false,
	} {
		if err := checkAll([]string{text}, before, now); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"a", "a rises at most", "a rises by", "a is", "a rises 1", "a falls", `a{ rises`} {
		if err := checkAll([]string{text}, before, now); err == nil {
			t.Errorf("%q is no expectation", text)
		}
	}
}

func TestParseScrape(t *testing.T) {
	t.Parallel()
	for _, broken := range []string{"a{b=\"c\n\"} 1\n", "a{b=\"c\"} x\n", "a{b=\"\xff\"} 1\n"} {
		if _, err := parseScrape(broken); err == nil {
			t.Errorf("%q is no exposition", broken)
		}
	}
}

func TestReadable(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{"größe\tx\n": true, "\xff": false, "\x1b[2J": false, "a\u202eb": false, "a\rb": false} {
		if err := readable(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestFailures: what goes wrong in a trial fails it, and what it has done is taken back.
func TestFailures(t *testing.T) {
	t.Parallel()
	s := &session{}
	var order []string
	s.later(func() error { order = append(order, "first"); return io.ErrUnexpectedEOF })
	s.later(func() error { order = append(order, "second"); return nil })
	if err := s.clean(); err == nil || strings.Join(order, " ") != "second first" {
		t.Errorf("%v, %v", err, order)
	}
	if err := contain(func() error { panic("x") }); err == nil {
		t.Error("a panic is an error")
	}
	log, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	r := &runner{settings: settings{exporter: "/bin/false", directory: t.TempDir()}, log: log, progress: io.Discard}
	if done := r.perform(t.Context(), &trial{name: "x", act: func(*session) error { return nil }}); done.outcome != failed || done.problem == "" {
		t.Errorf("an exporter that ends at once: %+v", done)
	}
	early := trial{name: "x", before: func(*session) ([]string, error) { return nil, absentf("no %s", "kernel") }}
	if done := r.perform(t.Context(), &early); done.outcome != absentHere {
		t.Errorf("what cannot be done: %+v", done)
	}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	results := []result{
		{trial: &trial{name: "one", does: "It does.", told: []string{"a rises"}, log: "x|y", mebibyte: 64}, outcome: passed, peak: 40 << 20, seconds: 3.4},
		{trial: &trial{name: "two", does: "It too."}, outcome: failed, problem: "it\nended"},
		{trial: &trial{name: "three", does: "It not."}, outcome: absentHere, problem: "not here: no controller"},
	}
	page := string(document("2 cores", time.Unix(0, 0), results))
	for _, want := range []string{
		"on 2 cores, on 1970-01-01", "passed **1**, and failed **1**; 1 could",
		"| one | It does. | passed | `a rises`; log `x\\|y` | 40 of 64 | 3 |", "- two: it ended\n", "- three: not here: no controller\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if lines := absent(results); len(lines) != 1 || lines[0] != "hostile three: not here: no controller" {
		t.Errorf("%q", lines)
	}
}

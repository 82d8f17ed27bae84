package main

import (
	"strings"
	"testing"
	"time"
)

// run20 are runs of 1 to 20 s, each half of it in the exporter.
func run20() []outcome {
	began := time.Unix(1_700_000_000, 0)
	var outcomes []outcome
	for i := range 20 {
		whole := time.Duration(20-i) * time.Second
		outcomes = append(outcomes, outcome{
			kind: kinds()[0].name, paged: true, began: began, evident: began.Add(whole/2 - whole/40), sensed: began.Add(whole / 2), fired: began.Add(whole / 2), received: began.Add(whole),
		})
	}
	return outcomes
}

func TestTables(t *testing.T) {
	t.Parallel()
	got := string(document("2 cores", run20()))
	for _, want := range []string{
		"20 attacks on 2 cores.",
		"| known name in `/tmp` | 20 | 1.00 | 10.00 | 19.00 | 20.00 |\n",
		"| all | 20 | 1.00 | 10.00 | 19.00 | 20.00 |\n",
		"| the exporter finds it | 20 | 0.50 | 5.00 | 9.50 | 10.00 |\n",
		"| known name in `/tmp` | 20 | 0.03 | 0.25 | 0.47 | 0.50 |\n",
		"| scrape and evaluation | 20 | 0.00 | 0.00 | 0.00 | 0.00 |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in\n%s", want, got)
		}
	}
}

func TestConclusion(t *testing.T) {
	t.Parallel()
	late := run20()
	for i := range 2 { // of 20: more than 5 %
		late[i].received = late[i].began.Add(46 * time.Second)
	}
	slow := run20()
	for i := range 2 {
		slow[i].evident = slow[i].sensed.Add(-2 * time.Second)
	}
	silent := append(run20(), outcome{kind: "unheard of"})
	for name, test := range map[string]struct {
		outcomes []outcome
		short    bool
		code     int
		says     string
	}{
		"in time":        {run20(), false, exitGood, "Goal met: p95 from execve(2) to the page is 19.00 s"},
		"too late":       {late, false, exitBad, "Goal not met: p95 from execve(2) to the page is 46.00 s"},
		"found late":     {slow, false, exitBad, "Goal not met: p95 from execve(2) to the finding is 2.00 s"},
		"late, short":    {late, true, exitGood, "Each attack was paged for"},
		"no page":        {silent, false, exitBad, `nobody was paged for "unheard of"`},
		"no page, short": {silent, true, exitBad, `nobody was paged for "unheard of"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			if code := conclude(&out, test.outcomes, test.short); code != test.code || !strings.Contains(out.String(), test.says) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, test.code, test.says, &out)
			}
		})
	}
}

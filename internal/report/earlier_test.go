package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// quietAgain is the incident, the morning after.
func quietAgain() Report {
	r := idle()
	r.Now = noon().Add(8 * time.Hour)
	for _, finding := range incident().Findings.Active[:3] {
		if finding.Suspect != nil {
			suspect := *finding.Suspect
			suspect.Running, suspect.PIDs, suspect.Instances = false, nil, 0
			finding.Suspect = &suspect
		}
		r.History = append(r.History, model.Ended{Finding: finding, At: noon().Add(10 * time.Minute), Times: 1})
	}
	r.History[0].Times = 3
	return r
}

// TestEarlier: who looks in the morning reads what was there, when, who kept it alive and how it came in.
func TestEarlier(t *testing.T) {
	t.Parallel()
	body := get(NewPage(servedTo(Full, quietAgain), "/metrics"), "GET", "/").Body.String()
	_, section, found := strings.Cut(body, ">Earlier</h2>")
	if !found {
		t.Fatalf("no section:\n%s", body)
	}
	for _, want := range []string{
		"/tmp/kdevtmpfsi (pid 4711, user flink) is a miner or belongs to one", "Seen 3 times from 2026-11-23 10:30:00 UTC to 2026-11-23 12:00:00 UTC (8 h ago).",
		"/var/tmp/kinsing (pid 812, user flink), its parent, started it 7 times", "flink on 0.0.0.0:8081 (java, pid 100)", "<dt>respawns</dt><dd>7</dd>", "31400 s in all",
		"Seen from 2026-11-23 10:30:00 UTC", "/runbooks/CryptojackMinerFound",
	} {
		if !strings.Contains(section, want) {
			t.Errorf("%q is missing:\n%s", want, section)
		}
	}
	if word, _ := Headline(quietAgain()); word != "ok" {
		t.Errorf("what is over makes the verdict %s", word)
	}
}

func TestHistoryAsJSON(t *testing.T) {
	t.Parallel()
	for _, audience := range []Audience{Full, Public} {
		body := get(NewFindingsHandler(servedTo(audience, quietAgain)), "GET", "/api/v1/findings").Body.Bytes()
		var told struct {
			Findings []any
			History  []struct {
				Ended   time.Time
				Times   int
				Finding struct {
					ID      string
					Remedy  []string
					Suspect struct{ Guardian, Entry, Ancestors any }
				}
			}
		}
		if err := json.Unmarshal(body, &told); err != nil {
			t.Fatal(err)
		}
		if len(told.Findings) != 0 || len(told.History) != 3 {
			t.Fatalf("%d findings, %d ended", len(told.Findings), len(told.History))
		}
		first := told.History[0]
		if !first.Ended.Equal(noon().Add(10*time.Minute)) || first.Times != 3 || len(first.Finding.Remedy) != 0 || first.Finding.Suspect.Guardian == nil || first.Finding.Suspect.Entry == nil {
			t.Errorf("%+v", first)
		}
		if ancestors := fmt.Sprint(first.Finding.Suspect.Ancestors); (ancestors == "[]") != (audience == Public) {
			t.Errorf("the %s is told of ancestors %s", audience, ancestors)
		}
	}
}

func TestManyEndedAreCut(t *testing.T) {
	t.Parallel()
	r := quietAgain()
	for range 30 {
		r.History = append(r.History, r.History[2])
	}
	body := get(NewPage(servedTo(Full, func() Report { return r }), "/metrics"), "GET", "/").Body.String()
	if !strings.Contains(body, "and 13 more, in the") {
		t.Error("what is not shown is not counted")
	}
}

// TestHistoryNote: that something is missing is said where it is missed; anybody is told that, and the path only whoever may know.
func TestHistoryNote(t *testing.T) {
	t.Parallel()
	r := idle()
	r.HistoryNote = "/var/lib/x/state-a.json cannot be used\x1b."
	for _, audience := range []Audience{Full, Public} {
		body := get(NewPage(servedTo(audience, func() Report { return r }), "/metrics"), "GET", "/").Body.String()
		document := get(NewFindingsHandler(servedTo(audience, func() Report { return r })), "GET", "/api/v1/findings").Body.String()
		for _, out := range []string{body, document} {
			if strings.Contains(out, "state-a.json cannot be used") != (audience == Full) || strings.Contains(out, "exporter's log says why") == (audience == Full) && out == document || strings.Contains(out, "\x1b") {
				t.Errorf("the %s reads:\n%s", audience, out)
			}
		}
	}
}

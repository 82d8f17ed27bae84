package report

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// manyThings is the incident with everything else that a plan may be about.
func manyThings() Report {
	r := incident()
	line := &model.PersistenceEntry{
		Kind: model.PersistenceUserCrontab, Path: "/var/spool/cron/crontabs/flink", Line: 3, Owner: "flink", User: "flink",
		Command: "/var/tmp/kinsing", Reason: "suspect", FileHash: strings.Repeat("a", 64),
	}
	unit := &model.PersistenceEntry{Kind: "systemd", Path: "/etc/systemd/system/x.service", Unit: "x.service", Reason: "temp"}
	copied := r.Snapshot.Files.Files[0] // of the miner, which its own card removes
	hidden := warned().Findings.Active[0]
	r.Findings.Active = append(
		r.Findings.Active,
		model.Finding{ID: "line", Rule: rules.PersistenceEntry, Severity: model.Critical, Title: "A line starts a miner", Persistence: line},
		model.Finding{ID: "unit", Rule: rules.PersistenceEntry, Severity: model.Warning, Title: "A unit runs from /tmp", Persistence: unit},
		model.Finding{ID: "copy", Rule: rules.SuspiciousFile, Severity: model.Warning, Title: "A miner's file lies in /tmp", File: &copied},
		hidden,
		model.Finding{ID: "cpu", Rule: rules.CPUUnattributed, Severity: model.Warning, Title: "Nobody owns CPU time"},
	)
	return r
}

// cardSteps are all steps of the page, from its top to its bottom.
func cardSteps(v *view) []numberedStep {
	all := v.First
	for _, cards := range [][]card{v.Suspects, v.Entries, v.Files, v.Exposed, v.Others} {
		for i := range cards {
			all = append(all, cards[i].Steps...)
		}
	}
	return append(all, v.Last...)
}

// TestCardsSayWhatThePlanSays: the page arranges the plan, and changes nothing in it.
func TestCardsSayWhatThePlanSays(t *testing.T) {
	t.Parallel()
	mutual := incident()
	mutual.Findings.Active[1].Suspect.Guardian = &model.Guardian{Relation: model.RelationAncestor, PID: 4711, Exe: "/tmp/kdevtmpfsi"}
	contained := incident()
	for i := range 2 {
		contained.Findings.Active[i].Suspect.Process.ContainerID = "3f9a1c"
	}
	entryFirst := incident()
	entryFirst.Findings.Active[0].Suspect.Guardian = &model.Guardian{Relation: model.RelationParent, PID: 100, Exe: "/usr/lib/jvm/bin/java"}
	noService := incident()
	noService.Findings.Active = noService.Findings.Active[:2]
	for name, r := range map[string]Report{
		"incident": incident(), "warned": warned(), "many things": manyThings(), "each keeps the other": mutual, "in a container": contained,
		"the service starts it": entryFirst, "a service without a finding": noService, "idle": idle(), "unknown": unknown(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newView(r, "/metrics")
			steps := cardSteps(&v)
			said := map[string]int{}
			for i, step := range steps {
				if step.Number != i+1 {
					t.Errorf("step %d stands where step %d should be: %s", step.Number, i+1, step.Title)
				}
				for command := range strings.SplitSeq(step.Command, "\n") {
					said[command]++
				}
			}
			if len(steps) != v.Steps {
				t.Errorf("%d steps, and the page speaks of %d", len(steps), v.Steps)
			}
			for _, step := range Plan(r) {
				for command := range strings.SplitSeq(step.Command, "\n") {
					if said[command] != 1 && command != "" && !strings.Contains(command, "kill -9") {
						t.Errorf("%q is said %d times", command, said[command])
					}
				}
			}
			for _, pid := range []string{"812", "4711"} {
				kills := 0
				for command := range said {
					if strings.Contains(command, "kill -9") && strings.Contains(command, pid) {
						kills++
					}
				}
				want := 1
				if len(r.suspects()) == 0 {
					want = 0
				}
				if kills != want {
					t.Errorf("pid %s is ended %d times", pid, kills)
				}
			}
		})
	}
}

func TestOrderOfCards(t *testing.T) {
	t.Parallel()
	v := newView(manyThings(), "/metrics")
	if len(v.Suspects) != 2 || !strings.HasPrefix(v.Suspects[0].Title, "/var/tmp/kinsing") {
		t.Fatalf("the guardian is not the first: %+v", v.Suspects)
	}
	var titles []string
	for _, step := range cardSteps(&v) {
		titles = append(titles, step.Title)
	}
	want := []string{
		"Keep the evidence, before anything is stopped.",
		"Switch off what starts it again by itself.",
		"Stop it first: it starts /tmp/kdevtmpfsi again.", "Remove what it left.",
		"Stop it.", "Remove what it left.",
		"Ask whoever looks after this host: this is only a warning. If nobody knows it, switch it off.",
		"Ask its owner: this is only a warning. If nobody knows it:",
		"Close the service that it came in by: flink on 0.0.0.0:8081. Set `rest.bind-address: localhost` in Flink's configuration and restart it.",
		unattributedSteps()[0].Title, unattributedSteps()[1].Title,
	}
	if strings.Join(titles, "\n") != strings.Join(want, "\n") {
		t.Errorf("steps:\n%s", strings.Join(titles, "\n"))
	}
	if line := v.Entries[slices.IndexFunc(v.Entries, func(c card) bool { return c.finding.ID == "line" })]; line.See != 2 || len(line.Steps) > 0 {
		t.Errorf("the line that starts the miner is switched off in step 2; its card says %d, %v", line.See, line.Steps)
	}
	if file := v.Files[0]; file.See != 6 || len(file.Steps) > 0 {
		t.Errorf("the file of the miner goes in step 6; its card says %d, %v", file.See, file.Steps)
	}
}

// TestFloodedCards: the page says how much had no room.
func TestFloodedCards(t *testing.T) {
	t.Parallel()
	v := newView(flooded(), "/metrics")
	if len(v.Suspects) != maxShown || v.MoreSuspects == 0 || len(v.Files) > maxShown+1 {
		t.Errorf("%d suspects and %d more, %d files", len(v.Suspects), v.MoreSuspects, len(v.Files))
	}
	if last := v.Last[len(v.Last)-1].Title; !strings.Contains(last, "had no room here") {
		t.Errorf("the last step is %q", last)
	}
}

// TestReload: a page takes nothing away from whoever reads it.
func TestReload(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, path string
		show       func() Report
		want       string
	}{
		{"a miner", "/", incident, ""},
		{"quiet", "/", idle, ""},
		{"asked for", "/?again", incident, "15"},
		{"before the first sample", "/", unknown, "3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			out := httptest.NewRecorder()
			NewPage(servedTo(Full, test.show), "/metrics").ServeHTTP(out, httptest.NewRequest(http.MethodGet, test.path, nil))
			if got := out.Header().Get("Refresh"); got != test.want || strings.Contains(out.Body.String(), "http-equiv") {
				t.Errorf("Refresh: %q", got)
			}
		})
	}
}

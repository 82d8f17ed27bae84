package events

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func miner(change func(*model.Finding)) model.Finding {
	f := model.Finding{
		ID: "miner", Rule: "runs_from_temp", Severity: model.Critical, FirstSeen: noon, LastSeen: noon,
		Suspect: &model.Suspect{
			ID: "6e25ad03103a", Running: true, PIDs: []int{4711}, Process: model.Process{Identity: model.Identity{PID: 4711, StartTime: 9}},
			Signals: []model.Signal{{Rule: "runs_from_temp"}, {Rule: "sustained_cpu"}},
		},
	}
	if change != nil {
		change(&f)
	}
	return f
}

func words(happened []Event) []string {
	out := []string{}
	for _, e := range happened {
		words := fmt.Sprintf("%s %s", e.Action, e.Finding.ID)
		if len(e.Changes) > 0 {
			words += fmt.Sprintf(" %v was %s", e.Changes, e.Before)
		}
		out = append(out, words)
	}
	return out
}

// TestFollower: each step is one evaluation, some seconds after the one before.
func TestFollower(t *testing.T) {
	t.Parallel()
	f := New()
	at := noon
	for _, step := range []struct {
		name   string
		after  time.Duration
		active []model.Finding
		want   []string
	}{
		{"nothing", 0, nil, nil},
		{"a note is no event", time.Second, []model.Finding{{ID: "note", Severity: model.Info}}, nil},
		{"a finding", time.Second, []model.Finding{miner(nil), {ID: "note", Severity: model.Info}}, []string{"raised miner"}},
		{"it stays", time.Second, []model.Finding{miner(func(f *model.Finding) { f.LastSeen, f.Suspect.CPUSeconds = noon.Add(time.Hour), 9 })}, nil},
		{"a guardian is found, soon after", time.Second, []model.Finding{miner(func(f *model.Finding) { f.Suspect.Guardian = &model.Guardian{PID: 812} })}, nil},
		{
			"the guardian is told a minute later, with what else has changed", time.Minute,
			[]model.Finding{miner(func(f *model.Finding) {
				f.Suspect.Guardian, f.Suspect.Running = &model.Guardian{PID: 812}, false
			})},
			[]string{"changed miner [process guardian] was critical"},
		},
		{"the note gets worse", time.Second, []model.Finding{{ID: "note", Severity: model.Warning}}, []string{"raised note", "ended miner"}},
		{"and worse, which is told at once", time.Second, []model.Finding{{ID: "note", Severity: model.Critical}}, []string{"changed note [severity] was warning"}},
		{
			"what falls to a note has changed", time.Second,
			[]model.Finding{{ID: "note", Severity: model.Info, Exemption: model.ExemptAllowList}},
			[]string{"changed note [severity exemption] was critical"},
		},
		{"all is over", time.Second, nil, []string{"ended note"}},
		{"it comes back", time.Second, []model.Finding{miner(nil)}, []string{"raised miner"}},
	} {
		at = at.Add(step.after)
		got := words(f.Next(&model.Findings{Time: at, Active: step.active}, &model.Snapshot{}))
		if diff := cmp.Diff(append([]string{}, step.want...), got); diff != "" {
			t.Errorf("%s: %s", step.name, diff)
		}
	}
}

// TestRespawnsAreBounded: a miner that comes back each second is told once in a minute.
func TestRespawnsAreBounded(t *testing.T) {
	t.Parallel()
	f, told := New(), 0
	for second := range 600 {
		told += len(f.Next(&model.Findings{Time: noon.Add(time.Duration(second) * time.Second), Active: []model.Finding{miner(func(f *model.Finding) {
			f.Suspect.Process.PID = 5000 + second
		})}}, &model.Snapshot{}))
	}
	if told != 10 {
		t.Errorf("%d events in ten minutes, want 10", told)
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	finding := miner(nil)
	owner := finding.Suspect.Process.Identity
	s := &model.Snapshot{
		Processes: &model.ProcessSnapshot{BootID: "boot", Processes: []*model.Process{{Identity: owner}}},
		Sockets:   &model.SocketSnapshot{},
	}
	for i := range 40 {
		s.Sockets.Connections = append(s.Sockets.Connections, model.Connection{
			Owner: owner, Remote: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.7"), uint16(3333+i)), Outbound: i%2 == 0,
		})
	}
	happened := f(t, s, finding)
	if len(happened) != 1 || happened[0].BootID != "boot" || len(happened[0].Connections) != maxConnections {
		t.Fatalf("%+v", happened)
	}
	if slices.ContainsFunc(happened[0].Connections, func(c model.Connection) bool { return !c.Outbound }) {
		t.Error("a connection that came in is told")
	}
}

func f(t *testing.T, s *model.Snapshot, findings ...model.Finding) []Event {
	t.Helper()
	return New().Next(&model.Findings{Time: noon, Active: findings}, s)
}

// TestOrder: what has ended comes last, in an order that does not change from run to run.
func TestOrder(t *testing.T) {
	t.Parallel()
	follower := New()
	var many []model.Finding
	for i := range 50 {
		many = append(many, model.Finding{ID: fmt.Sprintf("%02d", i), Severity: model.Warning})
	}
	follower.Next(&model.Findings{Time: noon, Active: many}, &model.Snapshot{})
	got := words(follower.Next(&model.Findings{Time: noon.Add(time.Second), Active: []model.Finding{miner(nil)}}, &model.Snapshot{}))
	if got[0] != "raised miner" || !slices.IsSorted(got[1:]) || len(got) != 51 {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

package history

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/events"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// restarted is a keeper that goes on with what another one kept.
func restarted(n *night, at int, active ...model.Finding) *night {
	remembered, ended := n.keeper.Kept(active)
	next := newNight()
	next.keeper.Restore(remembered, ended, minute(at), 10*time.Minute)
	return next
}

func TestRestart(t *testing.T) {
	t.Parallel()
	n := newNight()
	gone := finding("file:/tmp/gone", model.Warning, 0)
	n.look(0, miner(0, 0), gone, finding("a", model.Critical, 0), finding("note", model.Info, 0))
	lowered := finding("a", model.Warning, 0)
	n.look(5, miner(0, 5), gone, lowered)
	n.look(6, miner(0, 5), gone, lowered, finding("over", model.Warning, 6))
	n.look(7, miner(0, 5), gone, lowered)

	n = restarted(n, 60, miner(0, 5), gone, lowered, finding("note", model.Info, 0))
	if list := n.keeper.Ended(); len(list) != 1 || list[0].Finding.ID != "over" {
		t.Fatalf("%+v", list)
	}
	before, ok := n.keeper.Before("suspect:aa")
	if !ok || !before.FirstSeen.Equal(minute(0)) || before.Respawns != 4 {
		t.Errorf("%v %+v", ok, before)
	}
	if before, ok = n.keeper.Before("note"); !ok || !before.FirstSeen.Equal(minute(0)) {
		t.Errorf("a note: %v %+v", ok, before)
	}
	n.look(61, miner(0, 61), lowered)
	n.look(65)
	list := n.keeper.Ended()
	if len(list) != 3 || list[1].Finding.Severity != model.Critical && list[0].Finding.Severity != model.Critical {
		t.Errorf("what was critical before the restart is not any more: %+v", list)
	}
	n.look(71)
	list = n.keeper.Ended()
	if len(list) != 4 {
		t.Fatalf("%d have ended", len(list))
	}
	if last := list[3]; last.Finding.ID != "file:/tmp/gone" || !last.At.Equal(minute(0)) {
		t.Errorf("what ended meanwhile, by when it was seen last: %+v", last)
	}
	if _, ok := n.keeper.Before("note"); ok {
		t.Error("a note is remembered for ever")
	}
	// Again, with the same.
	if again := restarted(n, 100).keeper.Ended(); fmt.Sprint(len(again), again[3].At) != fmt.Sprint(4, list[3].At) {
		t.Errorf("%+v", again)
	}
}

// TestWaitingOutlivesAnotherRestart: two restarts within the time lose nothing.
func TestWaitingOutlivesAnotherRestart(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.look(0, miner(0, 0))
	n = restarted(restarted(n, 1, miner(0, 0)), 2)
	if _, ok := n.keeper.Before("suspect:aa"); !ok {
		t.Error("it is forgotten")
	}
	n.look(20)
	if list := n.keeper.Ended(); len(list) != 1 || list[0].Finding.ID != "suspect:aa" {
		t.Errorf("%+v", list)
	}
}

// TestForgedPast: whatever was written there, it is within its bounds and of the past.
func TestForgedPast(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\x1b\u202e", 5000)
	forged := miner(0, 0)
	forged.Title, forged.Evidence, forged.Technique = long, []string{long, long}, long
	forged.FirstSeen, forged.LastSeen = minute(1_000_000), minute(2_000_000)
	suspect := *forged.Suspect
	suspect.CPUSeconds, suspect.Respawns, suspect.PIDs, suspect.Running = math.NaN(), math.MaxUint64, make([]int, 1<<16), true
	suspect.Process.Exe, suspect.Process.SHA256 = long, long
	suspect.Process.Ancestors = make([]model.Ancestor, 1<<12)
	suspect.Signals = []model.Signal{{Rule: "no rule"}, {Rule: forged.Rule, Evidence: long}}
	suspect.Entry = &model.Entry{Run: &model.Submission{Time: time.Unix(1<<60, 0)}}
	suspect.Process.Started = time.Unix(1<<60, 0)
	forged.Suspect = &suspect

	noRule, noSeverity, note, noTime := forged, forged, forged, forged
	noRule.ID, noRule.Rule = "rule", "no rule"
	noSeverity.ID, noSeverity.Severity = "severity", "grave"
	note.ID, note.Severity = "note", model.Info
	noTime.ID, noTime.FirstSeen, noTime.LastSeen = "time", time.Time{}, time.Time{}
	var ended []model.Ended
	var active []model.Remembered
	for _, f := range []model.Finding{forged, noRule, noSeverity, note, noTime} {
		ended = append(ended, model.Ended{Finding: f, At: minute(3_000_000), Times: math.MinInt})
		active = append(active, model.Remembered{ID: "active:" + f.ID, FirstSeen: f.FirstSeen, LastSeen: f.LastSeen, Respawns: math.MaxUint64, Finding: &f})
	}
	for i := range 10_000 {
		active = append(active, model.Remembered{ID: fmt.Sprint(i), FirstSeen: minute(0), LastSeen: minute(0)})
	}
	k := New()
	k.Restore(active, ended, minute(0), 0)
	list := k.Ended()
	if len(list) != 1 {
		t.Fatalf("%+v", list)
	}
	over := list[0]
	f, s := over.Finding, over.Finding.Suspect
	for name, at := range map[string]time.Time{"first seen": f.FirstSeen, "last seen": f.LastSeen, "ended": over.At} {
		if !at.Equal(minute(0)) {
			t.Errorf("%s at %s", name, at)
		}
	}
	if over.Times != 1 || s.CPUSeconds != 0 || s.Respawns > maxCount || s.Running || s.PIDs != nil || len(s.Process.Ancestors) > maxAncestors || len(s.Signals) != 1 {
		t.Errorf("%d times, %+v", over.Times, s)
	}
	for _, text := range []string{f.Title, f.Technique, f.Evidence[0], s.Process.Exe, s.Process.SHA256, s.Signals[0].Evidence} {
		if len(text) > maxText || strings.ContainsAny(text, "\x1b\u202e") || !utf8.ValidString(text) {
			t.Errorf("%q", text)
		}
	}
	if len(k.before) > maxActive {
		t.Errorf("%d are remembered", len(k.before))
	}
	before, ok := k.Before("active:" + forged.ID)
	if !ok || !before.FirstSeen.Equal(minute(0)) || before.Respawns > maxCount || before.Finding == nil {
		t.Errorf("%+v", before)
	}
	if before, ok = k.Before("active:rule"); !ok || before.Finding != nil {
		t.Errorf("%+v", before)
	}
	k.Note([]events.Event(nil), minute(1))
	if list = k.Ended(); len(list) != 2 {
		t.Errorf("%d have ended", len(list))
	}
}

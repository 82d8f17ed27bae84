package history

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/events"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

var midnight = time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)

func minute(n int) time.Time { return midnight.Add(time.Duration(n) * time.Minute) }

// night plays evaluations, one a minute, through the follower of events.
type night struct {
	events *events.Follower
	keeper *Keeper
}

func newNight() *night { return &night{events.New(), New()} }

func (n *night) look(at int, found ...model.Finding) {
	n.keeper.Note(n.events.Next(&model.Findings{Time: minute(at), Active: found}, &model.Snapshot{Time: minute(at)}), minute(at))
}

func finding(id string, severity model.Severity, first int) model.Finding {
	return model.Finding{ID: id, Rule: rules.KnownMinerName, Severity: severity, Title: id + " is " + string(severity), FirstSeen: minute(first), LastSeen: minute(first)}
}

func miner(first, last int) model.Finding {
	f := finding("suspect:aa", model.Critical, first)
	f.LastSeen = minute(last)
	f.Suspect = &model.Suspect{
		ID: "aa", Running: true, PIDs: []int{7}, Instances: 1, Respawns: 4, CPUSeconds: 100, Guardian: &model.Guardian{Relation: model.RelationParent, PID: 5, Exe: "/var/tmp/kinsing"},
		Entry: &model.Entry{App: "flink", Port: 8081}, Process: model.Process{Exe: "/tmp/x", Argv: []string{"/tmp/x", "--password=hunter2"}, Cores: 4},
	}
	return f
}

func TestWhatEndsStays(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.look(0, miner(0, 0))
	n.look(30, miner(0, 20))
	if list := n.keeper.Ended(); len(list) != 0 {
		t.Errorf("it has not ended: %+v", list)
	}
	n.look(31)
	list := n.keeper.Ended()
	if len(list) != 1 {
		t.Fatalf("%d have ended", len(list))
	}
	over := list[0]
	if !over.At.Equal(minute(31)) || over.Times != 1 || !over.Finding.FirstSeen.Equal(minute(0)) || !over.Finding.LastSeen.Equal(minute(20)) {
		t.Errorf("%+v", over)
	}
	s := over.Finding.Suspect
	if s == nil || s.Guardian == nil || s.Guardian.Exe != "/var/tmp/kinsing" || s.Entry == nil || s.Entry.App != "flink" || s.Respawns != 4 || s.Running || s.PIDs != nil || s.Process.Cores != 0 {
		t.Errorf("%+v", s)
	}
	if strings.Contains(fmt.Sprint(s.Process.Argv), "hunter2") {
		t.Errorf("a password is kept: %q", s.Process.Argv)
	}
	// It comes back and ends again: once in the list, with its first time.
	n.look(60, miner(60, 60))
	n.look(90)
	if list = n.keeper.Ended(); len(list) != 1 || list[0].Times != 2 || !list[0].Finding.FirstSeen.Equal(minute(0)) || !list[0].At.Equal(minute(90)) {
		t.Errorf("%+v", list)
	}
}

func TestWorstSeverityStays(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.look(0, finding("a", model.Warning, 0), finding("note", model.Info, 0))
	n.look(1, finding("a", model.Critical, 0))
	n.look(2, finding("a", model.Info, 0))
	n.look(3)
	list := n.keeper.Ended()
	if len(list) != 1 || list[0].Finding.Severity != model.Critical || list[0].Finding.Title != "a is critical" {
		t.Errorf("%+v", list)
	}
	// Less severe the second time, it is still what it was.
	n.look(4, finding("a", model.Warning, 4))
	n.look(5)
	if list = n.keeper.Ended(); len(list) != 1 || list[0].Finding.Severity != model.Critical || list[0].Times != 2 {
		t.Errorf("%+v", list)
	}
}

// TestBounded: whoever makes files without end does not push the miner out, nor fill the memory.
func TestBounded(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.look(0, miner(0, 0))
	long := strings.Repeat("\u00e9", 4000)
	for i := range 300 {
		f := finding(fmt.Sprintf("file:%d:%s", i, long[:4000]), model.Warning, i)
		f.Evidence = []string{long, long, long, long, long, long, long, long, long, long}
		f.File = &model.File{Path: long, User: long}
		n.look(i+1, f)
	}
	n.look(400)
	list := n.keeper.Ended()
	bytes, found := 0, false
	for i := range list {
		bytes += sizeOf(&list[i].Finding)
		found = found || list[i].Finding.Suspect != nil
		if evidence := strings.Join(list[i].Finding.Evidence, ""); len(evidence) > maxEvidence*maxText {
			t.Errorf("%d bytes of evidence", len(evidence))
		}
	}
	if len(list) > maxEnded || bytes > maxBytes || len(list) < 10 || !found {
		t.Errorf("%d kept, %d bytes, the miner among them: %v", len(list), bytes, found)
	}
	if !strings.HasPrefix(list[0].Finding.ID, "file:299:") {
		t.Errorf("the last is %.20s", list[0].Finding.ID)
	}
	if len(n.keeper.worst) != 0 {
		t.Errorf("%d are remembered that are over", len(n.keeper.worst))
	}
}

package tracker

import (
	"fmt"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// step evaluates a snapshot at a time and tells the tracker.
func step(t *testing.T, tracker *Tracker, s *model.Snapshot, at time.Time) *model.Findings {
	t.Helper()
	s.Time = at
	return tracker.Update(s, evaluate(t, s, policy.Policy{}))
}

func TestFindingOutlivesItsEvidence(t *testing.T) {
	t.Parallel()
	tracker := New(10 * time.Minute)
	miner := process(10, inTemp("/tmp/kdevtmpfsi"))
	raised := model.RuleSeverity{Rule: rules.KnownMinerName, Severity: model.Critical}

	first := step(t, tracker, snapshotOf(miner), noon)
	if first.Verdict() != model.Critical || first.Raised[raised] != 1 {
		t.Fatalf("%+v", first)
	}
	gone := step(t, tracker, snapshotOf(), noon.Add(9*time.Minute))
	if gone.Verdict() != model.Critical || gone.Active[0].Suspect.Running || len(gone.Active[0].Suspect.PIDs) != 0 {
		t.Errorf("after the end: %+v", gone.Active)
	}
	back := process(11, inTemp("/tmp/other"))
	back.SHA256, back.Comm = miner.SHA256, "kdevtmpfsi"
	again := step(t, tracker, snapshotOf(back), noon.Add(9*time.Minute+time.Second))
	if len(again.Active) != 1 || !again.Active[0].FirstSeen.Equal(noon) || again.Active[0].Suspect.Process.PID != 11 || again.Raised[raised] != 1 {
		t.Errorf("a respawn is another finding: %+v", again)
	}
	if over := step(t, tracker, snapshotOf(), noon.Add(20*time.Minute)); len(over.Active) != 0 || over.Verdict() != "" {
		t.Errorf("after the hold: %+v", over.Active)
	}
	if third := step(t, tracker, snapshotOf(miner), noon.Add(21*time.Minute)); third.Raised[raised] != 2 {
		t.Errorf("raised %d times, want 2", third.Raised[raised])
	}
}

func TestSeverityFallsOnlyAfterTheHold(t *testing.T) {
	t.Parallel()
	tracker := New(10 * time.Minute)
	idle := process(10, inTemp("/tmp/tool"))
	burning := process(10, all(inTemp("/tmp/tool"), func(p *model.Process) { p.Cores = 2 }))
	for _, test := range []struct {
		process *model.Process
		minute  int
		want    model.Severity
	}{
		{idle, 0, model.Warning},
		{burning, 1, model.Critical},
		{idle, 2, model.Critical},
		{idle, 10, model.Critical},
		{idle, 12, model.Warning},
	} {
		got := step(t, tracker, snapshotOf(test.process), noon.Add(time.Duration(test.minute)*time.Minute))
		if got.Verdict() != test.want {
			t.Errorf("minute %d: %s, want %s", test.minute, got.Verdict(), test.want)
		}
	}
}

func TestSuspectCountersNeverGoBack(t *testing.T) {
	t.Parallel()
	tracker := New(time.Hour)
	hash := process(10, nil).SHA256
	last := model.Suspect{}
	for i, used := range []float64{5, 7, 7, 1, 4} { // the fourth is another instance
		p := process(10, inTemp("/tmp/kdevtmpfsi"))
		p.CPUSeconds = used
		if i >= 3 {
			p.StartTime = 999
		}
		s := snapshotOf(p)
		s.Processes.Respawns[hash] = model.Respawn{Count: []uint64{1, 2, 0, 0, 1}[i]} // forgotten in between
		got := *step(t, tracker, s, noon.Add(time.Duration(i)*time.Second)).Active[0].Suspect
		if got.CPUSeconds < last.CPUSeconds || got.Respawns < last.Respawns {
			t.Errorf("step %d: from %v s and %d to %v s and %d", i, last.CPUSeconds, last.Respawns, got.CPUSeconds, got.Respawns)
		}
		last = got
	}
	if last.CPUSeconds != 11 || last.Respawns != 3 {
		t.Errorf("in the end %v s and %d respawns, want 11 and 3", last.CPUSeconds, last.Respawns)
	}
}

func TestGuardianStaysKnown(t *testing.T) {
	t.Parallel()
	tracker := New(time.Hour)
	s := incident()
	step(t, tracker, s, noon)
	s.Processes.Processes = append(s.Processes.Processes[:2:2], s.Processes.Processes[3]) // the guardian was killed
	s.Processes.Processes[2].Parent = nil
	s.Sockets = nil
	for _, f := range step(t, tracker, s, noon.Add(time.Second)).Active {
		if f.Suspect != nil && f.Suspect.Process.PID == 300 && (f.Suspect.Guardian == nil || f.Suspect.Entry == nil) {
			t.Errorf("guardian %+v, entry %+v", f.Suspect.Guardian, f.Suspect.Entry)
		}
	}
}

// TestFileThatRunsIsNoIdleFile: the scan may come before the process sample that
// shows the program; what it said then is over at once.
func TestFileThatRunsIsNoIdleFile(t *testing.T) {
	t.Parallel()
	tracker := New(DefaultHold)
	file := model.File{Path: "/tmp/kdevtmpfsi", Directory: "/tmp", Reason: model.FileKnownMiner, KnownMiner: true}
	look := func(at time.Time) int {
		s := &model.Snapshot{Time: at, Files: &model.FileSnapshot{Files: []model.File{file}}}
		return len(tracker.Update(s, evaluate(t, s, policy.Policy{})).Active)
	}
	if got := look(noon); got != 1 {
		t.Fatalf("%d findings, want the file", got)
	}
	file.Reason = model.FileRunning
	if got := look(noon.Add(time.Second)); got != 0 {
		t.Errorf("%d findings about a file that is said not to run and does", got)
	}
}

// TestHeldFindingsAreBounded: a flood of findings that are gone at the next sample displaces no worse one, nor what is there.
func TestHeldFindingsAreBounded(t *testing.T) {
	t.Parallel()
	tracker := New(10 * time.Minute)
	flood := func(round int, at time.Time) []model.Finding {
		var found []model.Finding
		for i := range 700 {
			found = append(found, model.Finding{ID: fmt.Sprint(round, "/", i), Rule: rules.RunsFromTemp, Severity: model.Warning, FirstSeen: at, LastSeen: at})
		}
		return found
	}
	worst := model.Finding{ID: "worst", Rule: rules.KnownMinerName, Severity: model.Critical, FirstSeen: noon, LastSeen: noon}
	var last *model.Findings
	for round := range 10 {
		at := noon.Add(time.Duration(round) * time.Second)
		found := flood(round, at)
		if round == 0 {
			found = append(found, worst)
		}
		last = tracker.Update(&model.Snapshot{Time: at, Processes: &model.ProcessSnapshot{}}, found)
	}
	if len(last.Active) != 700+mostHeld || last.Held != (model.Slots{Used: mostHeld, Limit: mostHeld, Refused: 9*700 + 1 - mostHeld}) {
		t.Errorf("%d active, %+v", len(last.Active), last.Held)
	}
	if last.Active[0].ID != "worst" {
		t.Errorf("first is %s", last.Active[0].ID)
	}
	ids := map[string]bool{}
	for i := range last.Active {
		ids[last.Active[i].ID] = true
	}
	if !ids["9/0"] || !ids["8/0"] || ids["0/0"] {
		t.Error("the newest stay, the oldest go")
	}
}

// TestAfterARestart: what was known before is first seen and came back as before, and the counters begin at 0.
func TestAfterARestart(t *testing.T) {
	t.Parallel()
	s := incident()
	found := evaluate(t, s, policy.Policy{})
	known := found[0].ID
	first := noon.Add(-48 * time.Hour)
	tracker := New(DefaultHold).After(func(id string) (model.Remembered, bool) {
		return model.Remembered{ID: id, FirstSeen: first, Respawns: 100}, id == known
	})
	for range 2 {
		for _, f := range tracker.Update(s, evaluate(t, s, policy.Policy{})).Active {
			want, before := noon, uint64(0)
			if f.ID == known {
				want, before = first, 100
			}
			if !f.FirstSeen.Equal(want) || f.Suspect != nil && (f.Suspect.RespawnsBefore != before || f.Suspect.Respawns > 14) {
				t.Errorf("%s first seen %s, came back %d times before and %d since", f.ID, f.FirstSeen, f.Suspect.RespawnsBefore, f.Suspect.Respawns)
			}
		}
	}
}

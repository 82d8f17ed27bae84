package detect

import (
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/tracker"
)

// under puts the programs of processes under this load.
func under(load model.Load, processes ...*model.Process) *model.Snapshot {
	s := snapshotOf(processes...)
	s.Processes.Loads = map[model.ProgramKey]model.Load{}
	for i := range processes {
		s.Processes.Loads[processes[i].Program()] = load
	}
	return s
}

// gone is the load of a program none of whose processes lives, which was last seen as this one.
func gone(load model.Load, last *model.Process) *model.Snapshot {
	load.Last = last
	s := snapshotOf(process(1, nil))
	s.Processes.Loads = map[model.ProgramKey]model.Load{last.Program(): load}
	return s
}

// fresh is a process that has only just begun.
func fresh(cores float64) func(*model.Process) {
	return func(p *model.Process) {
		p.Cores, p.CoresSpan, p.Started = cores, 4*time.Second, noon.Add(-4*time.Second)
	}
}

// TestLoadOfAllInstances holds that the load is that of a program and user, in however many processes.
func TestLoadOfAllInstances(t *testing.T) {
	t.Parallel()
	randomX := model.MemoryShape{Signature: model.SignatureRandomXFast, KiB: 2_129_920, Exact: true, CompiledKiB: 96}
	opt := at(model.OriginLocal, "/opt/app/worker")
	minute := model.Load{Cores: 1, Span: time.Minute, Living: 1, Ended: 3}
	short := model.Load{Cores: 1, Span: time.Minute, Ended: 600}
	steady := model.Load{Cores: 0.3, Span: time.Minute, ConstantCores: 0.3, ConstantSpan: 10 * time.Minute, Living: 1, Ended: 3}
	small := model.Load{Cores: 0.96, Span: time.Minute, Living: 8}
	var eight []*model.Process
	for pid := range 8 {
		p := process(10+pid, all(opt, resident(randomX)))
		p.SHA256, p.Cores = strings.Repeat("ab", 32), 0.12
		eight = append(eight, p)
	}
	hop := process(10, all(opt, resident(randomX), fresh(1)))
	script := process(10, all(running("/tmp/x.py"), fresh(0.1)))
	for _, test := range []struct {
		name     string
		snapshot *model.Snapshot
		rule     string
		severity model.Severity
		mention  string
		running  bool
	}{
		{"a new process every 20 s", under(minute, hop), rules.RandomXMemory, model.Critical, "It used 1.0 cores over 1 min, in 4 processes, 3 of which have ended.", true},
		{"many short ones, none of which lives", gone(short, process(10, inTemp("/tmp/x"))), rules.RunsFromTemp, model.Critical, "in 600 processes, all of which have ended", false},
		{"installed, none of which lives", gone(short, hop), rules.RandomXMemory, model.Critical, "", false},
		{"eight small ones", under(small, eight...), rules.RandomXMemory, model.Critical, "It used 1.0 cores over 1 min, in 8 processes.", true},
		{"throttled, in new processes", under(steady, hop), rules.RandomXMemory, model.Critical, "It used 0.3 cores in each of the last 10 min, in 4 processes", true},
		{"script, in new processes", under(minute, script), rules.ScriptFromTemp, model.Warning, "It runs the script /tmp/x.py and uses 1.0 cores.", true},
		{"benign: a compile loop", under(short, process(10, fresh(0.5))), rules.SustainedCPU, model.Info, "", true},
		{"benign: a loop of short programs", gone(short, process(10, nil)), rules.SustainedCPU, model.Info, "", false},
		{"benign: a burst", under(model.Load{Cores: 4, Span: 10 * time.Second, Ended: 20}, process(10, fresh(1))), "", "", "", false},
		{"benign: little", gone(model.Load{Cores: 0.3, Span: time.Minute, Ended: 20}, process(10, nil)), "", "", "", false},
		{"little from temp", gone(model.Load{Cores: 0.3, Span: time.Minute, Ended: 20}, process(10, inTemp("/tmp/x"))), rules.RunsFromTemp, model.Warning, "", false},
		{"benign: an idle one beside busy ones", under(minute, process(10, nil)), "", "", "", false},
	} {
		found := evaluate(t, test.snapshot, policy.Policy{})
		if test.rule == "" {
			if len(found) != 0 {
				t.Errorf("%s: %+v", test.name, found[0])
			}
			continue
		}
		if len(found) != 1 || found[0].Rule != test.rule || found[0].Severity != test.severity {
			t.Errorf("%s: %+v", test.name, found)
			continue
		}
		suspect := found[0].Suspect
		if suspect.Running != test.running || test.running != (len(suspect.PIDs) > 0) || test.running != (suspect.Instances > 0) {
			t.Errorf("%s: running %t, pids %v, %d instances", test.name, suspect.Running, suspect.PIDs, suspect.Instances)
		}
		if text := strings.Join(found[0].Evidence, " "); !strings.Contains(text, test.mention) {
			t.Errorf("%s: %q does not mention %q", test.name, text, test.mention)
		}
		if kept := tracker.New(tracker.DefaultHold).Update(test.snapshot, found); kept.Active[0].Suspect.Running != test.running {
			t.Errorf("%s: running later: %t", test.name, !test.running)
		}
	}
}

// TestUsersDoNotAddUp holds that two users' processes of one program are no load together.
func TestUsersDoNotAddUp(t *testing.T) {
	t.Parallel()
	first, second := process(10, nil), process(11, nil)
	first.SHA256, second.SHA256, second.UID = strings.Repeat("cd", 32), strings.Repeat("cd", 32), 1001
	first.Cores, second.Cores = 0.1, 0.1
	if found := evaluate(t, under(model.Load{Cores: 0.5, Span: time.Minute, Living: 1}, first, second), policy.Policy{}); len(found) != 0 {
		t.Errorf("%+v", found)
	}
}

// TestEndedTakesNoPid holds that a pid which belongs to somebody else by now is nobody's of the suspect.
func TestEndedTakesNoPid(t *testing.T) {
	t.Parallel()
	s := gone(model.Load{Cores: 1, Span: time.Minute, Ended: 9}, process(10, inTemp("/tmp/x")))
	s.Processes.Processes = append(s.Processes.Processes, process(10, func(p *model.Process) { p.StartTime = 777 }))
	found := evaluate(t, s, policy.Policy{})
	if len(found) != 1 || found[0].Suspect.Running || len(found[0].Suspect.PIDs) != 0 {
		t.Errorf("%+v", found)
	}
}

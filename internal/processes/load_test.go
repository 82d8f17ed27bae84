package processes

import (
	"fmt"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/procevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestLoadOutlivesProcesses holds that a program which goes on in a new process every 20 s is under
// the same load all the time, also where the kernel reports no exits.
func TestLoadOutlivesProcesses(t *testing.T) {
	t.Parallel()
	f := newFakeProc(t)
	f.put(fakeProcess{pid: 1, start: 1, comm: "init", exe: "/usr/bin/init"})
	exe := program(t, "worker", "content")
	s := f.sensor()
	sampleAt(t, s, 100)
	var last *model.ProcessSnapshot
	for i := range 14 {
		second := 105 + 5*i
		life := i / 4
		pid, born := 10+life, 100+20*life
		if i%4 == 0 && i > 0 {
			f.remove(pid - 1)
		}
		f.put(fakeProcess{pid: pid, ppid: 1, start: float64(born), comm: "worker", exe: exe, used: float64(second - born)})
		last = sampleAt(t, s, float64(second))
	}
	worker := processOf(t, last, 13)
	load := last.LoadOf(&worker)
	if load.Cores < 0.9 || load.Cores > 1.05 || load.Span.Seconds() < 55 || load.Ended != 2 && load.Ended != 3 || load.Living != 1 || load.Last != nil {
		t.Errorf("%+v", load)
	}
	if worker.Inspection == nil {
		t.Error("the new process is not inspected, though its program is under load")
	}
	for range 2 {
		f.remove(13)
		last = sampleAt(t, s, 180)
	}
	found := last.Loads[worker.Program()]
	if found.Last == nil || found.Last.PID != 13 || found.Last.Exe != exe || found.Living != 0 {
		t.Errorf("after the end of all: %+v", found)
	}
}

// TestLoadOfUnseenProcesses holds that processes which no sample sees alive are a load of their program.
func TestLoadOfUnseenProcesses(t *testing.T) {
	t.Parallel()
	s := newSimulation(t, 7, "tasks")
	s.still = true
	s.sample()
	exe := s.executables[0]
	var last *model.ProcessSnapshot
	for range 70 {
		for range 4 {
			s.nextID++
			pid := s.nextID
			s.now += 2 * traceSlack
			s.living[pid] = &simulated{pid: pid, parent: 1, start: s.now, exe: exe, threads: map[int]int{pid: 200}, used: 200}
			s.tell(procevents.Event{Kind: procevents.Fork, PID: pid, TGID: pid, ParentTGID: 1})
			s.show()
			s.tell(procevents.Event{Kind: procevents.Exec, PID: pid, TGID: pid})
			s.deliver(len(s.queue))
			s.busy += 200
			s.tell(procevents.Event{Kind: procevents.Exit, PID: pid, TGID: pid})
			s.queue = append(s.queue, message{source: model.SourceTaskstats, account: procevents.Account{PID: pid, TGID: pid, Last: true, CPU: 20 * tick, Comm: "x"}})
			s.deliver(len(s.queue))
			delete(s.living, pid)
			s.proc.remove(pid)
		}
		last = s.sample()
	}
	for _, load := range last.Loads {
		if load.Last != nil && load.Last.Exe == exe {
			if load.Ended < 44 || load.Ended > 52 || load.Cores < 0.15 || load.Cores > 0.17 { // 0.8 s in 5 s
				t.Errorf("%+v", load)
			}
			return
		}
	}
	t.Errorf("no load of %s: %+v", exe, last.Loads)
}

// TestTurnsOfInspection holds that a stream of short processes keeps nobody from his turn.
func TestTurnsOfInspection(t *testing.T) {
	t.Parallel()
	f := newFakeProc(t)
	f.put(fakeProcess{pid: 1, start: 1, comm: "init", exe: "/usr/bin/init"})
	s := f.sensor()
	sampleAt(t, s, 100)
	steady := program(t, "steady", "steady")
	decoys := make([]string, 60)
	for i := range decoys {
		decoys[i] = program(t, fmt.Sprintf("decoy%d", i), fmt.Sprintf("decoy %d", i))
	}
	pid := 1000
	for second := 105; second <= 135; second += 5 {
		f.put(fakeProcess{pid: 10, ppid: 1, start: 100, comm: "steady", exe: steady, used: 0.9 * float64(second-100)})
		for i, exe := range decoys { // each lives for one sample, and has used more than a second
			f.remove(pid - len(decoys) + i)
			f.put(fakeProcess{pid: pid + i, ppid: 1, start: float64(second) - 4, comm: "decoy", exe: exe, used: 2})
		}
		pid += len(decoys)
		if last := sampleAt(t, s, float64(second)); processOf(t, last, 10).Inspection != nil {
			return
		}
	}
	t.Error("the steady one was never inspected")
}

// TestOneProgramLeavesTurns holds that many processes of one program leave turns to others.
func TestOneProgramLeavesTurns(t *testing.T) {
	t.Parallel()
	f := newFakeProc(t)
	many := program(t, "many", "many")
	one := program(t, "one", "one")
	for pid := 10; pid < 110; pid++ {
		f.put(fakeProcess{pid: pid, start: 1, comm: "many", exe: many, used: 90})
	}
	f.put(fakeProcess{pid: 500, start: 1, comm: "one", exe: one, used: 30})
	last := sampleAt(t, f.sensor(), 100)
	if processOf(t, last, 500).Inspection == nil {
		t.Error("the other program was not inspected")
	}
	inspected := 0
	for i := range last.Processes {
		if last.Processes[i].Inspection != nil {
			inspected++
		}
	}
	if inspected != inspectedMost {
		t.Errorf("%d were inspected, want %d", inspected, inspectedMost)
	}
}

package processes

import (
	"cmp"
	"slices"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/inspect"
)

// note takes one of the kernel's own notes. They come in order, with exact start times, and say what a program was
// started with, so most of them cost nothing else.
func (f *follower) note(e *taskevents.Event) {
	switch e.Kind {
	case taskevents.Fork:
		f.mu.Lock()
		f.begin(e.PID, e.Parent, e.Start)
		f.mu.Unlock()
	case taskevents.Exec:
		f.noteExec(e)
	case taskevents.Exit:
		f.noteExit(e)
	case taskevents.Gone:
		f.noteGone(e)
	}
}

// noteExec notes that a process runs another program. Only one that is not known yet is looked at in /proc.
func (f *follower) noteExec(e *taskevents.Event) {
	found, resolved := f.known.find(e), false
	if found == nil {
		if found = imageOfPID(f.reader, e.PID); found != nil {
			resolved = true
		} else {
			found = f.known.stale(e)
		}
	}
	process := &f.starting
	*process = model.Process{}
	t := f.begun(e.PID, process)
	process.Comm, process.Argv = e.Name(), f.known.arguments(e.Arguments)
	if t != nil && t.owner != nil && t.owner.uid != e.UID {
		f.mu.Lock()
		f.setUser(t, e.UID)
		t.owner.give(process)
		f.mu.Unlock()
	}
	interest := model.InterestNone
	if found != nil {
		found.give(process)
		if len(process.Argv) > 0 {
			process.Script = inspect.Script(process.Exe, process.Argv, f.reader.Surroundings(e.PID))
		}
		interest = f.watch.lookAt(process, e.Truncated)
	}
	if resolved {
		f.known.learn(e, found, interest)
	}
	execs := 0
	if t != nil {
		execs = f.setProgram(t, found, process, interest)
	}
	if found == nil || interest == model.InterestNone && !found.origin.Suspicious() {
		return
	}
	kept := *process
	f.reactTo(&kept, t, execs, found, interest)
}

// noteExit notes that the last thread of a process has ended. What it used is exact once the kernel has put it away.
func (f *follower) noteExit(e *taskevents.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.traces[e.PID]; t != nil && t.born != 0 && t.born != e.Start {
		f.finish(t) // its end was lost, and the fork of this one
	}
	t := f.traceOf(e.PID)
	if t == nil {
		return
	}
	if t.ending { // two last threads ended at once
		t.cpu = max(t.cpu, e.CPU)
		return
	}
	t.born, t.ending, t.accounted = e.Start, true, true
	t.cpu, t.ended, t.exitCode, t.comm = e.CPU, e.Time, e.ExitCode, e.Name()
	f.setUser(t, e.UID)
	f.ending = append(f.ending, t)
}

func (f *follower) noteGone(e *taskevents.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.traces[e.PID]
	if t == nil || !t.ending || t.born != e.Start {
		return // a sample has counted it
	}
	t.cpu = max(t.cpu, e.CPU)
	f.finish(t)
}

// finishEnding finishes those that have ended, also if the kernel has not put them away. What they use until then shows
// in the time of their parents' children.
func (f *follower) finishEnding() {
	for _, t := range f.ending {
		if f.traces[t.pid] == t {
			f.finish(t)
		}
	}
	if len(f.ending) > 0 {
		slices.SortStableFunc(f.exited, func(a, b *trace) int { return cmp.Compare(a.ended, b.ended) })
	}
	clear(f.ending)
	f.ending = f.ending[:0]
}

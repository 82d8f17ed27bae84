package processes

import (
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/cpu"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/respawn"
)

// countExited counts what the kernel reported of processes that have exited, in the
// order of their end: a guardian may have started many in one interval.
func (s *sample) countExited(exited []*trace) {
	for _, t := range exited {
		if e := s.entryOf(t); e != nil {
			s.countKnown(e, t)
		} else if t.forked {
			s.countUnseen(t)
		}
	}
}

// entryOf returns the entry of a process that a sample has seen, and whose account is still to be counted.
func (s *sample) entryOf(t *trace) *entry {
	for _, e := range s.replaced[t.pid] {
		if t.is(e.process.StartTime) && !e.accounted {
			return e
		}
	}
	if e := s.entries[t.pid]; e != nil && t.is(e.process.StartTime) && !e.accounted {
		return e
	}
	return nil
}

// countKnown claims what a process used after the last sample that saw it. The accounts of its threads add up to
// its whole use only if every thread was followed: that is so if its fork was seen, or if it never had a second
// thread. The rest of any other process is found in its parent's time of children.
func (s *sample) countKnown(e *entry, t *trace) {
	if !t.accounted && !t.forked && e.sample == s.samples && e.process.Threads > 1 {
		return // its first thread has ended, others go on
	}
	if t.execs > 0 && t.image != nil && t.image.differs(e) {
		s.respawns.Leave(&e.instance)
		s.setImage(e, t) // the last sample saw it before its exec
		s.countStart(e, 1)
		e.newImage = false // a fork with its exec counts once
	}
	if t.accounted {
		unseen := e.cpu.Finish(t.cpu.Seconds())
		s.accounts.Claim(s.owner(e), unseen)
		s.creditProgram(e, unseen, false)
		e.accounted = true
	}
	s.exitedAt(e, t)
	s.noteShort(e, t)
}

// differs reports whether a program is another one than the last sample saw.
func (i *image) differs(e *entry) bool {
	if i.Path != e.process.Exe {
		return true
	}
	return e.content != (hostfs.ContentKey{}) && i.Content != e.content
}

// countUnseen counts a process that began and ended between two samples: its
// start, what it used, and its place in the history of its program.
func (s *sample) countUnseen(t *trace) {
	e := &entry{process: &model.Process{}, sample: s.samples, accounted: true, missing: s.round.number, counted: true}
	process := e.process
	process.Identity = model.Identity{PID: t.pid, StartTime: t.startTime()}
	process.Comm, process.Started = t.comm, s.boot.Add(t.born)
	process.Parent = s.ancestors(t.parent)
	e.imageStarted = process.Started
	e.cpu = cpu.NewEnded(t.cpu.Seconds())
	t.owner.give(process)
	if parent := s.livingParent(e); parent != nil {
		process.TTY, process.Session = parent.process.TTY, parent.process.Session // as fork(2) hands them on
	}
	process.Argv, process.Script = t.argv, t.script
	s.setImage(e, t)
	s.countStart(e, uint64(max(1, t.execs)))
	s.accounts.Claim(s.owner(e), e.cpu.Used())
	s.programs.Credit(s.program(e), process, e.cpu.Used(), false)
	s.exitedAt(e, t)
	s.noteShort(e, t)
	if _, taken := s.entries[t.pid]; !taken {
		s.add(e) // it may still be seen as a zombie, until its parent waits for it
		s.seen++
	}
}

// setImage sets the program that a trace knows.
func (s *sample) setImage(e *entry, t *trace) {
	process := e.change()
	process.Origin, e.directory = model.OriginUnreadable, "unreadable"
	if t.image != nil {
		t.image.give(process)
		e.directory = t.image.directory
		content := s.contentOf(t.image, subjectOf(process))
		process.SHA256, process.Content, e.content = content.SHA256, content.Facts, t.image.Content
	}
	process.Comm = t.comm
	e.rename()
}

// countStart counts starts of a program that has ended since.
func (s *sample) countStart(e *entry, starts uint64) {
	owner := s.owner(e)
	s.accounts.Start(owner, starts)
	if s.started(e) {
		s.accounts.Respawn(owner)
	}
}

// exitedAt closes the instance of a process whose end the kernel reported.
func (s *sample) exitedAt(e *entry, t *trace) {
	if e.instance.Recorded() {
		end := respawn.Ending{At: s.now}
		if t.ended != 0 {
			end = respawn.Ending{At: s.boot.Add(t.ended), Known: true, Status: t.exitCode}
		}
		s.respawns.End(&e.instance, end)
	}
	s.ended(e)
}

// forgetExited removes the processes that this sample did not see.
func (s *sample) forgetExited() {
	for _, replaced := range s.replaced {
		for _, e := range replaced {
			s.exited(e)
		}
	}
	if s.seen < len(s.entries) {
		s.forgetUnseen(s.follower.hasAccounts())
	}
	s.arrange()
}

func (s *sample) forgetUnseen(accounts bool) {
	for _, e := range s.list {
		if e.sample == s.samples || e.gone {
			continue
		}
		if e.hiding != "" && s.options.Tasks != nil && !s.tasks.active {
			continue // only the kernel's list shows it, and cannot be read now
		}
		if accounts && !e.accounted && (s.round.early || e.missing == 0) {
			// Its account may be late, and must then find what was counted already.
			if !s.round.early {
				e.missing = s.round.number
			}
			e.rests = false
			s.accounts.End(&e.living, e.process.PID)
			continue
		}
		s.exited(e)
		s.remove(e)
	}
}

// exited records the end of a process that the last sample saw alive. What it used since shows only if its parent
// has waited for it: then its whole time is in the parent's time of children, and the known part is taken off.
func (s *sample) exited(e *entry) {
	s.died(e)
	if e.uncredited > 0 {
		s.creditProgram(e, 0, false)
	}
	late := e.missing != 0 && e.missing != s.round.number
	for a := e.process.Parent; a != nil; a = a.Parent {
		parent, ok := s.entries[a.PID]
		if ok && parent.process.Identity == a.Identity && parent.sample == s.samples {
			if !parent.rests { // else its time of children has not changed
				parent.cpu.WaitedFor(&e.cpu, late)
				if e.accounted {
					parent.childEnded(e, late)
				}
			}
			return
		}
	}
}

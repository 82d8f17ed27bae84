package processes

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/procevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/cpu"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/inspect"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/procdir"
)

// seeHidden takes the processes behind mounts into the table where the kernel's list of tasks is not read. Its
// accounts still say what they use (taskstats(8)), and what they run may be known from before. Their CPU time stays
// without an owner.
func (s *sample) seeHidden(covered map[int]string) {
	for _, pid := range slices.Sorted(maps.Keys(covered)) {
		if e := s.hidden(pid); e != nil {
			e.hiding, s.someHidden = model.HiddenByMount, true
		}
	}
}

func (s *sample) hidden(pid int) *entry {
	account, err := s.options.Ask(pid)
	switch {
	case errors.Is(err, unix.ESRCH):
		return nil // the mount has outlived it
	case err != nil && unix.Kill(pid, 0) == unix.ESRCH:
		return nil
	}
	e := s.entries[pid]
	if e != nil && e.sample == s.samples && s.samples > 0 {
		return nil // the kernel's list told of it before it broke off
	}
	if err == nil && e != nil {
		// The account's start is rounded, and the pid may belong to another process by now.
		if s.startOf(account).Sub(e.process.Started).Abs() > clockSlack {
			s.replaced[pid] = append(s.replaced[pid], e)
			e = nil
		}
	}
	if e == nil {
		e = s.newHidden(pid, account)
		s.add(e)
	}
	e.hidden = true
	e.cpu.Wake(s.last)
	e.cpu.SampleHidden(account.CPU.Seconds())
	s.readHidden(e)
	s.keep(e)
	return e
}

// startOf is wall-clock time, as the start times in /proc are: it moves when the clock is set.
func (s *sample) startOf(account procevents.Account) time.Time {
	return s.now.Round(0).Add(-account.Elapsed)
}

// newHidden makes the entry of a process that was hidden before a sample saw it.
func (s *sample) newHidden(pid int, account procevents.Account) *entry {
	e := &entry{process: &model.Process{}, counted: true}
	process := e.process
	process.Started = s.startOf(account)
	process.Identity = model.Identity{PID: pid, StartTime: uint64(max(0, process.Started.Sub(s.boot)) / (time.Second / userHz))}
	process.PPID, process.Threads = account.PPID, 1
	s.setParent(e)
	s.describeHidden(e, account.Comm, account.UID)
	if parent, ok := s.entries[account.PPID]; ok && process.Parent == nil {
		process.Parent = parent.ancestor()
	}
	e.imageStarted = process.Started
	e.cpu = cpu.NewProcess(process.Started, s.now, account.CPU.Seconds(), 0)
	return e
}

// describeHidden says of a hidden process what is known without looking at it: what its fork and exec told, or its
// name and user.
func (s *sample) describeHidden(e *entry, comm string, uid uint32) {
	process := e.change()
	t := s.follower.trace(process.PID)
	if t == nil || !t.forked || !t.is(process.StartTime) {
		t = &trace{comm: comm}
	}
	t.owner.give(process)
	process.UID, process.User = uid, userOf(uid, process.Isolation, s.options.UserName)
	s.setImage(e, t)
}

// cannotAsk is what New sets where the kernel's accounts cannot be had.
func cannotAsk(pid int) (procevents.Account, error) {
	return procevents.Account{}, fmt.Errorf("the account of pid %d: %w", pid, errors.ErrUnsupported)
}

// readHidden reads what a hidden process runs, if nothing was known of it before.
func (s *sample) readHidden(e *entry) {
	if s.options.PrivateProcfs == "" || e.process.Exe != "" {
		return
	}
	private := &procdir.Reader{Proc: s.options.PrivateProcfs, Guard: s.reader.Guard, Errors: s.reader.Errors}
	found := imageOfPID(private, e.process.PID)
	if found == nil {
		return
	}
	process := e.change()
	process.Exe, process.ExeDeleted, process.ExeReplaced, process.ExeFile = found.Path, found.Deleted, found.Replaced, found.File
	process.ExeOwner, process.Origin, e.directory, e.content = found.Owner, found.origin, found.directory, found.Content
	content := s.contentOf(found, subjectOf(process))
	process.SHA256, process.Content = content.SHA256, content.Facts
	argv, err := inspect.Within(s.reads, subjectOf(process), inspect.Memory, inspect.ReadTime, func() ([]string, error) {
		return private.Argv(process.PID)
	})
	if err == nil {
		process.Argv = argv
	}
	e.rename()
}

package processes

import (
	"errors"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/inspect"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/procdir"
)

// The reads that a process can hold up: by its memory, or by the file that it runs.

// readArguments reads what a process was started with out of its memory.
func (s *sample) readArguments(e *entry) {
	process := e.process
	argv, err := inspect.Within(s.reads, subjectOf(process), inspect.Memory, inspect.ReadTime, func() ([]string, error) {
		return s.reader.Argv(process.PID)
	})
	e.argumentsDue = errors.Is(err, hostfs.ErrTimeout)
	switch {
	case err == nil:
		e.change().Argv = s.shared.argv(argv)
	case !hostfs.Vanished(err):
		s.unread(e, model.AspectStat, err)
	}
}

// readExecutable looks at the file that a process runs. traced is what its exec told
// of it, or nil.
func (s *sample) readExecutable(e *entry, traced *image) {
	process, target, pid := e.change(), e.target, e.process.PID
	own := process.MountNS != "" && process.ContainerID == ""
	file, err := inspect.Within(s.reads, subjectOf(process), inspect.File, inspect.ReadTime, func() (procdir.File, error) {
		got, err := s.reader.Executable(pid, target)
		if err == nil {
			s.reader.ReadMounts(pid, &got, got.Named(target, nil), own, s.options.Root)
		}
		return got, err
	})
	e.fileDue = errors.Is(err, hostfs.ErrTimeout)
	exe := file.Named(target, err)
	switch {
	case err == nil:
	case hostfs.Vanished(err) && traced != nil:
		exe = traced.Executable // it is exiting, and what it ran is known from its exec
	default:
		if !hostfs.Vanished(err) {
			s.unread(e, model.AspectExe, err)
		}
		exe.File, exe.Owner, exe.Content = model.FileID{}, model.FileOwner{}, hostfs.ContentKey{}
	}
	if file.MountsErr != nil && !hostfs.Vanished(file.MountsErr) {
		s.unread(e, model.AspectExe, file.MountsErr)
	}
	process.Exe, process.ExeDeleted, process.ExeReplaced = s.shared.text(exe.Path), exe.Deleted, exe.Replaced
	process.ExeFile, process.ExeOwner, e.content = exe.File, exe.Owner, exe.Content
	process.ExeSource, process.ExeFUSE, process.CopyOf = file.Source, file.FUSE, ""
	e.copySought = false
	process.Origin, e.directory = place.Origin(exe.Path, exe.Deleted)
}

// readDue reads what could not be read in time when the program began.
func (s *sample) readDue(e *entry) {
	if !e.argumentsDue && !e.fileDue {
		return
	}
	if e.argumentsDue {
		s.readArguments(e)
	}
	if e.fileDue {
		s.readExecutable(e, nil)
		e.rename()
	}
	s.setScript(e)
	s.setFirstName(e)
}

func (s *sample) setScript(e *entry) {
	process := e.change()
	process.Script = inspect.Script(process.Exe, process.Argv, s.reader.Surroundings(process.PID))
}

func subjectOf(process *model.Process) inspect.Subject {
	return inspect.Subject{Identity: process.Identity, UID: process.UID}
}

// lives tells whether a process has not ended as far as is known.
func (s *sample) lives(id model.Identity) bool {
	e := s.entries[id.PID]
	return e != nil && e.process.Identity == id
}

// blindness is a process of which something could not be looked at.
type blindness struct {
	model.Identity
	aspect model.Aspect
}

// unread counts what could not be read of a process. Whoever can make a read hang
// makes the exporter blind, so that counts for the visibility too.
func (s *sample) unread(e *entry, aspect model.Aspect, err error) {
	if !errors.Is(err, inspect.ErrPaused) { // it was counted when it hung
		s.reader.Failed(aspect, err)
	}
	if errors.Is(err, hostfs.ErrTimeout) {
		s.blind[blindness{e.process.Identity, aspect}] = true
	}
}

// countBlind takes the processes of which something hangs off those that can be
// seen. What was refused or postponed counts in this sample, what hangs for as long
// as it does.
func (s *sample) countBlind() {
	for _, hung := range s.hung {
		aspect := model.AspectStat
		if hung.Kind == inspect.File {
			aspect = model.AspectExe
		}
		if s.lives(hung.Identity) {
			s.blind[blindness{hung.Identity, aspect}] = true
		}
	}
	for blind := range s.blind {
		if share := s.visibility[blind.aspect]; share.Readable > 0 {
			share.Readable--
			s.visibility[blind.aspect] = share
		}
	}
}

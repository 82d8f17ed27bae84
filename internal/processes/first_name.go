package processes

import (
	"path"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/inspect"
)

// pathLimit is PATH_MAX of linux/limits.h, in bytes.
const pathLimit = 4096

// setFirstName finds out whether the first argument of a process is another name of
// the file that it runs. Most programs run under their own name or are called by a
// relative one: they are not asked, nor are those whose arguments prove nothing.
func (s *sample) setFirstName(e *entry) {
	process := e.change()
	first := process.FirstArgument()
	if !isAskedByName(process, first) {
		process.ArgvIsExe, e.firstName = false, ""
		return
	}
	if first == e.firstName {
		return
	}
	isExe, err := inspect.Within(s.reads, subjectOf(process), inspect.File, inspect.ReadTime, func() (bool, error) {
		return s.reader.IsNameOf(process.PID, first, process.ExeFile)
	})
	process.ArgvIsExe, e.firstName = err == nil && isExe, first
	if err != nil { // it is tried again with the next inspection
		e.firstName = ""
		if !hostfs.Vanished(err) {
			s.unread(e, model.AspectExe, err)
		}
	}
}

// isAskedByName leaves out what is the same name, and programs of a place where
// their titles are no evidence.
func isAskedByName(process *model.Process, first string) bool {
	switch process.Origin {
	case model.OriginSystem, model.OriginLocal, model.OriginKernel, model.OriginUnreadable:
		return false
	}
	return process.Isolation == model.IsolationHost && process.ExeFile != model.FileID{} && len(first) < pathLimit &&
		path.IsAbs(first) && path.Base(first) != path.Base(process.Exe)
}

package processes

import (
	"errors"
	"path/filepath"
	"sort"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/containers"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/inspect"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/procdir"
)

// hashBudget is how much is hashed in one sample, in bytes.
const hashBudget = 128 << 20

// identify finds out which program a process runs. Where its task shows that, the link is read for what is new or has
// changed only, else at every sample: a process may become another program (execve(2)) or lose its file.
func (s *sample) identify(e *entry, before *taskiter.Task, isNew bool) {
	t := &e.task
	renamed := isNew || before.Comm != t.Comm
	if renamed {
		if name := nameOf(t); name != e.process.Comm {
			e.change().Comm = name
		}
	}
	if isKernelThread(t) {
		if isNew {
			process := e.change()
			process.Origin, process.Isolation, process.User = model.OriginKernel, model.IsolationHost, s.options.UserName(0)
			e.rename()
			e.newImage = s.samples > 0
		}
		return
	}
	moved := !samePlace(before, t)
	if !isNew && !moved && !e.unopened && sameProgram(before, t) && !s.isTurn(e) {
		s.readDue(e)
		return
	}
	target, err := s.link(e)
	if err == nil {
		e.unopened = false
	} else if hostfs.Vanished(err) && s.missesDirectory(e) {
		s.hideDirectory(e, before)
		return
	}
	switch {
	case err != nil && hostfs.Vanished(err) && !isNew:
		return // it is exiting, and what it ran is known
	case err != nil && hostfs.Vanished(err) && isFirstThreadEnded(t):
		// It was a zombie when it was first seen: it runs nothing, so nothing is hidden.
	case err != nil && !hostfs.Vanished(err):
		e.sight = unreadable
		if !e.unreadCounted {
			e.unreadCounted = true
			s.reader.Failed(model.AspectExe, err)
		}
	case err == nil:
		e.sight = readable
	}
	sameExec := before.Missing != t.Missing || before.ExecID == t.ExecID
	if !isNew && target == e.target && !renamed && !moved && sameExec {
		s.readDue(e)
		s.refreshNetwork(e)
		return
	}
	s.readProgram(e, target, err == nil, isNew)
}

// link reads what a process runs.
func (s *sample) link(e *entry) (string, error) {
	return s.reader.Link(e.process.PID, isFirstThreadEnded(&e.task))
}

// staysAsItIs tells whether nothing has changed about a process at rest that its task does not show.
func (s *sample) staysAsItIs(e *entry, t *taskiter.Task) bool {
	if e.hidden {
		return e.hiding == model.HiddenByMount || !s.isTurnOf(e, networkCycle)
	}
	if e.dead || isKernelThread(t) || showsPrograms(t) && !s.isTurn(e) {
		return true
	}
	target, err := s.link(e)
	if err != nil {
		return e.sight != readable && !hostfs.Vanished(err)
	}
	if target != e.target || e.sight != readable {
		return false
	}
	s.refreshNetwork(e)
	return true
}

const (
	// pathCycle is how often the path of every executable is read again that a task tells all else of: a directory
	// above it may have another name. Those from suspicious places are read more often.
	pathCycle           = 10 * time.Minute
	suspiciousPathCycle = time.Minute
	// networkCycle is how often the network namespace of every process is read again where tasks do not tell it: it
	// may change without an exec (unshare(2), setns(2)).
	networkCycle = time.Minute
)

// isTurn tells whether the path of a process' executable is read again. Each sample reads an equal share.
func (s *sample) isTurn(e *entry) bool {
	if e.suspicious {
		return s.isTurnOf(e, suspiciousPathCycle)
	}
	return s.isTurnOf(e, pathCycle)
}

func (s *sample) isTurnOf(e *entry, cycle time.Duration) bool {
	return !s.round.early && (e.process.PID+s.round.number)%turns(cycle, s.interval) == 0
}

// turns is how many rounds a cycle is spread over.
func turns(cycle, interval time.Duration) int {
	if interval <= 0 {
		return 1
	}
	return max(1, int(cycle/interval))
}

// readProgram reads all that changes with the program.
func (s *sample) readProgram(e *entry, target string, readable, isNew bool) {
	pid := e.process.PID
	found, err := s.factsOf(pid)
	if err != nil && hostfs.Vanished(err) && !isNew {
		return
	}
	process := e.change()
	e.partial = err != nil && !hostfs.Vanished(err)
	share := s.shared.text
	process.Comm = share(process.Comm)
	process.UID, process.Cgroup, process.Isolation = found.UID, share(found.Cgroup), found.Isolation
	process.MountNS, process.NetNS = share(found.Mount), share(found.Network)
	process.User = share(userOf(found.UID, found.Isolation, s.options.UserName))
	process.Unit, process.ContainerID = share(containers.Unit(found.Cgroup)), share(containers.ID(found.Cgroup))
	process.Container = s.containers.Of(process.Cgroup)

	process.Argv = nil
	s.readArguments(e)

	sameFile := !isNew && readable && e.content != hostfs.ContentKey{}
	previous := e.content
	e.target = share(target)
	traced := s.follower.imageOf(pid)
	if !readable && traced == nil {
		process.Exe, process.ExeDeleted, process.ExeReplaced = "", false, false
		process.ExeFile, process.ExeOwner, e.content = model.FileID{}, model.FileOwner{}, hostfs.ContentKey{}
		process.SHA256, process.Content = "", model.ContentFacts{}
		process.Origin, e.directory, e.fileDue = model.OriginUnreadable, "unreadable", false
	} else {
		s.readExecutable(e, traced)
	}
	s.setScript(e)
	e.firstName = ""
	s.setFirstName(e)
	// Unlinking the file changes ctime, not the program.
	if sameFile && e.content.Dev == previous.Dev && e.content.Inode == previous.Inode && e.content.Mtime == previous.Mtime {
		e.rename()
		return
	}
	s.respawns.Leave(&e.instance)
	process.SHA256, process.Content, process.Inspection, process.ArgvErased, e.inspected = "", model.ContentFacts{}, nil, false, nil
	e.rename()
	e.newImage = s.samples > 0
	if !isNew {
		e.imageStarted, e.counted = s.now, true
		s.reads.Renew(process.Identity)
	}
}

// factsOf reads whose a process is and where it belongs.
func (s *sample) factsOf(pid int) (procdir.Facts, error) {
	proc, err := s.fs.Proc(pid)
	if err != nil {
		return procdir.Facts{Isolation: model.IsolationHost}, err
	}
	return s.reader.Facts(proc, s.hosts)
}

// refreshNetwork reads the network namespace of a known process again, if it is its turn and its task does not tell
// it. Each sample reads an equal share of them.
func (s *sample) refreshNetwork(e *entry) {
	if e.task.Missing&taskiter.FieldNetNS == 0 || !s.isTurnOf(e, networkCycle) {
		return
	}
	if network, err := s.reader.OtherNetwork(e.process.PID, s.hosts); err == nil && network != e.process.NetNS {
		e.change().NetNS = network
	}
}

// hashContents hashes the executables of new programs within the budget, those
// from suspicious places first. Later samples go on with the rest.
func (s *sample) hashContents() {
	var wanting []*entry
	for _, e := range s.awake {
		if e.process.SHA256 == "" && e.content != (hostfs.ContentKey{}) {
			wanting = append(wanting, e)
		}
	}
	sort.Slice(wanting, func(i, j int) bool {
		a, b := wanting[i], wanting[j]
		if rank(a) != rank(b) {
			return rank(a) < rank(b)
		}
		return a.process.PID < b.process.PID
	})
	for _, e := range wanting {
		content, ok := s.contents.Get(e.content)
		if !ok {
			if s.hashBudget <= 0 {
				continue
			}
			content = s.readContent(e)
		}
		if content.SHA256 == "" {
			continue
		}
		process := e.change()
		process.SHA256, process.Content = s.shared.text(content.SHA256), content.Facts
		s.findCopy(e)
		e.rename()
		process.Group = s.shared.text(process.Group)
	}
}

// rank orders programs by how much they ask to be looked at, the most suspicious first.
func rank(e *entry) int {
	switch origin := e.process.Origin; {
	case origin.Suspicious():
		return 0
	case origin == model.OriginSystem, origin == model.OriginLocal:
		return 2
	default:
		return 1
	}
}

// readContent reads the file behind one process. A failure is final for this program, so
// that it is counted once and not tried for ever. A read that takes too long goes on:
// later samples find what it remembers, or try again.
func (s *sample) readContent(e *entry) hostfs.Content {
	name, key := s.reader.Path(e.process.PID, "exe"), e.content
	content, err := inspect.Within(s.reads, subjectOf(e.process), inspect.File, inspect.ReadTime, func() (hostfs.Content, error) {
		return s.contents.Read(name, key)
	})
	switch {
	case errors.Is(err, inspect.ErrPostponed), errors.Is(err, inspect.ErrPaused), err != nil && hostfs.Vanished(err):
		return content // nothing was read
	case err != nil:
		s.unread(e, model.AspectExe, err)
		if !errors.Is(err, hostfs.ErrTimeout) {
			e.content = hostfs.ContentKey{}
		}
	}
	s.hashBudget -= min(key.Size, hostfs.HashLimit)
	return content
}

// contentOf returns the content of a program that a process ran, as far as it is known. If it is not known
// yet, the file is read under the path that it had, as long as it is still the same file.
func (s *sample) contentOf(i *image, of inspect.Subject) hostfs.Content {
	if i.known.SHA256 != "" {
		return i.known
	}
	contents := s.contents
	if content, ok := contents.Get(i.Content); ok {
		return content
	}
	if !i.origin.Suspicious() || i.Deleted || s.hashBudget <= 0 {
		return hostfs.Content{}
	}
	s.hashBudget -= min(i.Content.Size, hashBudget)
	name := filepath.Join(s.options.Root, i.Path)
	content, err := inspect.Within(s.reads, of, inspect.File, inspect.ReadTime, func() (hostfs.Content, error) {
		return contents.ReadSame(name, i.Content)
	})
	if err != nil {
		return hostfs.Content{} // removed, replaced, or of another mount namespace
	}
	return content
}

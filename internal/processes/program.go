package processes

import (
	"errors"
	"path/filepath"
	"sort"

	"github.com/prometheus/procfs"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/containers"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/inspect"
)

// kernelThread is PF_KTHREAD of include/linux/sched.h.
const kernelThread = 0x00200000

// hashBudget is how much is hashed in one sample, in bytes.
const hashBudget = 128 << 20

// identify finds out which program a process runs. The link is read at every
// sample, for a process may become another program (execve(2)) or lose its file.
func (s *sample) identify(e *entry, proc procfs.Proc, stat procfs.ProcStat, isNew bool) {
	process := &e.process
	renamed := process.Comm != stat.Comm
	process.Comm = stat.Comm
	if stat.Flags&kernelThread != 0 {
		if isNew {
			process.Origin, process.Isolation, process.User = model.OriginKernel, model.IsolationHost, s.options.UserName(0)
			e.rename()
			e.newImage = s.samples > 0
		}
		return
	}
	target, err := s.reader.Link(proc.PID, stat.State)
	switch {
	case err != nil && hostfs.Vanished(err) && !isNew:
		return // it is exiting, and what it ran is known
	case err != nil && hostfs.Vanished(err) && stat.State == "Z":
		// It was a zombie when it was first seen: it runs nothing, so nothing is hidden.
	case err != nil && !hostfs.Vanished(err):
		s.saw(model.AspectExe, false)
		if !e.unreadable {
			e.unreadable = true
			s.reader.Failed(model.AspectExe, err)
		}
	case err == nil:
		s.saw(model.AspectExe, true)
	}
	if !isNew && target == e.target && !renamed {
		s.readDue(e)
		s.refreshNetwork(e, proc)
		return
	}
	s.readProgram(e, proc, target, err == nil, isNew)
}

// readProgram reads all that changes with the program.
func (s *sample) readProgram(e *entry, proc procfs.Proc, target string, readable, isNew bool) {
	process := &e.process
	found, err := s.reader.Facts(proc, s.hosts)
	if err != nil && hostfs.Vanished(err) && !isNew {
		return
	}
	e.partial = err != nil && !hostfs.Vanished(err)
	process.UID, process.Cgroup, process.Isolation = found.UID, found.Cgroup, found.Isolation
	process.MountNS, process.NetNS = found.Mount, found.Network
	process.User = userOf(found.UID, found.Isolation, s.options.UserName)
	process.Unit, process.ContainerID = containers.Unit(found.Cgroup), containers.ID(found.Cgroup)

	process.Argv = nil
	s.readArguments(e)

	sameFile := !isNew && readable && e.content != hostfs.ContentKey{}
	previous := e.content
	e.target = target
	traced := s.follower.imageOf(proc.PID)
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
	process.SHA256, process.Content, process.Inspection, process.ArgvErased, e.inspected = "", model.ContentFacts{}, nil, false, inspected{}
	e.rename()
	e.newImage = s.samples > 0
	if !isNew {
		e.imageStarted, e.counted = s.now, true
		s.reads.Renew(process.Identity)
	}
}

// refreshNetwork reads the network namespace of a known process again, if it is its turn. Each
// sample reads an equal share of them.
func (s *sample) refreshNetwork(e *entry, proc procfs.Proc) {
	if s.networkTurns > 1 && (proc.PID+s.samples)%s.networkTurns != 0 {
		return
	}
	if network, err := s.reader.OtherNetwork(proc.PID, s.hosts); err == nil {
		e.process.NetNS = network
	}
}

// hashContents hashes the executables of new programs within the budget, those
// from suspicious places first. Later samples go on with the rest.
func (s *sample) hashContents() {
	var wanting []*entry
	for _, e := range s.order {
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
		e.process.SHA256, e.process.Content = content.SHA256, content.Facts
		s.findCopy(e)
		e.rename()
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
	content, err := inspect.Within(s.reads, subjectOf(&e.process), inspect.File, inspect.ReadTime, func() (hostfs.Content, error) {
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

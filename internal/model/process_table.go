package model

import (
	"cmp"
	"slices"
	"sort"
)

// namespacePIDs is how many processes of a namespace are named: one whose files can be read is enough.
const namespacePIDs = 4

// MountNamespace is a mount namespace other than the host's.
type MountNamespace struct {
	Name string // id of the container that it belongs to, or the name of the namespace
	// Container is what is known of that container; nil for none.
	Container *Container
	PIDs      []int // some processes in it, at most 4
}

// Process returns the process with a pid, or false if it was not in the sample. Like all questions to
// a snapshot it may be asked of nil, which is the snapshot before the first sample.
func (s *ProcessSnapshot) Process(pid int) (*Process, bool) {
	if s == nil {
		return nil, false
	}
	at := sort.Search(len(s.Processes), func(i int) bool { return s.Processes[i].PID >= pid })
	if at == len(s.Processes) || s.Processes[at].PID != pid {
		return nil, false
	}
	return s.Processes[at], true
}

// RunningFiles returns the files that are programs which run now, but for those that lie where the
// system's do.
func (s *ProcessSnapshot) RunningFiles() map[FileID]bool {
	files := map[FileID]bool{}
	if s == nil {
		return files
	}
	for _, p := range s.Processes {
		if p.mayBeSuspiciousFile() {
			files[p.ExeFile] = true
		}
	}
	return files
}

// MountNamespaces returns the mount namespaces besides the host's, in the order of their lowest pids.
func (s *ProcessSnapshot) MountNamespaces() []MountNamespace {
	var all []MountNamespace
	index := map[string]int{}
	for _, p := range s.where(func(p *Process) bool { return p.MountNS != "" }) {
		at, known := index[p.MountNS]
		if !known {
			at = len(all)
			index[p.MountNS] = at
			all = append(all, MountNamespace{Name: p.MountNS})
		}
		if p.ContainerID != "" {
			all[at].Name = p.ContainerID
		}
		if all[at].Container == nil {
			all[at].Container = p.Container
		}
		if len(all[at].PIDs) < namespacePIDs {
			all[at].PIDs = append(all[at].PIDs, p.PID)
		}
	}
	return all
}

// InMountNamespace returns the first process in a mount namespace, by the name that MountNamespaces
// gives it; false if there is none.
func (s *ProcessSnapshot) InMountNamespace(name string) (*Process, bool) {
	if s == nil {
		return nil, false
	}
	for _, p := range s.Processes {
		if p.MountNS != "" && cmp.Or(p.ContainerID, p.MountNS) == name {
			return p, true
		}
	}
	return nil, false
}

// NetNamespaces returns the network namespaces besides the host's, the oldest first, with at most 4 of
// their oldest processes each.
func (s *ProcessSnapshot) NetNamespaces() []NetNamespace {
	inside := s.where(func(p *Process) bool { return p.NetNS != "" })
	slices.SortStableFunc(inside, func(a, b *Process) int { return cmp.Compare(a.StartTime, b.StartTime) })
	var all []NetNamespace
	index := map[string]int{}
	for _, p := range inside {
		at, known := index[p.NetNS]
		if !known {
			at = len(all)
			index[p.NetNS] = at
			all = append(all, NetNamespace{ID: p.NetNS})
		}
		if len(all[at].PIDs) < namespacePIDs {
			all[at].PIDs = append(all[at].PIDs, p.PID)
		}
	}
	return all
}

// Inspected returns the processes that gave cause for the expensive look, the busiest first.
func (s *ProcessSnapshot) Inspected() []Identity {
	inspected := s.where(func(p *Process) bool { return p.Inspection != nil })
	slices.SortStableFunc(inspected, func(a, b *Process) int { return cmp.Compare(b.Cores, a.Cores) })
	var identities []Identity
	for _, p := range inspected {
		identities = append(identities, p.Identity)
	}
	return identities
}

func (s *ProcessSnapshot) where(wanted func(*Process) bool) (found []*Process) {
	if s == nil {
		return nil
	}
	for i := range s.Processes {
		if p := s.Processes[i]; wanted(p) {
			found = append(found, p)
		}
	}
	return found
}

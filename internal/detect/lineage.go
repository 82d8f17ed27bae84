package detect

import (
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
)

const maxAncestors = 16

// lineage answers who started what in one snapshot.
type lineage struct {
	byIdentity map[host.Identity]*host.Process
	byCgroup   map[string][]*host.Process // of suspicious origin only
	listeners  map[host.Identity][]*host.Socket
	respawns   map[string]host.Respawn
}

func newLineage(s *host.Snapshot) *lineage {
	l := &lineage{
		byIdentity: make(map[host.Identity]*host.Process, len(s.Processes.Processes)),
		byCgroup:   map[string][]*host.Process{},
		listeners:  map[host.Identity][]*host.Socket{},
		respawns:   s.Processes.Respawns,
	}
	for i := range s.Processes.Processes {
		p := &s.Processes.Processes[i]
		l.byIdentity[p.Identity] = p
		// The root cgroup holds everything on a host without systemd: being in
		// it together says nothing.
		if isSuspiciousOrigin(p.Origin) && p.Cgroup != "" && p.Cgroup != "/" {
			l.byCgroup[p.Cgroup] = append(l.byCgroup[p.Cgroup], p)
		}
	}
	if s.Sockets == nil {
		return l
	}
	for i := range s.Sockets.Sockets {
		socket := &s.Sockets.Sockets[i]
		if socket.Scope != host.ScopeLoopback && socket.Protocol == host.TCP && socket.Owner.PID > 1 {
			l.listeners[socket.Owner] = append(l.listeners[socket.Owner], socket)
		}
	}
	return l
}

// ancestors copies the chain above a process, nearest first, and says who of
// it still runs.
func (l *lineage) ancestors(p *host.Process) []host.Ancestor {
	var chain []host.Ancestor
	for a := p.Parent; a != nil && len(chain) < maxAncestors; a = a.Parent {
		ancestor := *a
		_, ancestor.Alive = l.byIdentity[a.Identity]
		chain = append(chain, ancestor)
	}
	return chain
}

// history returns what is known of the comings and goings of a program.
func (l *lineage) history(p *host.Process) host.Respawn {
	if history, ok := l.respawns[p.SHA256]; ok && p.SHA256 != "" {
		return history
	}
	return l.respawns[p.Exe]
}

// guardian finds what keeps a process alive, the surest first: an ancestor from
// a suspicious place; a process from such a place in the same cgroup that was
// there before it (what double-forks still shares the cgroup) and is no
// ancestor: those were looked at; whoever started it more than once.
func (l *lineage) guardian(p *host.Process) *host.Guardian {
	suspect := p.Suspect()
	// What stands above the door is not what the intruder left behind.
	for a := p.Parent; a != nil && len(l.listeners[a.Identity]) == 0; a = a.Parent {
		if living, ok := l.byIdentity[a.Identity]; ok && isSuspiciousOrigin(living.Origin) && living.Suspect() != suspect {
			relation := host.RelationAncestor
			if a == p.Parent {
				relation = host.RelationParent
			}
			return l.guardianOf(p, living, relation)
		}
	}
	var first *host.Process
	for _, sibling := range l.byCgroup[p.Cgroup] {
		if sibling.Suspect() == suspect || !sibling.Started.Before(p.Started) || isAncestor(sibling, p) {
			continue
		}
		if first == nil || sibling.Started.Before(first.Started) {
			first = sibling
		}
	}
	if first != nil {
		return l.guardianOf(p, first, host.RelationCgroup)
	}
	for _, starter := range l.history(p).Starters {
		living, ok := l.byIdentity[starter.Identity]
		if !ok || starter.Count < 2 || living.Suspect() == suspect {
			continue
		}
		if living.PID == 1 && strings.HasSuffix(p.Unit, ".service") {
			return &host.Guardian{Relation: host.RelationUnit, PID: 1, Comm: living.Comm, Exe: living.Exe, User: living.User, Unit: p.Unit, Starts: starter.Count}
		}
		return l.guardianOf(p, living, host.RelationParent)
	}
	return nil
}

func isAncestor(older, p *host.Process) bool {
	for a := p.Parent; a != nil; a = a.Parent {
		if a.Identity == older.Identity {
			return true
		}
	}
	return false
}

func (l *lineage) guardianOf(p, keeper *host.Process, relation host.Relation) *host.Guardian {
	guardian := &host.Guardian{
		Relation: relation, PID: keeper.PID, Comm: keeper.Comm, Exe: keeper.Exe, User: keeper.User, Unit: keeper.Unit,
	}
	for _, starter := range l.history(p).Starters {
		if starter.Identity == keeper.Identity {
			guardian.Starts = starter.Count
		}
	}
	return guardian
}

// entry finds the door: the nearest ancestor that listens where others can
// reach it. A socket that the catalogue knows goes before one that it does not.
func (l *lineage) entry(p *host.Process) *host.Entry {
	for a := p.Parent; a != nil; a = a.Parent {
		var door *host.Socket
		for _, socket := range l.listeners[a.Identity] {
			if door == nil || door.App == "" && socket.App != "" {
				door = socket
			}
		}
		if door != nil {
			_, alive := l.byIdentity[a.Identity]
			return &host.Entry{
				App: door.App, Process: path.Base(a.Exe), PID: a.PID,
				Address: door.Address, Port: door.Port, Alive: alive,
			}
		}
	}
	return nil
}

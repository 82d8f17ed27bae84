// Package lineage answers who started what in one snapshot: the ancestors of a process,
// its guardian, the exposed service that it came in by, and what above it says that it is
// expected.
package lineage

import (
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/exposure"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/programs"
)

const (
	maxAncestors = 16
	maxSiblings  = 1024 // looked at for one process
)

// cgroupUser is what a miner and its guardian share when no line of descent does.
type cgroupUser struct {
	cgroup string
	uid    uint32
}

// Lineage answers who started what in one snapshot. It is read by one goroutine.
type Lineage struct {
	processes  *model.ProcessSnapshot
	suspicious []model.Note[struct{}]          // the processes of suspicious origin, by pid
	siblings   map[cgroupUser][]*model.Process // of those, oldest first; nil until siblingsOf is asked
	listeners  map[model.Identity][]*model.Socket
	serves     map[model.Identity]bool // who listens on TCP, be it on loopback only
	respawns   map[string]model.Respawn
	entries    map[string][]*model.PersistenceEntry // by the path of what they start
	units      map[string]*model.PersistenceEntry   // suspicious ones, by unit
	exposures  []model.Exposure
	exposed    map[exposure.Key]*model.Exposure // of exposures, by the socket
	services   *model.ServiceSnapshot
	allow      []policy.Allow
	loggedIn   map[uint32]bool // nil until isLoggedIn is asked
	now        time.Time
}

// living is the process of an identity, or nil if it does not run now.
func (l *Lineage) living(id model.Identity) *model.Process {
	if p, ok := l.processes.Process(id.PID); ok && p.Identity == id {
		return p
	}
	return nil
}

// siblingsOf are the processes from suspicious places that share cgroup and user with a
// process, the oldest first. The root cgroup holds everything on a host without systemd:
// being in it together says nothing.
func (l *Lineage) siblingsOf(p *model.Process) []*model.Process {
	if l.siblings == nil {
		l.siblings = map[cgroupUser][]*model.Process{}
		for _, note := range l.suspicious {
			if sibling := note.Process; sibling.Cgroup != "" && sibling.Cgroup != "/" {
				key := cgroupUser{sibling.Cgroup, sibling.UID}
				l.siblings[key] = append(l.siblings[key], sibling)
			}
		}
		for _, siblings := range l.siblings {
			slices.SortStableFunc(siblings, func(a, b *model.Process) int { return a.Started.Compare(b.Started) })
		}
	}
	return l.siblings[cgroupUser{p.Cgroup, p.UID}]
}

// Serves tells whether a process listens on TCP, be it on loopback only.
func (l *Lineage) Serves(id model.Identity) bool { return l.serves[id] }

// AllAllowed tells whether the allow list names every instance of a program.
func (l *Lineage) AllAllowed(instances []*model.Process) bool {
	return policy.AllAllowed(l.allow, instances)
}

// Ancestors copies the chain above a process, nearest first, and says who of
// it still runs.
func (l *Lineage) Ancestors(p *model.Process) []model.Ancestor {
	var chain []model.Ancestor
	for a := p.Parent; a != nil && len(chain) < maxAncestors; a = a.Parent {
		ancestor := *a
		ancestor.Alive = l.living(a.Identity) != nil
		chain = append(chain, ancestor)
	}
	return chain
}

// History returns what is known of the comings and goings of a program.
func (l *Lineage) History(p *model.Process) model.Respawn {
	if history, ok := l.respawns[p.SHA256]; ok && p.SHA256 != "" {
		return history
	}
	return l.respawns[p.Exe]
}

// Polymorphic is the history of all that the same guardian started from the directory
// of a process, and the guardian.
func (l *Lineage) Polymorphic(p *model.Process) (model.Respawn, *model.Process) {
	for a := p.Parent; a != nil; a = a.Parent {
		if living := l.living(a.Identity); living != nil && living.Origin.Suspicious() {
			return l.respawns[model.PolymorphicKey(a.Identity, path.Dir(p.Exe))], living
		}
	}
	return model.Respawn{}, nil
}

// Guardian finds what keeps a process alive, the surest first: an ancestor from
// a suspicious place; a process from such a place that shares cgroup and user
// (what double-forks still does); whoever started it more than once.
func (l *Lineage) Guardian(p *model.Process) *model.Guardian {
	suspect := p.Suspect()
	// What stands above the exposed service is not what the intruder left behind.
	direct := true // only shells and launchers stand between
	for a := p.Parent; a != nil && len(l.listeners[a.Identity]) == 0; a = a.Parent {
		living := l.living(a.Identity)
		if living != nil && !direct && Dormant([]*model.Process{living}, l.now) {
			continue // an idle agent far above runs whole sessions
		}
		direct = direct && isLauncher(a)
		if living != nil && living.Origin.Suspicious() && (living.Suspect() != suspect || l.guardsItself(p, living)) {
			relation := model.RelationAncestor
			if a == p.Parent {
				relation = model.RelationParent
			}
			return l.guardianOf(p, living, relation)
		}
	}
	siblings := l.siblingsOf(p)
	for _, sibling := range siblings[:min(len(siblings), maxSiblings)] {
		if !sibling.Started.Before(p.Started) {
			break
		}
		if sibling.Suspect() != suspect && l.mayGuard(sibling, p) {
			return l.guardianOf(p, sibling, model.RelationCgroup)
		}
	}
	if g := l.starterOf(p); g != nil {
		return g
	}
	for _, starter := range l.History(p).Starters {
		living := l.living(starter.Identity)
		if living == nil || starter.Count < 2 || living.Suspect() == suspect {
			continue
		}
		if living.PID == 1 && strings.HasSuffix(p.Unit, ".service") {
			return &model.Guardian{Relation: model.RelationUnit, PID: 1, Comm: living.Comm, Exe: living.Exe, User: living.User, Unit: p.Unit, Starts: starter.Count}
		}
		return l.guardianOf(p, living, model.RelationParent)
	}
	return nil
}

// isLauncher knows programs of the system that only start others.
func isLauncher(a *model.Ancestor) bool {
	return a.Origin == model.OriginSystem && programs.OnlyStarts(path.Base(a.Exe))
}

// guardsItself holds for an ancestor with the same content that is more than a
// miner that forked: it has another name, or started it again.
func (l *Lineage) guardsItself(p, ancestor *model.Process) bool {
	return ancestor.Exe != p.Exe || l.starts(p, ancestor) > 1
}

// starts counts how often a process was seen to start a program.
func (l *Lineage) starts(p, starter *model.Process) int {
	for _, known := range l.History(p).Starters {
		if known.Identity == starter.Identity {
			return known.Count
		}
	}
	return 0
}

// mayGuard tells whether an older sibling in the cgroup can be what brought a
// process: it was not there before the exposed service that it came in by, and is not
// expected there. Ancestors were looked at already.
func (l *Lineage) mayGuard(sibling, p *model.Process) bool {
	if isAncestor(sibling, p) {
		return false
	}
	if entry := l.EntryAncestor(p); entry != nil && sibling.Started.Before(entry.Started) {
		return false
	}
	why, _ := l.Exempt(sibling)
	return why == "" && !Dormant([]*model.Process{sibling}, l.now)
}

func isAncestor(older, p *model.Process) bool {
	for a := p.Parent; a != nil; a = a.Parent {
		if a.Identity == older.Identity {
			return true
		}
	}
	return false
}

func (l *Lineage) guardianOf(p, guardian *model.Process, relation model.Relation) *model.Guardian {
	return &model.Guardian{
		Relation: relation, PID: guardian.PID, Comm: guardian.Comm, Exe: guardian.Exe, Origin: guardian.Origin, User: guardian.User, Unit: guardian.Unit,
		Starts: l.starts(p, guardian),
	}
}

// EntryAncestor is the nearest ancestor that listens where others can reach it, or nil.
// What was left behind may listen too: nobody came in by a program from a suspicious
// place.
func (l *Lineage) EntryAncestor(p *model.Process) *model.Ancestor {
	for a := p.Parent; a != nil; a = a.Parent {
		if len(l.listeners[a.Identity]) > 0 && !a.Origin.Suspicious() {
			return a
		}
	}
	return nil
}

// Entry describes the exposed service that a process descends from, or returns nil. A
// socket that is a finding goes before one that
// the catalogue knows, and that before any other.
func (l *Lineage) Entry(p *model.Process) *model.Entry {
	a := l.EntryAncestor(p)
	if a == nil {
		return nil
	}
	socket := slices.MaxFunc(l.listeners[a.Identity], func(x, y *model.Socket) int { return l.rank(x) - l.rank(y) })
	entry := &model.Entry{
		App: l.app(socket), Process: path.Base(a.Exe), PID: a.PID,
		Address: socket.Address, Port: socket.Port, Alive: l.living(a.Identity) != nil,
	}
	user := l.userOf(a, p)
	if exposure := l.exposedAs(entry.App, user); exposure != nil && l.rank(socket) < rankExposed {
		// It came in by another part of the same service: a worker runs what its
		// manager takes.
		entry.Address, entry.Port = exposure.Socket.Address, exposure.Socket.Port
	}
	entry.Run, entry.RunBefore = exposure.LastRunBefore(l.services, p, a.Identity, func(log *model.SubmissionLog) bool {
		return log.App == entry.App && l.isOf(log.Owner, user)
	})
	return entry
}

// userOf is who runs the service that a process came in by: of one that has ended, who
// runs what it has left.
func (l *Lineage) userOf(service *model.Ancestor, p *model.Process) uint32 {
	if living := l.living(service.Identity); living != nil {
		return living.UID
	}
	return p.UID
}

// isOf tells whether a process is a user's. Anybody may run what calls itself a service,
// answers like it and writes its log: it says nothing about the services of others.
func (l *Lineage) isOf(id model.Identity, user uint32) bool {
	living := l.living(id)
	return living != nil && living.UID == user
}

// The ranks of a listener of the entry.
const (
	rankUnknown = iota
	rankKnown
	rankExposed
)

// exposedAs returns the first exposure of an app that a user runs, always the same of
// several, or nil.
func (l *Lineage) exposedAs(app string, user uint32) *model.Exposure {
	for i := range l.exposures {
		if owner := l.exposures[i].Socket.Owner; l.exposures[i].App == app && (owner == (model.Identity{}) || l.isOf(owner, user)) {
			return &l.exposures[i]
		}
	}
	return nil
}

func (l *Lineage) rank(socket *model.Socket) int {
	switch {
	case l.exposed[exposure.KeyOf(socket)] != nil:
		return rankExposed
	case l.app(socket) != "":
		return rankKnown
	default:
		return rankUnknown
	}
}

// app is what a listener is: by what it answered, else by what the catalogue says.
func (l *Lineage) app(socket *model.Socket) string {
	if exposure := l.exposed[exposure.KeyOf(socket)]; exposure != nil {
		return exposure.App
	}
	if l.services != nil && socket.Confidence == model.ConfidencePort && l.services.Answers[socket.Key()].OtherApp {
		return "" // it answers as something else does
	}
	return socket.App
}

package lineage

import (
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/exposure"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
)

// Index is what the lineages of one host have in common from one snapshot to the next:
// each part of it is made again only where what it was made of has changed. The zero value
// has seen nothing. It is used by one goroutine.
type Index struct {
	suspicious model.Noted[struct{}]

	sockets   *model.SocketSnapshot
	listeners map[model.Identity][]*model.Socket
	serves    map[model.Identity]bool

	persistence *model.PersistenceSnapshot
	entries     map[string][]*model.PersistenceEntry
	units       map[string]*model.PersistenceEntry

	exposures []model.Exposure
	exposed   map[exposure.Key]*model.Exposure
}

// Lineage looks through the next snapshot, given its exposures, which nobody changes. The
// lineage of the snapshot before is good no more.
func (x *Index) Lineage(s *model.Snapshot, settings policy.Policy, exposures []model.Exposure) *Lineage {
	if x.listeners == nil || !x.sockets.SameSockets(s.Sockets) {
		x.indexSockets(s.Sockets)
	}
	x.sockets = s.Sockets
	if x.entries == nil || x.persistence != s.Persistence {
		x.indexEntries(s.Persistence)
	}
	if x.exposed == nil || !exposure.Same(x.exposures, exposures) {
		x.indexExposures(exposures)
	}
	return &Lineage{
		processes: s.Processes, respawns: s.Processes.Respawns, services: s.Services, allow: policy.InForce(settings.Allow, s.Time), now: s.Time,
		listeners: x.listeners, serves: x.serves, entries: x.entries, units: x.units, exposures: exposures, exposed: x.exposed,
		suspicious: x.suspicious.Update(s.Processes.Processes, func(p *model.Process) (struct{}, bool) { return struct{}{}, p.Origin.Suspicious() }),
	}
}

func (x *Index) indexExposures(exposures []model.Exposure) {
	x.exposures, x.exposed = exposures, make(map[exposure.Key]*model.Exposure, len(exposures))
	for i := range exposures {
		x.exposed[exposure.KeyOf(&exposures[i].Socket)] = &exposures[i]
	}
}

// indexSockets makes who listens ready to be looked up.
func (x *Index) indexSockets(s *model.SocketSnapshot) {
	x.listeners, x.serves = map[model.Identity][]*model.Socket{}, map[model.Identity]bool{}
	if s == nil {
		return
	}
	for _, sockets := range [][]model.Socket{s.Sockets, s.RecentlyClosed} {
		for i := range sockets {
			socket := &sockets[i]
			x.serves[socket.Owner] = x.serves[socket.Owner] || socket.Protocol == model.TCP
			if socket.Scope != model.ScopeLoopback && socket.Protocol == model.TCP && socket.Owner.PID > 1 {
				x.listeners[socket.Owner] = append(x.listeners[socket.Owner], socket)
			}
		}
	}
}

// indexEntries makes what starts programs by itself ready to be looked up.
func (x *Index) indexEntries(s *model.PersistenceSnapshot) {
	x.persistence, x.entries, x.units = s, map[string][]*model.PersistenceEntry{}, map[string]*model.PersistenceEntry{}
	if s == nil {
		return
	}
	for i := range s.Entries {
		entry := &s.Entries[i]
		for _, program := range entry.Programs {
			x.entries[program] = append(x.entries[program], entry)
		}
		if entry.Unit != "" && entry.Reason != "" {
			x.units[entry.Unit] = entry
		}
	}
}

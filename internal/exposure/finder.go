package exposure

import (
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// Finder finds the exposures of one snapshot after the other, and goes through the sockets
// only if something that they rest on has changed. The zero value has seen nothing. It is
// used by one goroutine.
type Finder struct {
	catalogue *catalogue.Catalogue
	sockets   *model.SocketSnapshot
	services  *model.ServiceSnapshot
	processes *model.ProcessSnapshot
	at        time.Time
	turns     time.Time // when the patience with a service ends; zero for never
	found     []model.Exposure
}

// Find returns what the function Find does. It is the same slice as before where nothing
// has changed, and nobody may change it.
func (f *Finder) Find(s *model.Snapshot, services *catalogue.Catalogue) []model.Exposure {
	if s.Sockets == nil {
		*f = Finder{}
		return nil
	}
	if !f.holds(s, services) {
		e := newExposer(s, services)
		*f = Finder{catalogue: services, sockets: s.Sockets, services: s.Services, at: s.Time, found: e.find(), turns: e.turns}
	}
	f.processes, f.sockets, f.services = s.Processes, s.Sockets, s.Services
	return f.found
}

// holds tells whether what was found last is what a snapshot shows too.
func (f *Finder) holds(s *model.Snapshot, services *catalogue.Catalogue) bool {
	if f.catalogue != services || !f.sockets.SameSockets(s.Sockets) || !f.services.SameAnswers(s.Services) {
		return false
	}
	if s.Time.Before(f.at) || !f.turns.IsZero() && !s.Time.Before(f.turns) {
		return false
	}
	if f.processes == s.Processes {
		return true
	}
	for i := range f.found {
		again := model.Exposure{Socket: model.Socket{Owner: f.found[i].Socket.Owner}}
		locate(s.Processes, &again)
		if again.ContainerID != f.found[i].ContainerID || again.Container != f.found[i].Container || again.Unit != f.found[i].Unit {
			return false
		}
	}
	return true
}

// Same tells whether two lists of exposures are one: what was made of the one then holds
// for the other. Nobody changes exposures that were found.
func Same(a, b []model.Exposure) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// Package exposure finds the services that others may reach, out of the sockets, the
// forwarded ports and what the services answered, and puts each into words. It is
// made of pure functions.
package exposure

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// patience is how long a service that waits to be asked is no finding: one that is
// made before the answer might have to be taken back.
const patience = time.Minute

// Find returns every service of the catalogue that others may reach, sorted
// by app and endpoint. Sockets of one owner on one port are one exposure, and so
// are a proxy's port and what it leads to.
func Find(s *model.Snapshot, services *catalogue.Catalogue) []model.Exposure {
	return new(Finder).Find(s, services)
}

func newExposer(s *model.Snapshot, services *catalogue.Catalogue) *exposer {
	e := &exposer{
		snapshot: s, catalogue: services, known: catalogue.NewExposedSockets(s.Sockets, services),
		namespaces: map[string]model.NetNamespace{}, services: map[Key]*exposedService{}, answering: map[model.Identity]bool{},
	}
	for _, namespace := range s.Sockets.Namespaces {
		e.namespaces[namespace.ID] = namespace
	}
	return e
}

func (e *exposer) find() []model.Exposure {
	e.gather()
	e.publish()
	var exposures []model.Exposure
	for _, d := range e.services {
		if exposure, ok := e.exposure(d); ok {
			exposures = append(exposures, exposure)
		}
	}
	slices.SortFunc(exposures, func(a, b model.Exposure) int {
		return cmp.Or(strings.Compare(a.App, b.App), strings.Compare(a.Socket.NetNS, b.Socket.NetNS),
			cmp.Compare(a.Socket.Port, b.Socket.Port), slices.Compare(a.Endpoints, b.Endpoints), cmp.Compare(a.Socket.Inode, b.Socket.Inode))
	})
	return exposures
}

// Key is what makes several sockets one service.
type Key struct {
	netns string
	port  uint16
	owner model.Identity
	inode uint64 // where the owner is not known
}

// exposedService is what is gathered of one exposure.
type exposedService struct {
	sockets []model.Socket
	proxies []model.Socket // of the host, that lead here
	rules   []model.PortForward
}

type exposer struct {
	snapshot   *model.Snapshot
	catalogue  *catalogue.Catalogue
	known      *catalogue.ExposedSockets
	namespaces map[string]model.NetNamespace
	services   map[Key]*exposedService
	answering  map[model.Identity]bool // owners of which a socket answered as its app does
	turns      time.Time               // when the patience with the first of the services ends that wait to be asked; zero for none
}

// gather joins the sockets that are one service.
func (e *exposer) gather() {
	for _, socket := range e.snapshot.Sockets.Sockets {
		if !e.known.Contains(&socket) || !e.reaches(&socket) {
			continue
		}
		key := KeyOf(&socket)
		if e.services[key] == nil {
			e.services[key] = &exposedService{}
		}
		e.services[key].sockets = append(e.services[key].sockets, socket)
		if e.snapshot.Services != nil && e.snapshot.Services.Answers[socket.Key()].App != "" {
			e.answering[socket.Owner] = true
		}
	}
}

// KeyOf says which service a socket belongs to.
func KeyOf(socket *model.Socket) Key {
	key := Key{netns: socket.NetNS, port: socket.Port, owner: socket.Owner}
	if socket.Owner == (model.Identity{}) {
		key.inode = socket.Inode
	}
	return key
}

// reaches tells whether anything beyond loopback leads to a socket: a wildcard
// address in a namespace that has only loopback is not exposed.
func (e *exposer) reaches(socket *model.Socket) bool {
	namespace, known := e.namespaces[socket.NetNS]
	return socket.Scope != model.ScopeAny || !known || !namespace.Complete || len(namespace.Addresses) > 0
}

// publish leads the ports of the host to the sockets that they are forwarded to.
// A proxy's own socket is then no service of its own.
func (e *exposer) publish() {
	targets := map[netip.AddrPort][]*exposedService{}
	for _, d := range e.services {
		for i := range d.sockets {
			for _, address := range e.addresses(&d.sockets[i]) {
				endpoint := netip.AddrPortFrom(address, d.sockets[i].Port)
				if !slices.Contains(targets[endpoint], d) {
					targets[endpoint] = append(targets[endpoint], d)
				}
			}
		}
	}
	for _, publication := range e.snapshot.Sockets.PortForwards {
		services := targets[publication.Target]
		if publication.Protocol != model.TCP || len(services) == 0 || model.ScopeOf(publication.Host.Addr()) == model.ScopeLoopback {
			continue
		}
		proxy := Key{port: publication.Host.Port(), owner: publication.Owner}
		for _, d := range services {
			d.rules = append(d.rules, publication)
			if front := e.services[proxy]; front != nil && front != d {
				d.proxies = append(d.proxies, front.sockets...)
			}
		}
		delete(e.services, proxy)
	}
}

// addresses lists where a socket of another namespace than the host's is reached.
func (e *exposer) addresses(socket *model.Socket) []netip.Addr {
	if socket.NetNS == "" {
		return nil
	}
	if socket.Scope == model.ScopeAny {
		return e.namespaces[socket.NetNS].Addresses
	}
	if address, err := netip.ParseAddr(socket.Address); err == nil {
		return []netip.Addr{address}
	}
	return nil
}

// exposure says what a service is, or that it is none of the catalogue.
func (e *exposer) exposure(d *exposedService) (out model.Exposure, ok bool) {
	widest := slices.MinFunc(d.sockets, func(a, b model.Socket) int { return width(a.Scope) - width(b.Scope) })
	out = model.Exposure{
		App: widest.App, Confidence: widest.Confidence, Scope: widest.Scope, Socket: widest,
		Namespace: e.namespaces[widest.NetNS], Auth: model.AuthUnknown,
	}
	if out.Namespace.Complete && widest.Scope == model.ScopeAny {
		out.Reach = out.Namespace.Addresses
	}
	if !e.applyAnswers(d, &out) || out.App == "" {
		return out, false
	}
	locate(e.snapshot.Processes, &out)
	e.reachThrough(d, &out)
	if service, ok := e.catalogue.Service(out.App); ok {
		out.RunsCode, out.Common, out.Remedy = service.RunsCode, service.Common, service.Remedy
	}
	out.Log = e.logOf(widest.Owner)
	return out, true
}

// applyAnswers takes what the sockets of a service answered. It returns false where
// no finding is wanted: it waits to be asked; or it is plainly no such service; or
// its owner has another port that answers as the service does, so that this one is
// for the service's own components.
func (e *exposer) applyAnswers(d *exposedService, out *model.Exposure) bool {
	s := e.snapshot.Services
	if s == nil || !s.Probing {
		return true
	}
	for _, sockets := range [][]model.Socket{d.sockets, d.proxies} {
		for i := range sockets {
			answer, answered := s.Answers[sockets[i].Key()]
			if !answered {
				if e.waits(&sockets[i]) {
					return false
				}
				continue
			}
			if out.Answer == nil || weight(answer) > weight(*out.Answer) {
				out.Answer = &answer
			}
		}
	}
	if out.Answer == nil {
		return true
	}
	out.Auth = out.Answer.Auth
	if out.Answer.App != "" && out.Confidence != model.ConfidenceEvidence {
		out.App, out.Confidence = out.Answer.App, model.ConfidenceAnswer
	}
	other := out.Answer.OtherApp && out.Answer.App == "" && out.Auth == model.AuthUnknown
	return !other || out.Confidence == model.ConfidenceEvidence && !e.answering[out.Socket.Owner]
}

// weight orders answers by how much they tell.
func weight(a model.Answer) int {
	switch {
	case a.Auth == model.AuthNone:
		return 3
	case a.Auth == model.AuthRequired:
		return 2
	case a.App != "":
		return 1
	default:
		return 0
	}
}

// waits tells whether a socket is about to be asked.
func (e *exposer) waits(socket *model.Socket) bool {
	if _, candidates := e.known.ProbeTarget(socket); len(candidates) == 0 {
		return false
	}
	since, waits := e.snapshot.Services.Waiting[socket.Key()]
	if !waits || e.snapshot.Time.Sub(since) >= patience {
		return !waits
	}
	if turns := since.Add(patience); e.turns.IsZero() || turns.Before(e.turns) {
		e.turns = turns
	}
	return true
}

// locate says whose service it is.
func locate(processes *model.ProcessSnapshot, out *model.Exposure) {
	owner, found := processes.Process(out.Socket.Owner.PID)
	if found && owner.Identity == out.Socket.Owner {
		out.ContainerID, out.Container, out.Unit, out.User = owner.ContainerID, owner.Container, owner.Unit, owner.User
	}
}

// reachThrough says whether others reach a service of another namespace by a port of
// the host, and names the ports.
func (e *exposer) reachThrough(d *exposedService, out *model.Exposure) {
	endpoints := map[string]bool{}
	for i := range d.sockets {
		endpoints[endpoint(d.sockets[i].Address, d.sockets[i].Port)] = true
	}
	if out.Socket.NetNS != "" {
		out.Forwarded = model.ForwardedNo
		if e.snapshot.Sockets.ForwardingUnknown != "" {
			out.Forwarded = model.ForwardedUnknown
		}
	}
	for i, publication := range d.rules {
		if i == 0 {
			clear(endpoints)
			out.Forwarded, out.Scope = model.ForwardedYes, model.ScopeOf(publication.Host.Addr())
		}
		endpoints[publication.Host.String()] = true
		if scope := model.ScopeOf(publication.Host.Addr()); width(scope) < width(out.Scope) {
			out.Scope = scope
		}
		if !slices.Contains(out.Forwarders, publication.Via) {
			out.Forwarders = append(out.Forwarders, publication.Via)
		}
	}
	out.Endpoints = slices.Sorted(maps.Keys(endpoints))
}

// logOf returns the log of what was submitted to a process, or nil.
func (e *exposer) logOf(owner model.Identity) *model.SubmissionLog {
	if s := e.snapshot.Services; s != nil {
		for i := range s.SubmissionLogs {
			if s.SubmissionLogs[i].Owner == owner {
				return &s.SubmissionLogs[i]
			}
		}
	}
	return nil
}

// width orders scopes, the widest first.
func width(scope model.Scope) int {
	return slices.Index([]model.Scope{model.ScopeAny, model.ScopePublic, model.ScopePrivate, model.ScopeLoopback}, scope)
}

package catalogue

import (
	"net/netip"
	"path"
	"slices"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// ExposedSockets finds, among the sockets of one sample, those of services that others
// reach, and where each can be probed. It is made once for each sample and does not
// change.
type ExposedSockets struct {
	catalogue *Catalogue
	addresses map[string][]netip.Addr // at which each network namespace is reached from here
	ipv4      map[port]bool           // where a socket of IPv4 listens
	owners    map[model.Identity]ownPorts
}

// port is a TCP port of a network namespace.
type port struct {
	netns  string
	number uint16
}

// ownPorts says at which ports of its service an owner that is known by evidence
// listens: at any of them, and at one to be probed.
type ownPorts struct{ any, probed bool }

// NewExposedSockets looks through a sample.
func NewExposedSockets(s *model.SocketSnapshot, catalogue *Catalogue) *ExposedSockets {
	e := &ExposedSockets{
		catalogue: catalogue, addresses: map[string][]netip.Addr{}, ipv4: map[port]bool{}, owners: map[model.Identity]ownPorts{},
	}
	for _, namespace := range s.Namespaces {
		e.addresses[namespace.ID] = namespace.Dial
	}
	for i := range s.Sockets {
		socket := &s.Sockets[i]
		if socket.Protocol != model.TCP {
			continue
		}
		if address, err := netip.ParseAddr(socket.Address); err != nil || address.Is4() {
			e.ipv4[port{socket.NetNS, socket.Port}] = true
		}
		if service, ok := catalogue.Service(socket.App); ok && socket.Confidence == model.ConfidenceEvidence {
			ports := e.owners[socket.Owner]
			ports.any = ports.any || service.listensAt(socket.Port)
			ports.probed = ports.probed || slices.Contains(service.probePorts(), socket.Port)
			e.owners[socket.Owner] = ports
		}
	}
	return e
}

// Contains tells whether a socket may be an exposed service. A service also listens at
// ports that only its own components speak to: where it listens at one of its known
// ports, its other ports are not exposed services.
func (e *ExposedSockets) Contains(socket *model.Socket) bool {
	if socket.Protocol != model.TCP || socket.Scope == model.ScopeLoopback || socket.OwnedByExporter || socket.InternalComponent {
		return false
	}
	service, ok := e.catalogue.Service(socket.App)
	if !ok || socket.Confidence != model.ConfidenceEvidence {
		return true
	}
	return service.listensAt(socket.Port) || !e.owners[socket.Owner].any
}

// ProbeTarget returns the address at which a socket can be probed, and the apps that it
// may be, the likeliest first. Without candidates it must not be probed: it is no
// exposed service, the catalogue does not know how to probe it, or at no address it is
// certain that nobody else would answer.
//
// The address is one that others would use: some services trust loopback (Redis'
// protected mode).
func (e *ExposedSockets) ProbeTarget(socket *model.Socket) (netip.AddrPort, []Candidate) {
	if !e.Contains(socket) {
		return netip.AddrPort{}, nil
	}
	candidates := e.candidates(socket)
	if len(candidates) == 0 {
		return netip.AddrPort{}, nil
	}
	for _, address := range e.addresses[socket.NetNS] {
		if e.accepts(socket, address) {
			return netip.AddrPortFrom(address, socket.Port), candidates
		}
	}
	return netip.AddrPort{}, nil
}

// accepts tells whether a socket, and no other, accepts connections to an address of
// its namespace. A socket of IPv6 accepts those of IPv4 too unless IPV6_V6ONLY is set,
// which cannot always be seen: then no other may listen at the port with IPv4.
func (e *ExposedSockets) accepts(socket *model.Socket, address netip.Addr) bool {
	own, err := netip.ParseAddr(socket.Address)
	switch {
	case err != nil:
		return false
	case !own.IsUnspecified():
		return own == address
	case own.Is4():
		return address.Is4()
	default:
		return address.Is6() || socket.DualStack || !e.ipv4[port{socket.NetNS, socket.Port}]
	}
}

// candidates lists what a socket may be: the app that its owner is, by evidence, or
// else those that claim its port.
func (e *ExposedSockets) candidates(socket *model.Socket) []Candidate {
	apps := []string{socket.App}
	if socket.Confidence != model.ConfidenceEvidence {
		if socket.App == "" && e.catalogue.uncatalogued[path.Base(socket.OwnerExe)] {
			return nil
		}
		apps = e.catalogue.Candidates(socket.Port)
	}
	var candidates []Candidate
	for _, app := range apps {
		service, ok := e.catalogue.Service(app)
		if ok && len(service.Checks) > 0 && e.isProbed(socket, &service) {
			candidates = append(candidates, Candidate{App: app, Checks: service.Checks})
		}
	}
	return candidates
}

// isProbed tells whether a service may be probed at the port of a socket. At its other
// ports it speaks another protocol, in which a probe is noise; an owner that listens at
// none of its ports was configured to use another.
func (e *ExposedSockets) isProbed(socket *model.Socket, service *Service) bool {
	if socket.Confidence != model.ConfidenceEvidence || slices.Contains(service.probePorts(), socket.Port) {
		return true
	}
	return !e.owners[socket.Owner].probed && !slices.Contains(service.Ports, socket.Port)
}

package catalogue

import (
	"net/netip"
	"path"
	"slices"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// ExposedSockets tells which sockets of one sample are doors, and how each can be asked. It
// is made once for each sample and read only.
type ExposedSockets struct {
	catalogue *Catalogue
	dial      map[string][]netip.Addr  // of each network namespace
	ipv4      map[place]bool           // where a socket of IPv4 listens
	usual     map[model.Identity]usual // of owners that are known by evidence
}

// place is a port in a network namespace.
type place struct {
	netns string
	port  uint16
}

// usual tells at which ports of its service an owner listens.
type usual struct{ known, asked bool }

// NewExposedSockets looks through a sample.
func NewExposedSockets(s *model.SocketSnapshot, catalogue *Catalogue) *ExposedSockets {
	d := &ExposedSockets{catalogue: catalogue, dial: map[string][]netip.Addr{}, ipv4: map[place]bool{}, usual: map[model.Identity]usual{}}
	for _, namespace := range s.Namespaces {
		d.dial[namespace.ID] = namespace.Dial
	}
	for i := range s.Sockets {
		socket := &s.Sockets[i]
		if socket.Protocol != model.TCP {
			continue
		}
		if address, err := netip.ParseAddr(socket.Address); err != nil || address.Is4() {
			d.ipv4[place{socket.NetNS, socket.Port}] = true
		}
		if service, ok := catalogue.Service(socket.App); ok && socket.Confidence == model.ConfidenceEvidence {
			known := d.usual[socket.Owner]
			known.known = known.known || slices.Contains(service.Ports, socket.Port) || slices.Contains(service.AskedPorts, socket.Port)
			known.asked = known.asked || slices.Contains(service.askedPorts(), socket.Port)
			d.usual[socket.Owner] = known
		}
	}
	return d
}

// Contains tells whether a socket may be an exposed service. A service listens at ports that only its
// own parts speak to as well: those are none, where it also listens at its usual
// one.
func (d *ExposedSockets) Contains(socket *model.Socket) bool {
	if socket.Protocol != model.TCP || socket.Scope == model.ScopeLoopback || socket.OwnedByExporter || socket.InternalComponent {
		return false
	}
	service, ok := d.catalogue.Service(socket.App)
	return !ok || socket.Confidence != model.ConfidenceEvidence || !d.usual[socket.Owner].known ||
		slices.Contains(service.Ports, socket.Port) || slices.Contains(service.AskedPorts, socket.Port)
}

// ProbeTarget returns where a socket can be asked whether it lets anybody in, and as
// what it may answer, the likeliest first. Without candidates it is not to be
// asked: what listens there is none of the catalogue, is no door, or nobody but it
// is not sure to answer.
//
// The address is one that others would use: some services trust loopback (Redis'
// protected mode).
func (d *ExposedSockets) ProbeTarget(socket *model.Socket) (netip.AddrPort, []Candidate) {
	if !d.Contains(socket) {
		return netip.AddrPort{}, nil
	}
	candidates := d.candidates(socket)
	if len(candidates) == 0 {
		return netip.AddrPort{}, nil
	}
	for _, address := range d.dial[socket.NetNS] {
		if d.takes(socket, address) {
			return netip.AddrPortFrom(address, socket.Port), candidates
		}
	}
	return netip.AddrPort{}, nil
}

// takes tells whether a socket, and no other, takes connections to an address of
// its namespace. One of IPv6 takes those of IPv4 too, unless it was told not to,
// which cannot always be seen: then nobody else may be there to answer.
func (d *ExposedSockets) takes(socket *model.Socket, address netip.Addr) bool {
	own, err := netip.ParseAddr(socket.Address)
	switch {
	case err != nil:
		return false
	case !own.IsUnspecified():
		return own == address
	case own.Is4():
		return address.Is4()
	default:
		return address.Is6() || socket.DualStack || !d.ipv4[place{socket.NetNS, socket.Port}]
	}
}

// candidates lists what a socket may be: what its owner is, by evidence, or else
// what its port speaks for.
func (d *ExposedSockets) candidates(socket *model.Socket) []Candidate {
	apps := []string{socket.App}
	if socket.Confidence != model.ConfidenceEvidence {
		if socket.App == "" && d.catalogue.others[path.Base(socket.OwnerExe)] {
			return nil
		}
		apps = d.catalogue.Candidates(socket.Port)
	}
	var candidates []Candidate
	for _, app := range apps {
		service, ok := d.catalogue.Service(app)
		if ok && len(service.Checks) > 0 && d.answers(socket, &service) {
			candidates = append(candidates, Candidate{App: app, Checks: service.Checks})
		}
	}
	return candidates
}

// answers tells whether a port of a service is one to ask at. Any other speaks
// another protocol, in which a question is noise; an owner that listens at none of
// them was set up to use another.
func (d *ExposedSockets) answers(socket *model.Socket, service *Service) bool {
	return socket.Confidence != model.ConfidenceEvidence || slices.Contains(service.askedPorts(), socket.Port) ||
		!d.usual[socket.Owner].asked && !slices.Contains(service.Ports, socket.Port)
}

// Asked lists the apps that there is a question for.
func (c *Catalogue) Asked() []string {
	var apps []string
	for i := range c.services {
		if len(c.services[i].Checks) > 0 {
			apps = append(apps, c.services[i].App)
		}
	}
	return apps
}

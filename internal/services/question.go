package services

import (
	"net/netip"
	"path"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/services/probe"
)

// Question returns where a listening socket can be asked whether it lets anybody
// in, and as what it may answer, the likeliest first. Without candidates it is not
// to be asked: what listens there is none of the catalogue, is no door, or nobody
// but it is not sure to answer.
//
// The address is one that others would use: some services trust loopback (Redis'
// protected mode).
func Question(s *host.SocketSnapshot, socket *host.Socket, catalogue *Catalogue) (netip.AddrPort, []probe.Candidate) {
	if socket.Protocol != host.TCP || socket.Scope == host.ScopeLoopback || socket.Own {
		return netip.AddrPort{}, nil
	}
	candidates := catalogue.candidates(socket)
	if len(candidates) == 0 {
		return netip.AddrPort{}, nil
	}
	for i := range s.Namespaces {
		if s.Namespaces[i].ID != socket.NetNS {
			continue
		}
		for _, address := range s.Namespaces[i].Dial {
			if takes(socket, address) {
				return netip.AddrPortFrom(address, socket.Port), candidates
			}
		}
	}
	return netip.AddrPort{}, nil
}

// takes tells whether a socket takes connections to an address of its namespace.
func takes(socket *host.Socket, address netip.Addr) bool {
	own, err := netip.ParseAddr(socket.Address)
	switch {
	case err != nil:
		return false
	case !own.IsUnspecified():
		return own == address
	case own.Is4():
		return address.Is4()
	default:
		return address.Is6() || socket.DualStack
	}
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

// candidates lists what a socket may be: what its owner is, by evidence, or else
// what its port speaks for.
func (c *Catalogue) candidates(socket *host.Socket) []probe.Candidate {
	apps := []string{socket.App}
	if socket.Confidence != host.ConfidenceEvidence {
		if socket.App == "" && c.others[path.Base(socket.OwnerExe)] {
			return nil
		}
		apps = c.Candidates(socket.Port)
	}
	var candidates []probe.Candidate
	for _, app := range apps {
		if service, ok := c.Service(app); ok && len(service.Checks) > 0 {
			candidates = append(candidates, probe.Candidate{App: app, Checks: service.Checks})
		}
	}
	return candidates
}

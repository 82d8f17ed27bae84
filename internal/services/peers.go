package services

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/services/submissions"
)

const (
	// peerSpan is how long ago a peer may have been seen when a submission is read.
	peerSpan = time.Minute
	maxPeers = 256 // of all services
	// maxReported is how many peers are recorded with a submission.
	maxReported = 4
)

// peer is an address that was connected to a service that takes submissions.
type peer struct {
	service model.Identity
	address netip.Addr
}

// port is a TCP port of a network namespace.
type port struct {
	netns  string
	number uint16
}

// recordPeers remembers who is connected to services that log their submissions, at
// the ports that take them: not at those for the service's own components, nor where
// it answered as another service.
func (s *Sensor) recordPeers(now time.Time, sockets *model.SocketSnapshot, exposed *catalogue.ExposedSockets) {
	services := map[port]model.Identity{}
	for i := range sockets.Sockets {
		socket := &sockets.Sockets[i]
		if socket.LogFile != "" && exposed.Contains(socket) && !s.answers[socket.Key()].OtherApp {
			services[port{socket.NetNS, socket.Port}] = socket.Owner
		}
	}
	for _, p := range sockets.Peers {
		if service, ok := services[port{p.NetNS, p.Port}]; ok && len(s.peers) < maxPeers {
			s.peers[peer{service, p.Remote}] = sockets.Time
		}
	}
	maps.DeleteFunc(s.peers, func(_ peer, seen time.Time) bool { return now.Sub(seen) > peerSpan })
}

// recentPeers lists who was connected to a service within the last minute, the last
// first.
func (s *Sensor) recentPeers() map[model.Identity][]netip.Addr {
	byService := map[model.Identity][]netip.Addr{}
	for _, p := range slices.SortedFunc(maps.Keys(s.peers), func(a, b peer) int {
		return cmp.Or(s.peers[b].Compare(s.peers[a]), a.address.Compare(b.address))
	}) {
		if list := byService[p.service]; len(list) < maxReported {
			byService[p.service] = append(list, p.address)
		}
	}
	return byService
}

// logTargets lists the logs of the processes that listen, each once.
func logTargets(sockets *model.SocketSnapshot) []submissions.Target {
	var list []submissions.Target
	for i := range sockets.Sockets {
		socket := &sockets.Sockets[i]
		target := submissions.Target{App: socket.App, Owner: socket.Owner, Path: socket.LogFile}
		if socket.LogFile != "" && socket.Owner.PID > 0 && !slices.Contains(list, target) {
			list = append(list, target)
		}
	}
	slices.SortFunc(list, func(a, b submissions.Target) int {
		return cmp.Or(cmp.Compare(a.Owner.PID, b.Owner.PID), strings.Compare(a.Path, b.Path))
	})
	return list
}

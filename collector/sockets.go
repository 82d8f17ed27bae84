package collector

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// socketLimit bounds the sockets that have series of their own.
const socketLimit = 20

type sockets struct {
	snapshot func() *model.SocketSnapshot
	labels   *Labels

	count, info *prometheus.Desc
}

// NewSockets exports the listening sockets of all network namespaces: their number for
// each protocol and scope, 0 too, and at most 24 by address, services that
// others reach first. Without a snapshot Update returns ErrNoData.
func NewSockets(snapshot func() *model.SocketSnapshot, labels *Labels) Collector {
	return &sockets{
		snapshot: snapshot, labels: labels,
		count: prometheus.NewDesc("cryptojack_listening_sockets",
			"Listening TCP and bound UDP sockets of all network namespaces by how far their address reaches. A host firewall is not looked at.", []string{"protocol", "scope"}, nil),
		info: prometheus.NewDesc("cryptojack_listening_socket_info",
			"A listening socket; at most 24, services that miners enter by first. app is empty for what is in no catalogue.",
			[]string{"protocol", "address", "port", "scope", "app", "process"}, nil),
	}
}

// Name implements Collector.
func (*sockets) Name() string { return "sockets" }

// Update implements Collector.
func (c *sockets) Update(ch chan<- prometheus.Metric) error {
	s := c.snapshot()
	if s == nil {
		return ErrNoData
	}
	type key struct {
		protocol model.Protocol
		scope    model.Scope
	}
	counts := map[key]int{}
	for i := range s.Sockets {
		counts[key{s.Sockets[i].Protocol, s.Sockets[i].Scope}]++
	}
	send := newSender(ch)
	for _, protocol := range model.Protocols() {
		for _, scope := range model.Scopes() {
			send.gauge(c.count, float64(counts[key{protocol, scope}]), string(protocol), string(scope))
		}
	}
	for _, socket := range worstSockets(s.Sockets) {
		port := strconv.Itoa(int(socket.Port))
		process := c.labels.label(processName(socket))
		// The same address may be in use in several network namespaces.
		if send.unique(strings.Join([]string{string(socket.Protocol), socket.Address, port, socket.App, process}, " ")) {
			send.gauge(c.info, 1, string(socket.Protocol), socket.Address, port, string(socket.Scope), socket.App, process)
		}
	}
	return nil
}

// worstSockets picks those that have series: exposed services, then what is
// open to others, then what belongs to the catalogue, then the rest.
func worstSockets(all []model.Socket) []*model.Socket {
	var ranks [4][]*model.Socket
	for i := range all {
		s, rank := &all[i], 3
		switch {
		case s.Exposed():
			rank = 0
		case s.Scope == model.ScopeAny || s.Scope == model.ScopePublic:
			rank = 1
		case s.App != "":
			rank = 2
		}
		if len(ranks[rank]) < socketLimit {
			ranks[rank] = append(ranks[rank], s)
		}
	}
	picked := slices.Concat(ranks[:]...)
	return picked[:min(len(picked), socketLimit)]
}

func processName(socket *model.Socket) string {
	if socket.OwnerExe == "" {
		return socket.OwnerComm
	}
	return path.Base(socket.OwnerExe)
}

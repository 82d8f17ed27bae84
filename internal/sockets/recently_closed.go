package sockets

import (
	"slices"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// maxRecentlyClosed bounds the closed sockets that are kept. The newest stay.
const maxRecentlyClosed = 256

// recentlyClosed adds to the closed sockets what others could reach in the last sample and
// is gone now: what came in by such a socket outlives it.
func recentlyClosed(closed, last, now []model.Socket) []model.Socket {
	type listener struct {
		owner model.Identity
		port  uint16
	}
	known := map[listener]bool{}
	for _, sockets := range [][]model.Socket{closed, now} {
		for i := range sockets {
			known[listener{sockets[i].Owner, sockets[i].Port}] = true
		}
	}
	closed = slices.Clone(closed)
	for i := range last {
		socket := &last[i]
		key := listener{socket.Owner, socket.Port}
		wasReachable := socket.Protocol == model.TCP && socket.Scope != model.ScopeLoopback
		if wasReachable && socket.Owner.PID > 1 && !known[key] {
			known[key] = true
			closed = append(closed, *socket)
		}
	}
	return closed[max(0, len(closed)-maxRecentlyClosed):]
}

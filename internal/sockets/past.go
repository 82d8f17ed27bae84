package sockets

import (
	"slices"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// maxPast bounds the closed sockets that are remembered. The newest stay.
const maxPast = 256

// remember adds to the past what others could reach in the last sample and is not any
// more: what came in by such a door outlives it.
func remember(past, last, now []model.Socket) []model.Socket {
	type door struct {
		owner model.Identity
		port  uint16
	}
	known := map[door]bool{}
	for _, sockets := range [][]model.Socket{past, now} {
		for i := range sockets {
			known[door{sockets[i].Owner, sockets[i].Port}] = true
		}
	}
	past = slices.Clone(past)
	for i := range last {
		socket := last[i]
		if closed := (door{socket.Owner, socket.Port}); socket.Protocol == model.TCP && socket.Scope != model.ScopeLoopback && socket.Owner.PID > 1 && !known[closed] {
			known[closed] = true
			past = append(past, socket)
		}
	}
	return past[max(0, len(past)-maxPast):]
}

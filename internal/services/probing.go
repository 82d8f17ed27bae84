package services

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	probeEvery = 10 * time.Minute // at the least, between two probes of one socket
	probeTime  = 4 * time.Second  // after which one sample begins no further probe
	maxProbed  = 256              // sockets in one sample: somebody may open thousands
)

// dueProbe is one socket that is to be probed.
type dueProbe struct {
	key        model.SocketKey
	target     netip.AddrPort
	candidates []catalogue.Candidate
	last       time.Time // zero for never
}

// probe probes the sockets that are due, one at a time, those that were never probed
// first. Sockets that were closed are forgotten.
func (s *Sensor) probe(ctx context.Context, now time.Time, sockets *model.SocketSnapshot, exposed *catalogue.ExposedSockets) {
	end := time.Now().Add(probeTime)
	answers, waiting := map[model.SocketKey]model.Answer{}, map[model.SocketKey]time.Time{}
	var due []dueProbe
	for i := range sockets.Sockets {
		socket := &sockets.Sockets[i]
		key := socket.Key()
		target, candidates := exposed.ProbeTarget(socket)
		if len(candidates) == 0 {
			continue
		}
		known, answered := s.answers[key]
		if answered {
			answers[key] = known
		}
		if !answered || now.Sub(known.Time) >= probeEvery {
			due = append(due, dueProbe{key, target, candidates, known.Time})
		}
	}
	slices.SortStableFunc(due, func(a, b dueProbe) int {
		return cmp.Or(a.last.Compare(b.last), cmp.Compare(a.key.Inode, b.key.Inode))
	})
	for i, d := range due {
		isFirst := d.last.IsZero()
		outOfTime := ctx.Err() != nil || i > 0 && time.Now().After(end)
		switch {
		case i >= maxProbed && isFirst:
			answers[d.key] = model.Answer{Time: now, Auth: model.AuthUnknown, Failure: "more services listen than are asked."}
		case outOfTime && isFirst:
			waiting[d.key] = now
			if since, ok := s.waiting[d.key]; ok {
				waiting[d.key] = since
			}
		case !outOfTime:
			answer := s.options.Probe(ctx, d.target, d.candidates)
			answers[d.key] = answer
			level.Debug(s.options.Logger).Log("msg", "probed a service", "address", d.target, "app", answer.App,
				"auth", answer.Auth, "failure", answer.Failure)
		}
	}
	s.answers, s.waiting = answers, waiting
}

// Package services is the sensor of exposed services: it asks those of the
// catalogue whether they let anybody in, and follows the logs of what was
// submitted to them.
package services

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/services/flinklog"
)

const (
	// askEvery is the least time between two questions to one socket.
	askEvery = 10 * time.Minute
	// askTime is how long one sample goes on asking; the rest is left to the next.
	askTime = 4 * time.Second
	// maxAsked bounds the sockets that are asked: somebody may open thousands.
	maxAsked = 256
	// peerSpan is how long a connection may be past when an event of a log is read.
	peerSpan = time.Minute
	maxPeers = 4
)

// Options are what the sensor needs.
type Options struct {
	Proc      string // --path.procfs
	Catalogue func() *catalogue.Catalogue
	Probing   func() bool // whether services are asked
	Sockets   func() *model.SocketSnapshot
	// Ask asks one socket, and says when; see probe.Prober.
	Ask      func(ctx context.Context, target netip.AddrPort, candidates []catalogue.Candidate) model.Answer
	Interval time.Duration // between samples, published with each
	Logger   log.Logger
}

// Sensor asks services whether they let anybody in, and reads what Flink writes
// down. Sample is called by one goroutine.
type Sensor struct {
	options   Options
	answers   map[model.SocketKey]model.Answer
	waiting   map[model.SocketKey]time.Time
	logs      *flinklog.Reader
	peers     map[netip.Addr]time.Time // of Flink's REST ports, when last seen
	told      map[string]bool
	published atomic.Pointer[model.ServiceSnapshot]
}

// New returns a sensor. It reads nothing yet.
func New(o Options) *Sensor {
	return &Sensor{
		options: o, answers: map[model.SocketKey]model.Answer{}, waiting: map[model.SocketKey]time.Time{},
		logs: flinklog.New(o.Proc), peers: map[netip.Addr]time.Time{}, told: map[string]bool{},
	}
}

// Snapshot returns the last sample, or nil before the first. A sensor
// that is nil is off, and has none.
func (s *Sensor) Snapshot() *model.ServiceSnapshot {
	if s == nil {
		return nil
	}
	return s.published.Load()
}

// Name is the sensor's name, as in the label `sensor`.
func (*Sensor) Name() string { return "services" }

// Meta is what the last sample says of itself, or nil before the first.
func (s *Sensor) Meta() *model.Meta {
	if snapshot := s.Snapshot(); snapshot != nil {
		return &snapshot.Meta
	}
	return nil
}

// Next is how long to wait for the next sample.
func (s *Sensor) Next() time.Duration {
	if s.Snapshot() == nil {
		return 100 * time.Millisecond // the sockets are not known yet
	}
	return s.options.Interval
}

// Sample asks what is due, reads the logs and publishes both. Without a sample of
// the sockets it does nothing.
func (s *Sensor) Sample(ctx context.Context, now time.Time) error {
	began := time.Now()
	sockets := s.options.Sockets()
	if sockets == nil {
		return nil
	}
	probing := s.options.Probing()
	if probing {
		s.ask(ctx, now, sockets)
	} else {
		clear(s.answers)
		clear(s.waiting)
	}
	s.meet(now, sockets)
	logs := s.logs.Read(now, targets(sockets), s.callers())
	for i := range logs {
		if failure := logs[i].Failure; failure != "" && !s.told[logs[i].Path] && len(s.told) < maxAsked {
			s.told[logs[i].Path] = true
			level.Warn(s.options.Logger).Log("msg", "a log of Flink is not read", "path", logs[i].Path, "err", failure)
		}
	}
	s.published.Store(&model.ServiceSnapshot{
		Meta: model.Meta{
			Time: now, Duration: time.Since(began), Interval: s.options.Interval, ReadErrors: s.logs.Errors(),
			Visibility: map[model.Aspect]model.Share{model.AspectFlinkLog: s.logs.Share()},
		},
		Probing: probing, Apps: s.options.Catalogue().Asked(), Answers: maps.Clone(s.answers), Waiting: maps.Clone(s.waiting),
		FlinkEvents: s.logs.Events(), FlinkLogs: logs,
	})
	return nil
}

// question is one socket that is due.
type question struct {
	key        model.SocketKey
	target     netip.AddrPort
	candidates []catalogue.Candidate
	asked      time.Time // zero for never
}

// ask asks the sockets that are due, one at a time, those that were never asked
// first. What is gone is forgotten.
func (s *Sensor) ask(ctx context.Context, now time.Time, sockets *model.SocketSnapshot) {
	exposed, end := catalogue.NewExposedSockets(sockets, s.options.Catalogue()), time.Now().Add(askTime)
	answers, waiting := map[model.SocketKey]model.Answer{}, map[model.SocketKey]time.Time{}
	var due []question
	for i := range sockets.Sockets {
		socket := &sockets.Sockets[i]
		key := socket.Key()
		target, candidates := exposed.ProbeTarget(socket)
		if len(candidates) == 0 {
			continue
		}
		known, heard := s.answers[key]
		if heard {
			answers[key] = known
		}
		if !heard || now.Sub(known.Time) >= askEvery {
			due = append(due, question{key, target, candidates, known.Time})
		}
	}
	slices.SortStableFunc(due, func(a, b question) int {
		return cmp.Or(a.asked.Compare(b.asked), cmp.Compare(a.key.Inode, b.key.Inode))
	})
	for i, q := range due {
		switch {
		case i >= maxAsked && q.asked.IsZero():
			answers[q.key] = model.Answer{Time: now, Auth: model.AuthUnknown, Failure: "more services listen than are asked."}
		case i > 0 && time.Now().After(end):
			if q.asked.IsZero() {
				waiting[q.key] = now
				if since, ok := s.waiting[q.key]; ok {
					waiting[q.key] = since
				}
			}
		default:
			answer := s.options.Ask(ctx, q.target, q.candidates)
			answers[q.key] = answer
			level.Debug(s.options.Logger).Log("msg", "asked a service", "address", q.target, "app", answer.App, "auth", answer.Auth, "failure", answer.Failure)
		}
	}
	s.answers, s.waiting = answers, waiting
}

// meet remembers who is connected to Flink.
func (s *Sensor) meet(now time.Time, sockets *model.SocketSnapshot) {
	takes := s.submissionPorts(sockets)
	for _, peer := range sockets.Peers {
		if len(s.peers) < maxAsked && takes[port{peer.NetNS, peer.Port}] {
			s.peers[peer.Remote] = sockets.Time
		}
	}
	maps.DeleteFunc(s.peers, func(_ netip.Addr, seen time.Time) bool { return now.Sub(seen) > peerSpan })
}

// port is one of TCP in a network namespace.
type port struct {
	netNS  string
	number uint16
}

// submissionPorts are the ports of Flink whose callers matter: they may submit jars. Others
// of its ports, also those that answered as another service, take none.
func (s *Sensor) submissionPorts(sockets *model.SocketSnapshot) map[port]bool {
	ports := map[port]bool{}
	exposed := catalogue.NewExposedSockets(sockets, s.options.Catalogue())
	for i := range sockets.Sockets {
		socket := &sockets.Sockets[i]
		if socket.LogFile != "" && exposed.Contains(socket) && !s.answers[socket.Key()].OtherApp {
			ports[port{socket.NetNS, socket.Port}] = true
		}
	}
	return ports
}

// callers lists who was connected to Flink within the last minute, the last first.
func (s *Sensor) callers() []netip.Addr {
	callers := slices.SortedFunc(maps.Keys(s.peers), func(a, b netip.Addr) int {
		return cmp.Or(s.peers[b].Compare(s.peers[a]), a.Compare(b))
	})
	return callers[:min(len(callers), maxPeers)]
}

// targets lists the logs of the Flink processes that listen, each once.
func targets(sockets *model.SocketSnapshot) []flinklog.Target {
	var list []flinklog.Target
	for i := range sockets.Sockets {
		socket := &sockets.Sockets[i]
		target := flinklog.Target{Owner: socket.Owner, Path: socket.LogFile}
		if socket.LogFile != "" && socket.Owner.PID > 0 && !slices.Contains(list, target) {
			list = append(list, target)
		}
	}
	slices.SortFunc(list, func(a, b flinklog.Target) int {
		return cmp.Or(cmp.Compare(a.Owner.PID, b.Owner.PID), strings.Compare(a.Path, b.Path))
	})
	return list
}

// Package services is the sensor of exposed services: it probes those of the
// catalogue, whether they let anybody in, and follows the logs of what was submitted
// to them.
package services

import (
	"context"
	"maps"
	"net/netip"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/services/flinklog"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/services/submissions"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// maxLogged bounds the logs whose failure is logged.
const maxLogged = 256

// Options are what the sensor needs. Proc, Catalogue, Sockets and Probe must be set.
type Options struct {
	Proc      string                       // --path.procfs
	Catalogue func() *catalogue.Catalogue  // of each sample
	Sockets   func() *model.SocketSnapshot // what listens; nil before the first sample
	// Probe probes one socket, and says when; see probe.Prober. It returns at once
	// when the context ends.
	Probe    func(ctx context.Context, target netip.AddrPort, candidates []catalogue.Candidate) model.Answer
	Probing  func() bool   // whether services are probed, asked at each sample; nil: always
	Interval time.Duration // between samples, published with each
	Logger   log.Logger    // nil: nothing is logged
}

func (o Options) withDefaults() Options {
	if o.Probing == nil {
		o.Probing = func() bool { return true }
	}
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	return o
}

// Sensor probes services and reads the logs of what was submitted to them. Sample is
// called by one goroutine.
type Sensor struct {
	model.Latest[model.ServiceSnapshot]

	options Options
	answers map[model.SocketKey]model.Answer
	waiting map[model.SocketKey]time.Time // since when they wait for their first probe
	logs    *submissions.Reader
	peers   map[peer]time.Time // when last seen
	logged  map[string]bool    // paths of logs whose failure was logged
}

// New returns a sensor. It reads nothing yet.
func New(o Options) *Sensor {
	o = o.withDefaults()
	return &Sensor{
		options: o, answers: map[model.SocketKey]model.Answer{}, waiting: map[model.SocketKey]time.Time{},
		logs:  submissions.New(o.Proc, map[string]submissions.Format{flinklog.App: flinklog.Format{}}),
		peers: map[peer]time.Time{}, logged: map[string]bool{},
	}
}

// Name is the sensor's name, as in the label `sensor`.
func (*Sensor) Name() string { return "services" }

// Next is how long to wait for the next sample.
func (s *Sensor) Next() time.Duration {
	if s.Snapshot() == nil {
		return 100 * time.Millisecond // the sockets are not known yet
	}
	return s.options.Interval
}

// Sample probes what is due, reads the logs and publishes both. Without a sample of
// the sockets it does nothing. When the context ends, what was not probed is left to
// the next sample.
func (s *Sensor) Sample(ctx context.Context, now time.Time) error {
	began := time.Now()
	sockets := s.options.Sockets()
	if sockets == nil {
		return nil
	}
	known, probing := s.options.Catalogue(), s.options.Probing()
	exposed := catalogue.NewExposedSockets(sockets, known)
	if probing {
		s.probe(ctx, now, sockets, exposed)
	} else {
		clear(s.answers)
		clear(s.waiting)
	}
	s.recordPeers(now, sockets, exposed)
	logs := s.logs.Read(now, logTargets(sockets), s.recentPeers())
	for i := range logs {
		s.logFailure(&logs[i])
	}
	snapshot := &model.ServiceSnapshot{
		Meta: model.Meta{
			Time: now, Duration: time.Since(began), Interval: s.options.Interval, ReadErrors: s.logs.Errors(),
			Visibility: map[model.Aspect]model.Share{model.AspectSubmissionLog: s.logs.Share()},
		},
		Probing: probing, Apps: known.ProbedApps(), Answers: maps.Clone(s.answers), Waiting: maps.Clone(s.waiting),
		Submissions: s.logs.Events(), SubmissionLogs: logs,
	}
	s.Publish(snapshot, &snapshot.Meta)
	return nil
}

// logFailure logs once of each path that it is not read.
func (s *Sensor) logFailure(l *model.SubmissionLog) {
	if l.Failure == "" || s.logged[l.Path] || len(s.logged) >= maxLogged {
		return
	}
	s.logged[l.Path] = true
	level.Warn(s.options.Logger).Log("msg", "a log of submissions is not read", "app", l.App,
		"path", text.Escape(l.Path), "err", text.Escape(l.Failure))
}

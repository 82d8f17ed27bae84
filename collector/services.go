package collector

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

type services struct {
	findings func() *model.Findings
	sockets  func() *model.SocketSnapshot
	answers  func() *model.ServiceSnapshot

	exposed, events *prometheus.Desc
}

// NewServices exports the number of exposed services by app, scope and answer, and the
// events of Flink's logs. It needs the snapshots of the sockets and of the findings:
// while one of them is nil Update returns ErrNoData. While answers returns nil (the
// services have not been asked yet, or never are) the events of logs are left out,
// and apps exist at 0 with auth unknown only.
func NewServices(findings func() *model.Findings, sockets func() *model.SocketSnapshot, answers func() *model.ServiceSnapshot) Collector {
	return &services{
		findings: findings, sockets: sockets, answers: answers,
		exposed: prometheus.NewDesc("cryptojack_exposed_services",
			"Services that miners enter by and that other machines may reach, also those known by their port alone (see cryptojack_findings). auth is what the service said when it was asked; a host firewall is not looked at.",
			[]string{"app", "scope", "auth"}, nil),
		events: prometheus.NewDesc("cryptojack_flink_log_events_total",
			"Events of Flink since its logs were first seen: jars that appeared where the log says that uploads are kept (jar_upload), jars that were run through REST (jar_run), requests through REST that failed or were cut off (rest_exception).",
			[]string{"event"}, nil),
	}
}

// Name implements Collector.
func (*services) Name() string { return "services" }

// Update implements Collector.
func (c *services) Update(ch chan<- prometheus.Metric) error {
	sockets, found := c.sockets(), c.findings()
	if sockets == nil || found == nil {
		return ErrNoData
	}
	counts := map[model.ExposedKey]int{}
	for _, app := range sockets.Apps {
		counts[model.ExposedKey{App: app, Scope: model.ScopeAny, Auth: model.AuthUnknown}] = 0
	}
	answers := c.answers()
	if answers != nil {
		for _, app := range answers.Apps {
			counts[model.ExposedKey{App: app, Scope: model.ScopeAny, Auth: model.AuthNone}] = 0
		}
	}
	for i := range found.Exposures {
		e := &found.Exposures[i]
		counts[model.ExposedKey{App: e.App, Scope: e.Scope, Auth: e.Auth}]++
	}
	send := newSender(ch)
	for key, count := range counts {
		send.gauge(c.exposed, float64(count), key.App, string(key.Scope), string(key.Auth))
	}
	if answers != nil {
		for _, event := range model.SubmissionEvents() {
			send.counter(c.events, float64(answers.Submissions[event]), string(event))
		}
	}
	return nil
}

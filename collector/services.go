package collector

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
)

type services struct {
	snapshot func() *host.SocketSnapshot
	exposed  *prometheus.Desc
}

// NewServices tells which services that miners enter by can be reached.
func NewServices(snapshot func() *host.SocketSnapshot) Collector {
	return &services{
		snapshot: snapshot,
		exposed: prometheus.NewDesc("cryptojack_exposed_services",
			"Listening services that miners enter by and that other machines may reach, also those known by their port alone (see cryptojack_findings). A host firewall is not looked at; auth is unknown as long as nobody tried.",
			[]string{"app", "scope", "auth"}, nil),
	}
}

// Name implements Collector.
func (*services) Name() string { return "services" }

// Update implements Collector.
func (c *services) Update(ch chan<- prometheus.Metric) error {
	s := c.snapshot()
	if s == nil {
		return ErrNoData
	}
	counts := map[host.ExposedKey]int{}
	for _, app := range s.Apps {
		counts[host.ExposedKey{App: app, Scope: host.ScopeAny, Auth: host.AuthUnknown}] = 0
	}
	for i := range s.Sockets {
		if s.Sockets[i].Exposed() {
			counts[host.ExposedKey{App: s.Sockets[i].App, Scope: s.Sockets[i].Scope, Auth: host.AuthUnknown}]++
		}
	}
	send := newSender(ch)
	for key, count := range counts {
		send.gauge(c.exposed, float64(count), key.App, string(key.Scope), string(key.Auth))
	}
	return nil
}

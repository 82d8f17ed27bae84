package collector

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

type respawn struct {
	snapshot func() *model.ProcessSnapshot
	labels   *Labels

	origin, group *prometheus.Desc
}

// NewRespawn exports how often programs came back, by origin and isolation (always all
// pairs) and by process group. Without a snapshot Update returns ErrNoData.
func NewRespawn(snapshot func() *model.ProcessSnapshot, labels *Labels) Collector {
	return &respawn{
		snapshot: snapshot, labels: labels,
		origin: prometheus.NewDesc("cryptojack_origin_respawns_total",
			"Programs that started within --respawn.window after an instance of them had ended. What is installed is known by its path, all else by its content.", []string{"origin", "isolation"}, nil),
		group: prometheus.NewDesc("cryptojack_process_respawns_total", "Respawns of a group of processes since it got its series.", groupLabels(), nil),
	}
}

// Name implements Collector.
func (*respawn) Name() string { return "respawn" }

// Update implements Collector.
func (c *respawn) Update(ch chan<- prometheus.Metric) error {
	s := c.snapshot()
	if s == nil {
		return ErrNoData
	}
	send := newSender(ch)
	for _, origin := range model.Origins() {
		for _, isolation := range model.Isolations() {
			totals := s.Origins[model.OriginKey{Origin: origin, Isolation: isolation}]
			send.counter(c.origin, float64(totals.Respawns), string(origin), string(isolation))
		}
	}
	for i := range s.Groups {
		if labels, ok := groupValues(send, c.labels, &s.Groups[i]); ok {
			send.counter(c.group, float64(s.Groups[i].Respawns), labels...)
		}
	}
	return nil
}

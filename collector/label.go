package collector

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// Labels makes label values of text that somebody else chose (names, paths, users),
// and counts those that it had to change for cryptojack_labels_sanitized_total. One
// is shared by all collectors. The zero value is ready; safe for concurrent use.
type Labels struct {
	changed atomic.Uint64
}

// label returns s as text.Label makes it: valid UTF-8 on one line, in at most 128 bytes.
func (l *Labels) label(s string) string {
	safe := text.Label(s)
	if safe != s {
		l.changed.Add(1)
	}
	return safe
}

// sender sends metrics and drops a second one with the same labels: different
// bytes can become the same text, and one duplicate would fail the scrape.
type sender struct {
	ch   chan<- prometheus.Metric
	sent map[string]bool
}

func newSender(ch chan<- prometheus.Metric) *sender {
	return &sender{ch: ch, sent: map[string]bool{}}
}

// unique reports whether a key was not seen before, and remembers it.
func (s *sender) unique(key string) bool {
	if s.sent[key] {
		return false
	}
	s.sent[key] = true
	return true
}

func (s *sender) gauge(desc *prometheus.Desc, value float64, labels ...string) {
	s.ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}

func (s *sender) counter(desc *prometheus.Desc, value float64, labels ...string) {
	s.ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, value, labels...)
}

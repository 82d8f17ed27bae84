package main

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/config"
)

// lists exports how many indicators are in force, and how old their files are.
type lists struct {
	current *atomic.Pointer[config.Config]
}

// Describe implements prometheus.Collector.
func (l lists) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(l, ch) }

// Collect implements prometheus.Collector.
func (l lists) Collect(ch chan<- prometheus.Metric) {
	count := prometheus.NewDesc("cryptojack_indicators", "Indicators of the configuration and of the files that it names: hashes of miners, addresses of pools.", []string{"kind"}, nil)
	modified := prometheus.NewDesc("cryptojack_indicators_modified_timestamp_seconds",
		"When the oldest file of indicators of a kind was changed, in seconds since the epoch; 0 without such files.", []string{"kind"}, nil)
	counted := l.current.Load().Lists()
	for _, kind := range []struct {
		name     string
		number   int
		modified time.Time
	}{{"hash", counted.Hashes, counted.HashesModified}, {"pool", counted.Pools, counted.PoolsModified}} {
		ch <- prometheus.MustNewConstMetric(count, prometheus.GaugeValue, float64(kind.number), kind.name)
		seconds := 0.0
		if !kind.modified.IsZero() {
			seconds = float64(kind.modified.Unix())
		}
		ch <- prometheus.MustNewConstMetric(modified, prometheus.GaugeValue, seconds, kind.name)
	}
}

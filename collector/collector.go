// Package collector is the Prometheus face: it formats the snapshots that the
// sensors published. A scrape does no I/O, so it costs the same on a host with
// 100 and with 30,000 processes.
package collector

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
)

// ErrNoData is what Update returns while a sensor that it needs has published no
// snapshot: cryptojack_scrape_collector_success is 0 then, and nothing is logged.
var ErrNoData = errors.New("the sensor has not finished its first sample")

// Collector exports the snapshots of one subsystem. Each has the functions that
// return the newest snapshot passed in; these return nil before the sensor's first
// sample, and what they return is never written to.
type Collector interface {
	// Name is the collector's name in flags, logs and the label collector.
	Name() string
	// Update sends every metric of the subsystem, none of them twice. It returns
	// ErrNoData, and has sent nothing, while a snapshot that it cannot do without is nil.
	Update(ch chan<- prometheus.Metric) error
}

// Set is a prometheus.Collector that runs collectors one after the other. For each it
// exports whether it succeeded and how long it took; one that fails or panics does
// not keep the others from being exported. Safe for concurrent scrapes.
type Set struct {
	collectors []Collector
	logger     log.Logger
	success    *prometheus.Desc
	duration   *prometheus.Desc

	mu      sync.Mutex
	failing map[string]string // collector -> the error that was logged
}

// New returns a set of collectors, which run in the order given. A collector's error
// is logged when it appears and when it has gone, not at every scrape.
func New(logger log.Logger, collectors ...Collector) *Set {
	return &Set{
		collectors: collectors,
		logger:     logger,
		success: prometheus.NewDesc("cryptojack_scrape_collector_success",
			"1 if the collector had something to tell, 0 if it failed or its sensor has not finished its first sample.", []string{"collector"}, nil),
		duration: prometheus.NewDesc("cryptojack_scrape_collector_duration_seconds",
			"Time that formatting took, in seconds. Gathering goes on in the background, see cryptojack_sample_duration_seconds.", []string{"collector"}, nil),
		failing: map[string]string{},
	}
}

// Describe implements prometheus.Collector. Only the metrics of the set itself are
// described: the others are checked when they are gathered.
func (s *Set) Describe(ch chan<- *prometheus.Desc) {
	ch <- s.success
	ch <- s.duration
}

// Collect implements prometheus.Collector.
func (s *Set) Collect(ch chan<- prometheus.Metric) {
	for _, c := range s.collectors {
		began := time.Now()
		err := update(c, ch)
		success := 1.0
		if err != nil {
			success = 0
		}
		s.report(c.Name(), err)
		ch <- prometheus.MustNewConstMetric(s.success, prometheus.GaugeValue, success, c.Name())
		ch <- prometheus.MustNewConstMetric(s.duration, prometheus.GaugeValue, time.Since(began).Seconds(), c.Name())
	}
}

// update turns a panic into an error: one broken collector must not end the
// process, nor the scrape.
func update(c Collector, ch chan<- prometheus.Metric) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic, please report it: %v", cause)
		}
	}()
	return c.Update(ch)
}

// report logs an error when it appears and when it has gone.
func (s *Set) report(name string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case errors.Is(err, ErrNoData):
	case err != nil && s.failing[name] != err.Error():
		s.failing[name] = err.Error()
		level.Error(s.logger).Log("msg", "collector failed", "collector", name, "err", err)
	case err == nil && s.failing[name] != "":
		delete(s.failing, name)
		level.Info(s.logger).Log("msg", "collector works again", "collector", name)
	}
}

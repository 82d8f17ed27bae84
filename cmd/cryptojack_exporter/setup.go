package main

import (
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/common/version"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/config"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/monitor"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/report"
)

// watcher is told of the work of the monitor.
type watcher struct {
	sampled func(sensor string, took time.Duration, err error) // after each sample
	judged  func(*monitor.Monitor)                             // after each evaluation

	followers []monitor.Follower // what runs beside the sensors
	files     []*os.File         // that are written to
	past      *past              // nil without one
}

// setUp makes everything that serve and scan share, in an order that matters: what
// needs privileges is opened, the privileges are dropped for good, and only then
// is anything made that looks at hostile data.
func setUp(o *options, current *atomic.Pointer[config.Config], watch watcher, logger log.Logger) (*sensors, *monitor.Monitor, error) {
	opened := openPrivileged(o, logger)
	opened.files = watch.files
	var before func(id string) (model.Remembered, bool)
	if watch.past != nil {
		opened.keep, opened.baseline, before = watch.past.keeps, watch.past.before, watch.past.history.Before
	}
	o.confine(o, opened, logger)
	s, err := newSensors(o, current.Load, opened, logger)
	if err != nil {
		return nil, nil, err
	}
	var m *monitor.Monitor
	m = monitor.New(monitor.Options{
		Tasks: s.tasks, Followers: append(s.followers, watch.followers...), Snapshot: s.snapshot,
		Hold: o.hold, Before: before, OwnPID: os.Getpid(), Config: current.Load, Observe: watch.sampled, Judged: func() { watch.judged(m) }, Logger: logger,
	})
	s.findings = m.Findings
	return s, m, nil
}

// newReport gathers what people are shown.
func newReport(m *monitor.Monitor, watched time.Duration) report.Report {
	now := time.Now()
	name, err := os.Hostname()
	if err != nil {
		name = "this host"
	}
	findings := m.Findings()
	return report.Report{
		Findings: findings, Snapshot: m.Snapshot(now), Hostname: name, Version: version.Version,
		Now: now, Watched: watched, Blind: append(report.Blind(m.Meta()), report.Defects(m.Panics())...),
	}
}

// banner is what the first line of the log says about the exporter.
func banner() []any {
	return []any{"version", version.Version, "revision", version.Revision, "go", runtime.Version()}
}

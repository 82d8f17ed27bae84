package main

import (
	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/collector"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/monitor"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// switchable is a collector that --collector.NAME and --no-collector.NAME switch.
type switchable struct {
	name, help string
	make       func(*sensors, *monitor.Monitor, *collector.Labels) collector.Collector
}

// switchables lists every collector but that of the exporter itself, which is
// always on. Their sensors run as long as one collector that needs them is on.
func switchables() []switchable {
	return []switchable{
		{
			"process", "CPU time, starts and instances of processes, by origin and group.",
			func(s *sensors, _ *monitor.Monitor, labels *collector.Labels) collector.Collector {
				return collector.NewProcess(s.processes.Snapshot, labels)
			},
		},
		{
			"respawn", "Programs that ended and came back.",
			func(s *sensors, _ *monitor.Monitor, labels *collector.Labels) collector.Collector {
				return collector.NewRespawn(s.processes.Snapshot, labels)
			},
		},
		{
			"files", "Suspicious files in the watched directories.",
			func(s *sensors, _ *monitor.Monitor, labels *collector.Labels) collector.Collector {
				return collector.NewFiles(s.files.Snapshot, labels)
			},
		},
		{
			"sockets", "Listening sockets and who owns them.",
			func(s *sensors, _ *monitor.Monitor, labels *collector.Labels) collector.Collector {
				return collector.NewSockets(s.sockets.Snapshot, labels)
			},
		},
		{
			"services", "Exposed services, and whether they let anybody in.",
			func(s *sensors, m *monitor.Monitor, _ *collector.Labels) collector.Collector {
				return collector.NewServices(m.Findings, s.sockets.Snapshot, s.services.Snapshot)
			},
		},
		{
			"persistence", "Crontabs, units and whatever else starts programs by itself.",
			func(s *sensors, m *monitor.Monitor, labels *collector.Labels) collector.Collector {
				return collector.NewPersistence(s.persistence.Snapshot, m.Findings, labels)
			},
		},
		{
			"findings", "Findings and suspects.",
			func(_ *sensors, m *monitor.Monitor, labels *collector.Labels) collector.Collector {
				return collector.NewFindings(m.Findings, rules.Severities(), labels)
			},
		},
	}
}

// newCollectors makes the collectors that are switched on.
func newCollectors(o *options, s *sensors, m *monitor.Monitor, told *outlets, logger log.Logger) *collector.Set {
	labels := &collector.Labels{}
	sources := collector.Sources{
		Meta: m.Meta, Panics: m.Panics, Processes: s.processes.Snapshot, Files: s.files.Snapshot, Sockets: s.sockets.Snapshot,
		Persistence: s.persistence.Snapshot, Findings: m.Findings, Self: s.self.Snapshot, Notifications: told.notify.Counts,
	}
	if told.log != nil {
		sources.FindingsLogLost = told.log.Lost
	}
	enabled := []collector.Collector{collector.NewSensors(sources, labels)}
	for _, c := range switchables() {
		if *o.collectors[c.name] {
			enabled = append(enabled, c.make(s, m, labels))
		}
	}
	return collector.New(logger, enabled...)
}

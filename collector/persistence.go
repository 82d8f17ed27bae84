package collector

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

type persistence struct {
	snapshot func() *model.PersistenceSnapshot
	labels   *Labels

	entries, changes, info *prometheus.Desc
}

// NewPersistence exports what starts programs by itself (crontabs, units, start-up
// files): the entries of each kind and their changes, 0 too, and at most 32 suspicious
// ones by path. Without a snapshot Update returns ErrNoData.
func NewPersistence(snapshot func() *model.PersistenceSnapshot, labels *Labels) Collector {
	return &persistence{
		snapshot: snapshot, labels: labels,
		entries: prometheus.NewDesc("cryptojack_persistence_entries",
			"Things that start programs by themselves: lines of crontabs, units, start-up scripts, keys for a login.", []string{"kind"}, nil),
		changes: prometheus.NewDesc("cryptojack_persistence_changes_total",
			"Entries that were added, changed or removed since the exporter started.", []string{"kind", "change"}, nil),
		info: prometheus.NewDesc("cryptojack_persistence_info",
			"A suspicious entry; at most 32, one for each file and reason.", []string{"kind", "path", "reason"}, nil),
	}
}

// Name implements Collector.
func (*persistence) Name() string { return "persistence" }

// Update implements Collector.
func (c *persistence) Update(ch chan<- prometheus.Metric) error {
	s := c.snapshot()
	if s == nil {
		return ErrNoData
	}
	send := newSender(ch)
	for _, kind := range model.PersistenceKinds() {
		send.gauge(c.entries, float64(s.Counts[kind]), string(kind))
		for _, change := range model.PersistenceChanges() {
			send.counter(c.changes, float64(s.Changes[model.PersistenceChangeKey{Kind: kind, Change: change}]), string(kind), string(change))
		}
	}
	sent := 0
	for i := range s.Entries {
		entry := &s.Entries[i]
		if entry.Reason == "" || sent >= detailLimit {
			break // the suspicious ones come first
		}
		path := c.labels.label(entry.Path)
		if !send.unique(string(entry.Kind) + " " + path + " " + string(entry.Reason)) {
			continue
		}
		sent++
		send.gauge(c.info, 1, string(entry.Kind), path, string(entry.Reason))
	}
	return nil
}

// suspicious counts the entries that have a series, at most detailLimit.
func suspicious(s *model.PersistenceSnapshot) int {
	count := 0
	for count < min(len(s.Entries), detailLimit) && s.Entries[count].Reason != "" {
		count++
	}
	return count
}

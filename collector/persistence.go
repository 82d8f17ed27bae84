package collector

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

type persistence struct {
	snapshot func() *model.PersistenceSnapshot
	findings func() *model.Findings
	labels   *Labels

	entries, changes, info *prometheus.Desc
}

// NewPersistence exports what starts programs by itself (crontabs, units, start-up
// files): the entries of each kind and their changes, 0 too, and at most 24 suspicious
// ones by path, first those of files that a critical
// finding is about. Without a snapshot Update returns ErrNoData.
func NewPersistence(snapshot func() *model.PersistenceSnapshot, findings func() *model.Findings, labels *Labels) Collector {
	return &persistence{
		snapshot: snapshot, findings: findings, labels: labels,
		entries: prometheus.NewDesc("cryptojack_persistence_entries",
			"Things that start programs by themselves: lines of crontabs, units, start-up scripts, keys for a login.", []string{"kind"}, nil),
		changes: prometheus.NewDesc("cryptojack_persistence_changes_total",
			"Entries that were added, changed or removed since the exporter started.", []string{"kind", "change"}, nil),
		info: prometheus.NewDesc("cryptojack_persistence_info",
			"A suspicious entry; at most 24, one for each file and reason.", []string{"kind", "path", "reason"}, nil),
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
	for _, entry := range detailed(s, c.findings(), c.labels) {
		send.gauge(c.info, 1, string(entry.kind), entry.path, string(entry.reason))
	}
	return nil
}

// detail is a suspicious entry as cryptojack_persistence_info shows it.
type detail struct {
	kind   model.PersistenceKind
	path   string
	reason model.PersistenceReason
}

// place is where an entry stands.
type place struct {
	path string
	line int
}

// Three quarters of the series are for root's files and those of the system, if they need them.
const (
	detailsOfSystem = 18
	detailsOfUser   = 6
)

// detailed lists what has a series, at most detailLimit: those of files that start a miner first.
func detailed(s *model.PersistenceSnapshot, findings *model.Findings, labels *Labels) []detail {
	var list []detail
	seen := map[detail]bool{}
	quota := model.PersistenceQuota{File: detailsOfUser, User: detailsOfUser, System: detailsOfSystem, All: detailLimit}
	add := func(e *model.PersistenceEntry, reason model.PersistenceReason) {
		if !quota.Fits(e) {
			return // before a label is made of each
		}
		if d := (detail{e.Kind, labels.label(e.Path), reason}); !seen[d] {
			quota.Take(e)
			seen[d] = true
			list = append(list, d)
		}
	}
	critical := map[string]bool{} // files
	again := map[place]model.PersistenceReason{}
	if findings != nil {
		for i := range findings.Active {
			f := &findings.Active[i]
			if f.Persistence == nil {
				continue
			}
			critical[f.Persistence.Path] = critical[f.Persistence.Path] || f.Severity == model.Critical
			again[place{f.Persistence.Path, f.Persistence.Line}] = f.Persistence.Reason
		}
	}
	for _, first := range []bool{true, false} {
		for i := range s.Entries {
			e := &s.Entries[i]
			reason := e.Reason
			if reason == "" {
				reason = again[place{e.Path, e.Line}] // it was judged again by the list of now
			}
			if reason != "" && critical[e.Path] == first {
				add(e, reason)
			}
		}
	}
	return list
}

package persistence

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// publish makes a snapshot of the records. Counts and entries are those of the
// last one as long as no file changed: nobody writes to what was published.
func (s *Sensor) publish(now, began time.Time, share model.Share) {
	if s.changed {
		s.last = lastOf{counts: s.counts(), entries: s.entries()}
		s.changed = false
	}
	snapshot := &model.PersistenceSnapshot{
		Counts: s.last.counts, Changes: maps.Clone(s.changes), Entries: s.last.entries,
		Meta: model.Meta{
			Time: now, Interval: s.options.Interval, Duration: time.Since(began), ReadErrors: maps.Clone(s.errors.counts),
			Visibility: map[model.Aspect]model.Share{model.AspectPersistence: share},
		},
	}
	s.Publish(snapshot, &snapshot.Meta)
	level.Debug(s.options.Logger).Log("msg", "looked at what starts programs", "files", len(s.records),
		"entries", len(snapshot.Entries), "duration", snapshot.Duration)
}

func (s *Sensor) counts() map[model.PersistenceKind]int {
	counts := map[model.PersistenceKind]int{}
	for _, kind := range model.PersistenceKinds() {
		counts[kind] = 0
	}
	for at, known := range s.records {
		counts[at.kind] += known.count
	}
	return counts
}

// entries are those that are suspicious, the strongest reason first, then those
// that name what runs: a suspect may be found by its program.
func (s *Sensor) entries() []model.PersistenceEntry {
	var all []model.PersistenceEntry
	for _, known := range s.records {
		for _, e := range known.entries {
			if e.Reason != "" || len(e.Programs) > 0 || startsUnit(e.Kind) {
				all = append(all, e)
			}
		}
	}
	slices.SortFunc(all, func(a, b model.PersistenceEntry) int {
		return cmp.Or(
			cmp.Compare(a.Reason.Rank(), b.Reason.Rank()), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Path, b.Path),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Command, b.Command),
		)
	})
	return slices.Clone(all[:min(len(all), maxPublished)])
}

// startsUnit holds for units whose command is another unit.
func startsUnit(kind model.PersistenceKind) bool {
	return kind == model.PersistenceSystemdTimer || kind == model.PersistenceSystemdPath
}

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
		s.last = lastOf{counts: s.counts()}
		s.last.entries, s.last.omitted = s.entries()
		s.last.baseline = s.baseline()
		s.changed = false
	}
	snapshot := &model.PersistenceSnapshot{
		Counts: s.last.counts, Changes: s.told(now), Entries: s.last.entries, Omitted: s.last.omitted, Baseline: s.last.baseline,
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

// entries are those that are suspicious, root's and the system's before those of
// users, the strongest reason first, then those that name what runs: a suspect may be
// found by its program. What there is no room for is counted, if it is suspicious.
func (s *Sensor) entries() ([]model.PersistenceEntry, map[model.PersistenceFile]int) {
	var all []model.PersistenceEntry
	left := map[model.PersistenceFile]int{}
	for at, known := range s.records {
		suspicious := 0
		for i := range known.entries {
			e := &known.entries[i]
			if e.Reason != "" {
				suspicious++
			}
			if e.Reason != "" || len(e.Programs) > 0 || e.Starts != "" {
				all = append(all, *e)
			}
		}
		if more := known.suspicious - suspicious; more > 0 {
			left[model.PersistenceFile{Owner: known.owner, Path: at.path}] += more
		}
	}
	slices.SortFunc(all, compareChosen)
	quota := model.PersistenceQuota{File: maxPublishedFile, User: maxPublishedUser, System: maxPublished, All: maxPublished}
	published, paths := make([]model.PersistenceEntry, 0, min(len(all), maxPublished)), map[string]bool{}
	for i := range all {
		switch e := &all[i]; {
		case quota.Take(e):
			published = append(published, *e)
			paths[e.Path] = true
		case e.Reason != "":
			left[model.PersistenceFile{Owner: e.Owner, Path: e.Path}]++
		}
	}
	slices.SortFunc(published, comparePublished)
	omitted := map[model.PersistenceFile]int{}
	for file, n := range left {
		if !paths[file.Path] {
			file.Path = ""
		}
		omitted[file] += n
	}
	return published, omitted
}

// comparePublished is the order of a snapshot.
func comparePublished(a, b model.PersistenceEntry) int {
	return cmp.Or(
		compareTrue(a.Reason == "", b.Reason == ""), compareTrue(a.Owner != "", b.Owner != ""),
		cmp.Compare(a.Reason.Rank(), b.Reason.Rank()),
		cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Command, b.Command),
	)
}

// compareChosen is the order in which there is room: a suspect may be found by the
// program of an entry.
func compareChosen(a, b model.PersistenceEntry) int {
	return cmp.Or(
		compareTrue(a.Reason == "", b.Reason == ""), compareTrue(a.Owner != "", b.Owner != ""),
		compareTrue(len(a.Programs) == 0, len(b.Programs) == 0), comparePublished(a, b),
	)
}

// compareTrue orders what does not hold before what does.
func compareTrue(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

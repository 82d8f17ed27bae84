package persistence

import (
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// recordKey names a file in its place.
type recordKey struct {
	kind model.PersistenceKind
	path string
}

// record is what is known of one file.
type record struct {
	parsed
	key       hostfs.ContentKey
	sample    uint64 // the last that saw it
	directory string
	home      string

	read     bool // at least once
	baseline bool // it was there before the exporter looked, so its first read is no change
	partial  bool // not all of it is known
	size     int  // bytes of its texts
}

// file takes one candidate up.
func (r *round) file(c *candidate) {
	at := recordKey{c.kind, c.sighting.path}
	known := r.records[at]
	if known == nil {
		known = &record{directory: c.directory, home: c.home.path, baseline: r.samples == 1}
		r.records[at] = known
	}
	known.sample = r.samples
	r.share.Total++
	if c.err != nil {
		r.troubles.count(c.sighting.path, c.err, 1)
		known.baseline = known.baseline || !known.read
		return
	}
	if known.read && known.key == c.key {
		if !known.partial {
			r.share.Readable++
		}
		return
	}
	if r.bytes >= maxSampleBytes || time.Now().After(r.deadline) {
		r.over = true
		return
	}
	text, err := r.read(c.sighting, maxFileBytes)
	if err != nil {
		r.troubles.count(c.sighting.path, err, 1)
		known.baseline = known.baseline || !known.read && hostfs.ReasonOf(err) != model.ReasonVanished
		return
	}
	r.bytes += len(text)
	r.learn(known, c, string(text))
	if !known.partial {
		r.share.Readable++
	}
}

// learn takes over what a file holds now, and counts what is new.
func (r *round) learn(known *record, c *candidate, text string) {
	before := known.identities
	d := document{
		kind: c.kind, path: c.sighting.path, text: text, home: c.home, unit: c.unit, of: r.homes.of,
		seed: r.seed, known: r.options.KnownMiner,
	}
	known.parsed = c.format(d)
	slices.Sort(known.identities)
	r.troubles.count(c.sighting.path, errBroken, known.broken)
	r.remember(known)
	if c.key.Size > maxFileBytes {
		known.partial = true
		r.troubles.count(c.sighting.path, errPartial, 1)
	}
	if known.read || !known.baseline {
		r.count(c.kind, before, known.identities)
	}
	known.key, known.read = c.key, true
	r.dirty = true
}

// remember bounds what the texts of all entries take. Beyond it a file is only
// counted, and counts as not fully read.
func (s *Sensor) remember(known *record) {
	s.kept -= known.size
	known.size, known.partial = 0, false
	for i := range known.entries {
		known.size += sizeOf(&known.entries[i])
	}
	if s.kept+known.size > maxKeptBytes {
		known.entries, known.size, known.partial = nil, 0, true
	}
	s.kept += known.size
}

func sizeOf(e *model.PersistenceEntry) int {
	size := 256 + len(e.Command) + len(e.Evidence) + len(e.User) + len(e.Unit)
	for _, p := range e.Programs {
		size += 16 + len(p)
	}
	return size
}

// count compares the entries of a file before and now, both sorted. An entry
// that went while another came was changed.
func (s *Sensor) count(kind model.PersistenceKind, before, now []uint64) {
	removed, added := 0, 0
	for len(before) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(before) > 0 && before[0] < now[0]:
			removed, before = removed+1, before[1:]
		case len(before) == 0 || now[0] < before[0]:
			added, now = added+1, now[1:]
		default:
			before, now = before[1:], now[1:]
		}
	}
	changed := min(removed, added)
	s.change(kind, model.PersistenceChanged, changed)
	s.change(kind, model.PersistenceAdded, added-changed)
	s.change(kind, model.PersistenceRemoved, removed-changed)
}

func (s *Sensor) change(kind model.PersistenceKind, change model.PersistenceChange, times int) {
	s.changes[model.PersistenceChangeKey{Kind: kind, Change: change}] += uint64(times)
}

// settle ends a sample: files that are gone are forgotten. Those that only
// cannot be seen now are not gone.
func (s *Sensor) settle(r *round) {
	for at, known := range s.records {
		if known.sample == s.samples || r.kept[known.directory] || known.home != "" && r.kept[known.home] {
			continue
		}
		if !r.silent[known.directory] {
			s.change(at.kind, model.PersistenceRemoved, known.count)
		}
		s.kept -= known.size
		delete(s.records, at)
		s.dirty = true
	}
}

// Package persistence is the sensor of what starts programs by itself: cron,
// systemd, start-up files of shells, ld.so.preload and their like. It tells who
// would bring a miner back after it was killed, and what has changed.
//
// Users write some of these files, and the one who broke in writes all of them.
// So every read is bounded in size, number and time, no link leads out of the
// root, no FIFO is waited for, and no command is run in order to judge it.
package persistence

import (
	"context"
	"hash/maphash"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// Sensor looks at everything that starts programs. Sample is called by one
// goroutine.
type Sensor struct {
	options  Options
	troubles *troubles
	guard    *hostfs.Guard
	seed     maphash.Seed

	homes   homes
	records map[recordKey]*record
	changes map[model.PersistenceChangeKey]uint64
	samples uint64
	kept    int    // bytes of the texts of all records
	turn    int    // the home that a sample begins with
	dirty   bool   // the records are no longer those of the last snapshot
	last    lastOf // what the last snapshot holds

	published atomic.Pointer[model.PersistenceSnapshot]
}

// lastOf is the part of a snapshot that stays as long as no file changes.
type lastOf struct {
	counts  map[model.PersistenceKind]int
	entries []model.PersistenceEntry
}

// maxStuck is how many reads may hang before the sensor waits for none any more.
const maxStuck = 4

// New returns a sensor that has not looked yet.
func New(o Options) *Sensor {
	o = o.withDefaults()
	s := &Sensor{
		options: o, troubles: newTroubles(o.Logger), guard: hostfs.NewGuard(maxStuck), seed: maphash.MakeSeed(),
		records: map[recordKey]*record{}, changes: map[model.PersistenceChangeKey]uint64{}, dirty: true,
	}
	for _, kind := range model.PersistenceKinds() {
		for _, change := range model.PersistenceChanges() {
			s.changes[model.PersistenceChangeKey{Kind: kind, Change: change}] = 0
		}
	}
	return s
}

// Snapshot returns the last sample, or nil before the first. A sensor
// that is nil is off, and has none.
func (s *Sensor) Snapshot() *model.PersistenceSnapshot {
	if s == nil {
		return nil
	}
	return s.published.Load()
}

// Name is the sensor's name, as in the label `sensor`.
func (*Sensor) Name() string { return "persistence" }

// Meta is what the last sample says of itself, or nil before the first.
func (s *Sensor) Meta() *model.Meta {
	if snapshot := s.Snapshot(); snapshot != nil {
		return &snapshot.Meta
	}
	return nil
}

// Next is how long to wait for the next sample. It is asked after a sample.
func (s *Sensor) Next() time.Duration { return s.Snapshot().Interval }

// Sample looks at every place once. A file that has not changed is not read
// again. What cannot be read is counted and keeps what was known of it, and the
// rest is still told. Sample fails only if Root cannot be opened.
func (s *Sensor) Sample(_ context.Context, now time.Time) error {
	began := time.Now()
	r, err := newReader(s.options.Root)
	if err != nil {
		return err
	}
	// A read that hangs still uses the root: then it is closed when that read
	// has come back, with the last reference to it.
	defer func() {
		if s.guard.Stuck() == 0 {
			r.Close()
		}
	}()
	s.samples++
	round := newRound(s, r, began)
	round.readHomes()
	round.survey()
	round.visit()
	s.settle(round)
	s.publish(now, began, round.share)
	return nil
}

// round is one sample at work.
type round struct {
	*Sensor
	reader *reader
	share  model.Share

	candidates []candidate
	files      int                                             // of all places
	seen       map[model.PersistenceKind]map[model.FileID]bool // directories, by kind

	kept   map[string]bool // directories and homes that cannot be looked at: what was known stays
	silent map[string]bool // directories that are not seen in full: what is missing may still be there

	bytes    int // read so far
	deadline time.Time
	over     bool // files were left to the next sample
}

func newRound(s *Sensor, r *reader, began time.Time) *round {
	return &round{
		Sensor: s, reader: r, seen: map[model.PersistenceKind]map[model.FileID]bool{},
		kept: map[string]bool{}, silent: map[string]bool{}, deadline: began.Add(maxSampleTime),
	}
}

func (r *round) read(seen sighting, most int64) ([]byte, error) {
	reader := r.reader
	return hostfs.Within(r.guard, lookLimit, func() ([]byte, error) { return reader.read(seen, most) })
}

// candidate is a file that a place takes.
type candidate struct {
	sighting
	place
	kind      model.PersistenceKind
	unit      string // that a drop-in belongs to
	directory string // that it was found in
}

// visit reads what has changed. Names that are links come last, so that a file
// with several names is told under its own.
func (r *round) visit() {
	slices.SortStableFunc(r.candidates, func(a, b candidate) int {
		switch {
		case a.link == b.link:
			return 0
		case b.link:
			return -1
		}
		return 1
	})
	once := map[model.PersistenceKind]map[hostfs.ContentKey]bool{}
	for i := range r.candidates {
		c := &r.candidates[i]
		if c.err == nil && c.once {
			if once[c.kind] == nil {
				once[c.kind] = map[hostfs.ContentKey]bool{}
			}
			if once[c.kind][c.key] {
				continue
			}
			once[c.kind][c.key] = true
		}
		r.file(c)
	}
	if r.over {
		r.turn++ // whoever fills the budget shall not do so for ever
		level.Debug(r.options.Logger).Log("msg", "some files that start programs are left to the next sample", "read_bytes", r.bytes)
	}
}

// Package persistence is the sensor of what starts programs by itself: cron,
// systemd, start-up files of shells, ld.so.preload and their like. It finds what
// would bring a miner back after it was killed, and what has changed.
//
// Users write some of these files, and the one who broke in writes all of them.
// So every read is bounded in size, number and time, no link leads out of the
// root, no FIFO is waited for, and no command is run in order to analyze it.
package persistence

import (
	"context"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// Sensor looks at everything that starts programs. Sample is called by one
// goroutine.
type Sensor struct {
	model.Latest[model.PersistenceSnapshot]

	options Options
	errors  *readErrors
	guard   *hostfs.Guard
	key     []byte // of the hashes of entries

	homes   homes
	records map[recordKey]*record
	changes map[model.PersistenceChangeKey]uint64
	samples uint64
	kept    kept
	turn    int    // the home that a sample begins with
	changed bool   // the records are no longer those of the last snapshot
	last    lastOf // what the last snapshot holds

	before   *model.PersistenceBaseline // what was known before a restart; nil
	first    time.Time                  // of the first sample, with before
	complete completeness
}

// lastOf is the part of a snapshot that stays as long as no file changes.
type lastOf struct {
	counts  map[model.PersistenceKind]int
	entries []model.PersistenceEntry
	omitted map[model.PersistenceFile]int

	baseline *model.PersistenceBaseline
}

// maxStuck is how many reads may hang before the sensor waits for none any more.
const maxStuck = 4

// New returns a sensor that has not looked yet.
func New(o Options) *Sensor {
	o = o.withDefaults()
	s := &Sensor{
		options: o, errors: newReadErrors(o.Logger), guard: hostfs.NewGuard(maxStuck),
		records: map[recordKey]*record{}, changes: map[model.PersistenceChangeKey]uint64{}, changed: true,
		kept: kept{of: map[string]int{}},
	}
	for _, kind := range model.PersistenceKinds() {
		for _, change := range model.PersistenceChanges() {
			s.changes[model.PersistenceChangeKey{Kind: kind, Change: change}] = 0
		}
	}
	s.restore(o.Baseline)
	return s
}

// Name is the sensor's name, as in the label `sensor`.
func (*Sensor) Name() string { return "persistence" }

// Sample looks at every location once. A file that has not changed is not read
// again. What cannot be read is counted and keeps what was known of it, and the rest
// is still published. Sample fails only if Root cannot be opened.
func (s *Sensor) Sample(_ context.Context, now time.Time) error {
	began := time.Now()
	host, err := openHostFiles(s.options.Root)
	if err != nil {
		return err
	}
	// A read that hangs still uses the root: then it is closed when that read
	// has come back, with the last reference to it.
	defer func() {
		if s.guard.Stuck() == 0 {
			host.Close()
		}
	}()
	s.samples++
	next := newSample(s, host, began)
	next.readHomes()
	next.discover()
	next.readChanged()
	next.forget()
	next.noteComplete()
	s.publish(now, began, next.share)
	return nil
}

// sample is one sample in the making.
type sample struct {
	*Sensor
	host  hostFiles
	share model.Share

	candidates []candidate
	files      int                                             // of all locations
	ofHome     int                                             // of the home that is looked at
	listed     map[model.PersistenceKind]map[model.FileID]bool // directories, by kind

	unseen  map[string]bool // directories and homes that cannot be looked at: what was known stays
	partial map[string]bool // directories that are not seen in full: what is missing may still be there

	bytes    int // read so far
	deadline time.Time
	late     bool // files were left to the next sample
}

func newSample(s *Sensor, host hostFiles, began time.Time) *sample {
	return &sample{
		Sensor: s, host: host, listed: map[model.PersistenceKind]map[model.FileID]bool{},
		unseen: map[string]bool{}, partial: map[string]bool{}, deadline: began.Add(maxSampleTime),
	}
}

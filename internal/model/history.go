package model

import "time"

// Ended is a finding that is over, under the worst severity that it had.
type Ended struct {
	Finding Finding   // as it was last, without what nobody needs afterwards, its texts escaped; FirstSeen is that of the first time
	At      time.Time // when it ended, the last time; if it ended while the exporter did not run, when it was last seen
	Times   int       // how often it was raised, from 1
}

// Remembered is what outlives a restart of a finding that was active.
type Remembered struct {
	ID        string // escaped
	FirstSeen time.Time
	LastSeen  time.Time
	Respawns  uint64   // of its suspect, over all starts of the exporter
	Finding   *Finding // as Ended has it; nil for a note
}

// PersistenceBaseline is what is known of the files that start programs, so that it is seen after a restart what has
// changed meanwhile.
type PersistenceBaseline struct {
	Key      []byte // of the hashes
	Version  int    // of what is hashed: those of another version say nothing
	Files    []PersistenceKnown
	System   bool // Files has all files of root and the system
	AllUsers bool // and those of all users
}

// PersistenceKnown is what is known of one file.
type PersistenceKnown struct {
	Kind      PersistenceKind
	Path      string // raw, as are Directory, Home and Owner
	Directory string
	Home      string   // in which it lies; ""
	Owner     string   // who writes it; "" for root and the system
	Entries   []uint64 // a keyed hash of each, sorted
}

package persistence

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	// identityVersion grows when a kind of locations is added, or when what makes an entry another one changes: what an
	// earlier version has kept is not compared then, or all of it would count as changed.
	identityVersion = 1
	keyBytes        = 16
	// tellAfter is how long changes from before the start are not published: Prometheus, which has to see the
	// counters at 0 first, scrapes at least every two minutes (see https://prometheus.io/docs/prometheus/latest/querying/basics/#staleness).
	tellAfter = 2 * time.Minute
)

// hashOf is keyed, so that nobody makes an entry that counts as another one. With the same key it outlives a restart.
func hashOf(key []byte, identity string) uint64 {
	sum := sha256.Sum256(append(slices.Clone(key), identity...))
	return binary.BigEndian.Uint64(sum[:])
}

// restore has the first sample compared with what was known before a restart.
func (s *Sensor) restore(b *model.PersistenceBaseline) {
	if b == nil || len(b.Key) != keyBytes || b.Version != identityVersion {
		s.key = make([]byte, keyBytes)
		_, _ = rand.Read(s.key) // it does not fail (crypto/rand)
		return
	}
	s.key, s.before = b.Key, b
	for i := range b.Files {
		f := &b.Files[i]
		known := &record{directory: f.Directory, home: f.Home, owner: f.Owner, read: true, restored: true}
		known.identities, known.count = f.Entries, len(f.Entries)
		s.records[recordKey{f.Kind, f.Path}] = known
	}
}

// wasThere tells whether a file that the first sample sees was there before the exporter looked: without a baseline that has all
// such files nothing says that it was not.
func (s *Sensor) wasThere(c *candidate) bool {
	switch {
	case s.samples != 1:
		return false
	case s.before == nil || !lasts(c.statEntry.path):
		return true
	case c.owner == "":
		return !s.before.System
	default:
		return !s.before.AllUsers
	}
}

// lasts tells whether a file outlives a reboot. What does not is made anew by the system, in another way each time.
func lasts(path string) bool { return !strings.HasPrefix(path, "/run/") }

// noteComplete notes whether the records have all files there are, of the system and of users.
func (s *sample) noteComplete() {
	complete := completeness{system: true, users: true}
	for _, seen := range []map[string]bool{s.unseen, s.partial} {
		for directory := range seen {
			complete.without(s.usersOwn(directory))
		}
	}
	for _, known := range s.records {
		if !known.read {
			complete.without(known.owner != "")
		}
	}
	s.changed = s.changed || s.complete != complete
	s.complete = complete
}

// completeness is whose files are all known.
type completeness struct{ system, users bool }

func (c *completeness) without(users bool) {
	c.users = false
	if !users {
		c.system = false
	}
}

// usersOwn tells whether a directory is filled by users other than root.
func (s *sample) usersOwn(directory string) bool {
	if strings.HasPrefix(directory, "/var/spool/") {
		return true
	}
	return slices.ContainsFunc(s.homes.all, func(h home) bool {
		return !h.root && (directory == h.path || strings.HasPrefix(directory, strings.TrimSuffix(h.path, "/")+"/"))
	})
}

// baseline is what is known now, for the next start.
func (s *Sensor) baseline() *model.PersistenceBaseline {
	if !s.options.Keep {
		return nil
	}
	b := &model.PersistenceBaseline{Key: s.key, Version: identityVersion, System: s.complete.system, AllUsers: s.complete.users}
	for at, known := range s.records {
		if known.read && lasts(at.path) {
			b.Files = append(b.Files, model.PersistenceKnown{
				Kind: at.kind, Path: at.path, Directory: known.directory, Home: known.home, Owner: known.owner, Entries: known.identities,
			})
		}
	}
	return b
}

// told are the changes as they are published.
func (s *Sensor) told(now time.Time) map[model.PersistenceChangeKey]uint64 {
	changes := maps.Clone(s.changes)
	if s.before == nil {
		return changes
	}
	if s.first.IsZero() {
		s.first = now
		s.logChanges()
	}
	if since := now.Sub(s.first); since >= 0 && since < tellAfter {
		for key := range changes {
			changes[key] = 0
		}
	}
	return changes
}

// logChanges says what was counted by the first sample.
func (s *Sensor) logChanges() {
	sums := map[model.PersistenceChange]uint64{}
	all := uint64(0)
	for key, n := range s.changes {
		sums[key.Change] += n
		all += n
	}
	if all > 0 {
		level.Warn(s.options.Logger).Log("msg", "what starts programs was changed while the exporter did not run",
			"added", sums[model.PersistenceAdded], "changed", sums[model.PersistenceChanged], "removed", sums[model.PersistenceRemoved])
	}
}

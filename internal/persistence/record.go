package persistence

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/persistence/shell"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
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
	owner     string

	read     bool // at least once
	baseline bool // it was there before the exporter looked, so its first read is no change
	partial  bool // not all of it is known
	restored bool // it is known from before a restart, and was not seen since
	size     int  // bytes of its texts
}

// readChanged reads what has changed, root's files and those of the system first:
// whoever fills what one sample may read shall not delay them. Names that are links
// come later, so that a file with several names has its entries under its own.
func (s *sample) readChanged() {
	turn := func(c *candidate) int {
		turn := 0
		if c.owner != "" {
			turn = 2
		}
		if c.link {
			turn++
		}
		return turn
	}
	slices.SortStableFunc(s.candidates, func(a, b candidate) int { return cmp.Compare(turn(&a), turn(&b)) })
	type content struct {
		kind model.PersistenceKind
		key  hostfs.ContentKey
	}
	once := map[content]bool{}
	for i := range s.candidates {
		c := &s.candidates[i]
		if c.err == nil && c.once {
			at := content{c.kind, c.key}
			if once[at] {
				continue
			}
			once[at] = true
		}
		s.update(c)
	}
	if s.late {
		s.turn++ // whoever fills the budget shall not do so for ever
		level.Debug(s.options.Logger).Log("msg", "some files that start programs are left to the next sample", "read_bytes", s.bytes)
	}
}

// update reads one candidate if it changed, and counts whether it is known in full.
func (s *sample) update(c *candidate) {
	at := recordKey{c.kind, c.statEntry.path}
	known := s.records[at]
	if known == nil {
		known = &record{directory: c.directory, home: c.home.path, owner: c.owner, baseline: s.wasThere(c)}
		s.records[at] = known
	}
	if known.restored {
		known.directory, known.home, known.owner, known.restored = c.directory, c.home.path, c.owner, false
	}
	known.sample = s.samples
	s.share.Total++
	err := c.err
	if err == nil && (!known.read || known.key != c.key) {
		if s.bytes >= maxSampleBytes || time.Now().After(s.deadline) {
			s.late = true
			return
		}
		err = s.read(known, c)
	}
	if err != nil {
		s.errors.count(c.statEntry.path, err, 1)
		vanished := c.err == nil && hostfs.ReasonOf(err) == model.ReasonVanished
		known.baseline = known.baseline || !known.read && !vanished
		return
	}
	if !known.partial {
		s.share.Readable++
	}
}

// read learns what a file holds now, and counts what is new.
func (s *sample) read(known *record, c *candidate) error {
	host, file := s.host, c.statEntry
	text, err := hostfs.Within(s.guard, lookLimit, func() (string, error) { return host.read(file) })
	if err != nil {
		return err
	}
	s.bytes += len(text)
	before := known.identities
	known.parsed = c.format(document{
		kind: c.kind, path: file.path, text: text, home: c.home, owner: c.owner, unit: c.unit, homes: s.homes.of,
		key: s.key, known: s.options.KnownMiner,
		allowance: shell.NewAllowance(),
	})
	if place.IsTemporary(file.target) && !place.IsDevice(file.target) {
		known.leadsTo(file.target)
	}
	if c.key.Size <= maxFileBytes {
		known.nameContent(text)
	}
	slices.Sort(known.identities)
	s.errors.count(file.path, errBroken, known.broken)
	s.remember(known)
	if c.key.Size > maxFileBytes {
		known.partial = true
		s.errors.count(file.path, errPartial, 1)
	}
	if known.read || !known.baseline {
		s.count(c.kind, before, known.identities)
	}
	known.key, known.read = c.key, true
	s.changed = true
	return nil
}

// nameContent tells the entries that are lines which content their numbers are of.
func (p *parsed) nameContent(text string) {
	hash := ""
	for i := range p.entries {
		if p.entries[i].Line == 0 {
			continue
		}
		if hash == "" {
			sum := sha256.Sum256([]byte(text))
			hash = hex.EncodeToString(sum[:6])
		}
		p.entries[i].FileHash = hash
	}
}

// leadsTo makes every entry suspicious of a file that is a link to where everybody may
// put one.
func (p *parsed) leadsTo(target string) {
	for i := range p.entries {
		if e := &p.entries[i]; e.Reason == "" {
			e.Reason, e.Evidence = model.PersistenceTempPath, shell.Cut(target, shell.MaxEvidenceBytes)
			p.suspicious++
		}
	}
}

// kept is how many bytes the texts of all remembered entries take.
type kept struct {
	all, users int
	of         map[string]int // of each owner; those of the system are not in users
}

// room is what an owner's entries may still take.
func (k *kept) room(owner string) int {
	room := maxKeptBytes - k.all
	if owner != "" {
		room = min(room, maxUsersBytes-k.users, maxUserBytes-k.of[owner])
	}
	return room
}

func (k *kept) add(owner string, bytes int) {
	k.all += bytes
	if owner == "" {
		return
	}
	k.users += bytes
	if k.of[owner] += bytes; k.of[owner] <= 0 {
		delete(k.of, owner)
	}
}

// remember bounds what the texts of all entries take: those that count least are only
// counted, and their file counts as not fully read.
func (s *Sensor) remember(known *record) {
	s.kept.add(known.owner, -known.size)
	known.size, known.partial = 0, false
	room := s.kept.room(known.owner)
	slices.SortStableFunc(known.entries, func(a, b model.PersistenceEntry) int { return worthOf(&b) - worthOf(&a) })
	for i := range known.entries {
		size := sizeOf(&known.entries[i])
		if known.size+size > room {
			known.entries, known.partial = slices.Clone(known.entries[:i]), true
			break
		}
		known.size += size
	}
	s.kept.add(known.owner, known.size)
}

func sizeOf(e *model.PersistenceEntry) int {
	size := 256 + len(e.Command) + len(e.Evidence) + len(e.Decoded) + len(e.User) + len(e.Unit) + len(e.Starts)
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
	both := min(removed, added)
	s.countChange(kind, model.PersistenceChanged, both)
	s.countChange(kind, model.PersistenceAdded, added-both)
	s.countChange(kind, model.PersistenceRemoved, removed-both)
}

func (s *Sensor) countChange(kind model.PersistenceKind, change model.PersistenceChange, times int) {
	s.changes[model.PersistenceChangeKey{Kind: kind, Change: change}] += uint64(times)
}

// forget ends a sample: files that are gone are forgotten. Those that only cannot be
// seen now are not gone.
func (s *sample) forget() {
	for at, known := range s.records {
		unseen := s.unseen[known.directory] || known.home != "" && s.unseen[known.home]
		if unseen || known.sample == s.samples {
			continue
		}
		if !s.partial[known.directory] {
			s.countChange(at.kind, model.PersistenceRemoved, known.count)
		}
		s.kept.add(known.owner, -known.size)
		delete(s.records, at)
		s.changed = true
	}
}

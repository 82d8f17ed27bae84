package cpu

import (
	"sort"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	groupSlots    = 32
	maxTombstones = 4 * groupSlots
	admitSeconds  = 1.0              // CPU used in a minute
	idleTime      = 15 * time.Minute // after which a group may lose its slot
	recentTime    = time.Minute
	// otherGroup is all that has no slot. Its user is empty, so a program of
	// this name is another series.
	otherGroup = "other"
)

// groupSample is what a group did since the last sample.
type groupSample struct {
	cpuSeconds float64
	instances  int
	starts     uint64
	respawns   uint64
	topPID     int
	topSeconds float64
	sanitized  int // see Owner
}

// slot is a group that has its own series.
type slot struct {
	totals model.GroupTotals
	active time.Time // last time that it used CPU or ran
}

// candidate is a group that may earn a slot.
type candidate struct {
	since   time.Time
	seconds float64
}

// slotTable holds at most groupSlots groups and one `other` per origin, with
// counters that never go back:
//   - at admission a group starts at 0, what it used before stays in `other`;
//   - at eviction nothing is added to `other`, which would look like a burst;
//   - a tombstone lets a group that returns go on where it was.
type slotTable struct {
	slots      map[model.GroupKey]*slot
	others     map[model.Origin]*model.GroupTotals
	candidates map[model.GroupKey]*candidate
	tombstones map[model.GroupKey]*slot
	refused    uint64
}

func newSlotTable() *slotTable {
	return &slotTable{
		slots:      map[model.GroupKey]*slot{},
		others:     map[model.Origin]*model.GroupTotals{},
		candidates: map[model.GroupKey]*candidate{},
		tombstones: map[model.GroupKey]*slot{},
	}
}

// update credits one sample.
func (t *slotTable) update(now time.Time, samples map[model.GroupKey]*groupSample) {
	t.admit(now, samples)
	for _, other := range t.others {
		other.Processes, other.TopPID = 0, 0
	}
	for _, s := range t.slots {
		s.totals.Processes, s.totals.TopPID = 0, 0
	}
	topOther := map[model.Origin]float64{}
	for key, sample := range samples {
		if s, ok := t.slots[key]; ok {
			add(&s.totals, sample)
			s.totals.TopPID = sample.topPID
			s.totals.Sanitized = max(s.totals.Sanitized, sample.sanitized)
			if sample.instances > 0 || sample.cpuSeconds > 0 {
				s.active = now
			}
			continue
		}
		other := t.other(key.Origin)
		add(other, sample)
		if sample.topSeconds >= topOther[key.Origin] && sample.topPID != 0 {
			other.TopPID, topOther[key.Origin] = sample.topPID, sample.topSeconds
		}
	}
	t.evictIdle(now)
}

func (t *slotTable) other(origin model.Origin) *model.GroupTotals {
	other, ok := t.others[origin]
	if !ok {
		other = &model.GroupTotals{GroupKey: model.GroupKey{Process: otherGroup, Origin: origin}}
		t.others[origin] = other
	}
	return other
}

// admit gives slots to the groups that earned one, the busiest first.
func (t *slotTable) admit(now time.Time, samples map[model.GroupKey]*groupSample) {
	var wanting []model.GroupKey
	for key, sample := range samples {
		if _, has := t.slots[key]; has {
			continue
		}
		c, ok := t.candidates[key]
		if !ok || now.Sub(c.since) > recentTime {
			c = &candidate{since: now}
			t.candidates[key] = c
		}
		c.seconds += sample.cpuSeconds
		if c.seconds > admitSeconds || (key.Origin.Suspicious() && sample.instances > 0) {
			wanting = append(wanting, key)
		}
	}
	sort.Slice(wanting, func(i, j int) bool {
		a, b := t.candidates[wanting[i]].seconds, t.candidates[wanting[j]].seconds
		if a != b {
			return a > b
		}
		return less(wanting[i], wanting[j])
	})
	for _, key := range wanting {
		if len(t.slots) >= groupSlots && !t.evictOne(now, t.candidates[key].seconds > admitSeconds) {
			t.refused++
			continue
		}
		s := t.tombstones[key]
		if s == nil {
			s = &slot{totals: model.GroupTotals{GroupKey: key}}
		}
		delete(t.tombstones, key)
		delete(t.candidates, key)
		s.active = now
		t.slots[key] = s
	}
	for key, c := range t.candidates {
		if now.Sub(c.since) > recentTime {
			delete(t.candidates, key)
		}
	}
}

// evictOne frees the slot that has been idle longest, if that was long enough. For a
// group that burns CPU, one that never did may go at once: otherwise 64 sleeping
// programs would keep a miner out.
func (t *slotTable) evictOne(now time.Time, forBurner bool) bool {
	var victim *slot
	for _, s := range t.slots {
		gives := now.Sub(s.active) >= idleTime || (forBurner && s.totals.CPUSeconds < admitSeconds)
		if !gives {
			continue
		}
		if victim == nil || s.active.Before(victim.active) {
			victim = s
		}
	}
	if victim == nil {
		return false
	}
	t.evict(victim)
	return true
}

// evictIdle ends the series of groups that have long had no process.
func (t *slotTable) evictIdle(now time.Time) {
	for _, s := range t.slots {
		if s.totals.Processes == 0 && now.Sub(s.active) >= idleTime {
			t.evict(s)
		}
	}
}

func (t *slotTable) evict(s *slot) {
	delete(t.slots, s.totals.GroupKey)
	s.totals.Processes, s.totals.TopPID = 0, 0
	t.tombstones[s.totals.GroupKey] = s
	if len(t.tombstones) <= maxTombstones {
		return
	}
	var oldest *slot
	for _, tombstone := range t.tombstones {
		if oldest == nil || tombstone.active.Before(oldest.active) {
			oldest = tombstone
		}
	}
	delete(t.tombstones, oldest.totals.GroupKey)
}

// groups returns a copy of all series, sorted.
func (t *slotTable) groups() []model.GroupTotals {
	groups := make([]model.GroupTotals, 0, len(t.slots)+len(t.others))
	for _, s := range t.slots {
		groups = append(groups, s.totals)
	}
	for _, other := range t.others {
		groups = append(groups, *other)
	}
	sort.Slice(groups, func(i, j int) bool { return less(groups[i].GroupKey, groups[j].GroupKey) })
	return groups
}

func less(a, b model.GroupKey) bool {
	if a.Origin != b.Origin {
		return a.Origin < b.Origin
	}
	if a.Process != b.Process {
		return a.Process < b.Process
	}
	return a.User < b.User
}

func add(totals *model.GroupTotals, sample *groupSample) {
	totals.CPUSeconds += sample.cpuSeconds
	totals.Starts += sample.starts
	totals.Respawns += sample.respawns
	totals.Processes += sample.instances
}

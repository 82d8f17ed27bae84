package files

import (
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// reasons is how many there are of model.FileReasons.
const reasons = 5

// tally counts files by the rank of their reason, 0 is the strongest.
type tally [reasons]int

func (t *tally) sum() (sum int) {
	for _, n := range t {
		sum += n
	}
	return sum
}

// weaker is how many have a weaker reason than a rank.
func (t *tally) weaker(rank int) (sum int) {
	for _, n := range t[rank+1:] {
		sum += n
	}
	return sum
}

// owner is a user of the host or of a container.
type owner struct {
	container string
	uid       uint32
}

// found is the set of suspicious files that are remembered, within a Quota.
type found struct {
	quota       Quota
	files       []*candidate // each knows its place
	ids         map[model.FileID]int
	all         tally
	owners      map[owner]*tally
	directories map[*directory]*tally
}

func newFound(quota Quota) *found {
	return &found{
		quota: quota, ids: map[model.FileID]int{}, owners: map[owner]*tally{}, directories: map[*directory]*tally{},
	}
}

// add remembers a file, in place of a weaker one where there is no room. It returns
// whether it did. What had to go is counted as omitted in its directory.
func (f *found) add(c *candidate) bool {
	for {
		full, inGroup := f.fullGroup(c)
		if full == nil {
			f.insert(c)
			return true
		}
		if full.weaker(c.rank) == 0 {
			return false
		}
		victim := f.weakest(inGroup)
		f.remove(victim)
		victim.directory.displaced(victim)
	}
}

// fullGroup returns the first group of a file that has no room for it, and who belongs
// to it, or nil.
func (f *found) fullGroup(c *candidate) (*tally, func(*candidate) bool) {
	most := f.quota.User
	if c.owner() == (owner{}) {
		most = f.quota.System
	}
	if t := f.owners[c.owner()]; t != nil && t.sum() >= most {
		return t, func(other *candidate) bool { return other.owner() == c.owner() }
	}
	if t := f.directories[c.directory]; t != nil && t.sum() >= f.quota.Directory {
		return t, func(other *candidate) bool { return other.directory == c.directory }
	}
	if f.all.sum() >= f.quota.All {
		return &f.all, func(*candidate) bool { return true }
	}
	return nil, nil
}

// weakest returns the file with the weakest reason, and of those the oldest.
func (f *found) weakest(inGroup func(*candidate) bool) (weakest *candidate) {
	for _, c := range f.files {
		if inGroup(c) && (weakest == nil || c.compare(weakest) > 0) {
			weakest = c
		}
	}
	return weakest
}

func (f *found) insert(c *candidate) {
	if c.directory.files == nil {
		c.directory.files = map[string]*candidate{}
	}
	c.directory.files[c.name] = c
	c.at = len(f.files)
	f.files = append(f.files, c)
	f.ids[c.id()]++
	f.count(c, 1)
}

func (f *found) remove(c *candidate) {
	f.count(c, -1)
	last := f.files[len(f.files)-1]
	f.files[c.at], last.at = last, c.at
	f.files[len(f.files)-1] = nil
	f.files = f.files[:len(f.files)-1]
	if f.ids[c.id()]--; f.ids[c.id()] <= 0 {
		delete(f.ids, c.id())
	}
	delete(c.directory.files, c.name)
	if len(c.directory.files) == 0 {
		c.directory.files = nil
	}
}

// judge finds the reason of a remembered file anew. It returns whether that changed.
func (f *found) judge(c *candidate, knownMiner, running bool) bool {
	rank, hidden := c.rank, c.hidden
	f.count(c, -1)
	c.knownMiner, c.running = knownMiner, running
	c.setReason()
	f.count(c, 1)
	return c.rank != rank || c.hidden != hidden
}

func (f *found) count(c *candidate, change int) {
	f.all[c.rank] += change
	addTo(f.owners, c.owner(), c.rank, change)
	addTo(f.directories, c.directory, c.rank, change)
}

func addTo[K comparable](tallies map[K]*tally, key K, rank, change int) {
	t := tallies[key]
	if t == nil {
		t = &tally{}
		tallies[key] = t
	}
	if t[rank] += change; t.sum() == 0 {
		delete(tallies, key)
	}
}

package processes

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxShortLived = 64
	// shortLivedMemory is for how long a program is remembered after the last of its processes has ended.
	shortLivedMemory = 10 * time.Minute
	// shortLivedShown is for how long it is shown after that was noted: long enough to be judged once, while what
	// stands above it is still known. The finding lasts by itself.
	shortLivedShown = 5 * time.Second
)

// shortLived are the programs that asked to be looked at when they began, and whose processes ended before a regular
// sample could see them. There is one for each program and user, however many processes come and go.
type shortLived struct {
	programs map[shortKey]*brief
}

// shortKey is a program of one user. What was not read is another one with each file: a compiler's trials have one
// path, one after the other.
type shortKey struct {
	model.ProgramKey
	unread hostfs.ContentKey
}

// brief is one of them.
type brief struct {
	last     *model.Process
	interest model.Interest
	count    int
	first    time.Time // when the first was noted
	noted    time.Time // when the last was
}

// add notes a process that has ended. The table keeps what it has for longest, but for what is of more interest or
// came again: a storm of programs, each another one, pushes out its like.
func (s *shortLived) add(p *model.Process, file hostfs.ContentKey, interest model.Interest, now time.Time) {
	key := shortKey{ProgramKey: p.Program()}
	if p.SHA256 == "" && p.Script == "" {
		key.unread = file
	}
	known := s.programs[key]
	if known == nil {
		if len(s.programs) >= maxShortLived && !s.makeRoom(interest) {
			return
		}
		known = &brief{first: now}
		s.programs[key] = known
	}
	last := *p
	known.last, known.interest, known.noted = &last, max(known.interest, interest), now
	known.count++
}

// makeRoom removes what is of least interest, and of that the one that was noted first, unless all is of more.
func (s *shortLived) makeRoom(interest model.Interest) bool {
	least := slices.MinFunc(slices.Collect(maps.Keys(s.programs)), func(a, b shortKey) int {
		x, y := s.programs[a], s.programs[b]
		return cmp.Or(cmp.Compare(x.interest, y.interest), cmp.Compare(min(x.count, 2), min(y.count, 2)), x.noted.Compare(y.noted), cmp.Compare(a.Suspect, b.Suspect))
	})
	if s.programs[least].interest > interest {
		return false
	}
	delete(s.programs, least)
	return true
}

// publish returns those of which a process has just ended, and forgets those of long ago.
func (s *shortLived) publish(now time.Time) []model.ShortLived {
	var shown []model.ShortLived
	for key, known := range s.programs {
		switch past := now.Sub(known.noted); {
		case past > shortLivedMemory:
			delete(s.programs, key)
		case past <= shortLivedShown:
			shown = append(shown, model.ShortLived{Last: known.last, Count: known.count, Span: known.noted.Sub(known.first)})
		}
	}
	slices.SortFunc(shown, func(a, b model.ShortLived) int { return cmp.Compare(a.Last.PID, b.Last.PID) })
	return shown
}

// noteShort notes a process that has ended, if it asked to be looked at and no regular sample is certain to have seen it.
func (s *sample) noteShort(e *entry, t *trace) {
	if t.execs == 0 || t.interest < model.InterestPlace || t.ended != 0 && t.ended-t.born > s.options.Interval {
		return
	}
	interest := t.interest
	if e.process.SHA256 != "" { // by now its content is known
		interest = max(interest, s.options.Interest(e.process))
	}
	s.shortLived.add(e.process, e.content, interest, s.now)
}

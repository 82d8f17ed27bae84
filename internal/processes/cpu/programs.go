package cpu

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxPrograms = 4096
	// programIdle is how long a program is kept that uses nothing.
	programIdle = 2 * windowSpan
	// loadLeast is what a program must use for its load to be published, in cores. So there are
	// at most ten for each of the host's.
	loadLeast = 0.1
)

// Programs are the accounts of programs by user: what all their processes use, those included
// that have ended, so that whoever goes on in a new process, or in many, has no less of a load.
//
// Between two calls of Publish the time of one round of samples is credited. Its methods are called by one goroutine.
type Programs struct {
	all   map[model.ProgramKey]*program
	used  map[model.ProgramKey]*use // in this round
	last  time.Time                 // of the last round; zero before the first
	loads map[model.ProgramKey]model.Load
}

// program is the account of one program.
type program struct {
	seconds, ended float64 // since it was first seen
	cpu            window  // of seconds
	ends           window  // of ended
	constant       constant
	lastUse        time.Time
	process        *model.Process // the last that was seen, alive if any was
	lived          time.Time      // when one was seen alive
	load           model.Load
}

// use is what a program has used in one round.
type use struct {
	seconds float64
	living  int
	ended   int
	process *model.Process // that used most, a living one before one that has ended
	most    float64
	lives   bool
}

// NewPrograms returns accounts of nothing.
func NewPrograms() *Programs {
	return &Programs{all: map[model.ProgramKey]*program{}, used: map[model.ProgramKey]*use{}}
}

// Credit counts time that a process has used since the last sample. The process is kept until
// another is credited.
func (p *Programs) Credit(key model.ProgramKey, process *model.Process, seconds float64, lives bool) {
	u := p.used[key]
	if u == nil {
		u = &use{}
		p.used[key] = u
	}
	u.seconds += seconds
	if lives {
		u.living++
	}
	if u.process == nil || lives && !u.lives || lives == u.lives && seconds > u.most {
		u.process, u.most, u.lives = process, seconds, lives
	}
}

// CreditChildren counts time of children that ended without an account of their own: it is the
// program's that waited for them.
func (p *Programs) CreditChildren(key model.ProgramKey, process *model.Process, seconds float64) {
	if u := p.used[key]; u != nil {
		u.seconds += seconds
		return
	}
	p.Credit(key, process, seconds, true)
}

// End counts a process that has ended.
func (p *Programs) End(key model.ProgramKey) {
	if u := p.used[key]; u != nil {
		u.ended++
	} else if known := p.all[key]; known != nil {
		p.used[key] = &use{ended: 1, process: known.process}
	}
}

// Rename carries on what was counted of a program before its content was read. If the program
// is known by its content already, that history goes on.
func (p *Programs) Rename(from, to model.ProgramKey) {
	known := p.all[from]
	if known == nil || from == to {
		return
	}
	delete(p.all, from)
	if p.all[to] == nil {
		p.all[to] = known
	}
}

// Cores is the load of a program as of the last sample, in cores: 0 if it is small.
func (p *Programs) Cores(key model.ProgramKey) float64 {
	if known := p.all[key]; known != nil && known.load.Cores >= loadLeast {
		return known.load.Cores
	}
	return 0
}

// Loads are those that were published last.
func (p *Programs) Loads() map[model.ProgramKey]model.Load { return p.loads }

// Publish ends a round. It returns the loads of the programs that use more than a little.
func (p *Programs) Publish(now time.Time) map[model.ProgramKey]model.Load {
	before := p.last
	if before.IsZero() {
		before = now
	}
	p.last = now
	for key, u := range p.used {
		known := p.all[key]
		if known == nil {
			known = &program{cpu: newWindow(before, before, 0), ends: newWindow(before, before, 0)}
			p.all[key] = known
		}
		known.seconds, known.ended = known.seconds+u.seconds, known.ended+float64(u.ended)
		if u.lives || now.Sub(known.lived) > windowSpan {
			known.process = u.process // of one that was seen alive more is known
		}
		if u.lives {
			known.lived = now
		}
		if u.seconds > 0 {
			known.lastUse = now
		}
	}
	loads := map[model.ProgramKey]model.Load{}
	for key, known := range p.all {
		u := p.used[key]
		known.sample(now, u)
		switch {
		case now.Sub(known.lastUse) > programIdle:
			delete(p.all, key)
		case known.load.Cores >= loadLeast:
			load := known.load
			if u == nil || u.living == 0 {
				last := *known.process
				load.Last = &last
			}
			loads[key] = load
		}
	}
	p.evict()
	clear(p.used)
	p.loads = loads
	return loads
}

// sample takes what was counted. A program is seen from its first process on, so that no time
// before that belongs to its mean.
func (k *program) sample(now time.Time, u *use) {
	k.load.Cores, k.load.Span = k.cpu.mean(now, k.seconds)
	k.load.ConstantCores, k.load.ConstantSpan = k.constant.add(now, k.seconds)
	rate, span := k.ends.mean(now, k.ended)
	k.load.Ended, k.load.Living = int(rate*span.Seconds()+0.5), 0
	if u != nil {
		k.load.Living = u.living
	}
}

// evict keeps those that use most.
func (p *Programs) evict() {
	if len(p.all) <= maxPrograms {
		return
	}
	keys := slices.SortedFunc(maps.Keys(p.all), func(a, b model.ProgramKey) int {
		return cmp.Or(cmp.Compare(p.all[b].load.Cores, p.all[a].load.Cores), cmp.Compare(a.Suspect, b.Suspect), cmp.Compare(a.UID, b.UID))
	})
	for _, key := range keys[maxPrograms:] {
		delete(p.all, key)
	}
}

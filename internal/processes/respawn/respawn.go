// Package respawn recognises programs that ended and came back, among those that only run more than once.
package respawn

import (
	"path"
	"sort"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	// clockSlack is how much too early a start time may be: the boot time in
	// /proc/stat is cut to whole seconds.
	clockSlack   = 1500 * time.Millisecond
	maxEnds      = 64 // of one program, that wait for a start
	maxRecent    = 16 // respawns of one program whose time is kept
	maxStarters  = 4
	keepTime     = time.Hour // after the last instance, if there was a respawn
	maxPrograms  = 16384
	signalStatus = 0x7f // the part of a wait status that is a signal (wait(2))
)

// program is the history of one program.
type program struct {
	living   int
	ends     []Ending // of instances; each explains one start
	last     Ending
	killed   uint64
	count    uint64
	recent   []time.Time
	lastGap  time.Duration
	starters []model.Starter
}

// History is what is known of programs that run or ran. Its methods are called by one goroutine.
type History struct {
	window   time.Duration
	programs map[string]*program
}

// New returns an empty history. A start within the window after an end is a respawn.
func New(window time.Duration) *History {
	return &History{window: window, programs: map[string]*program{}}
}

// Key is what makes two instances the same program: the path for what is
// installed, the content for all else. It is empty for what has none.
func Key(origin model.Origin, exe, sha256 string) string {
	switch origin {
	case model.OriginSystem, model.OriginLocal:
		return exe
	case model.OriginKernel:
		return ""
	default:
		return sha256
	}
}

// Instance is the part of one process in the history. The zero value has none.
type Instance struct {
	key         string // see Key
	polymorphic string // see model.PolymorphicKey; "" without a guardian from a suspicious place
}

// Recorded reports whether the process counts as an instance of its program.
func (i *Instance) Recorded() bool { return i.key != "" }

// Start records an instance of the program with this key, and reports whether it is a respawn. began is when the
// process became this program; counted is false for what ran before the first sample.
func (h *History) Start(i *Instance, key string, process *model.Process, began time.Time, counted bool) bool {
	i.key = key
	if guardian := suspiciousAncestor(process); guardian != nil {
		i.polymorphic = model.PolymorphicKey(guardian.Identity, path.Dir(process.Exe))
		h.start(i.polymorphic, began, guardian, counted)
	}
	return h.start(key, began, process.Parent, counted)
}

// suspiciousAncestor is the nearest ancestor from a suspicious place of a process that is from such a place itself, or nil.
func suspiciousAncestor(process *model.Process) *model.Ancestor {
	if !process.Origin.Suspicious() {
		return nil
	}
	for a := process.Parent; a != nil; a = a.Parent {
		if a.Origin.Suspicious() {
			return a
		}
	}
	return nil
}

func (h *History) start(key string, started time.Time, parent *model.Ancestor, counted bool) bool {
	p, ok := h.programs[key]
	if !ok {
		if len(h.programs) >= maxPrograms {
			h.forgetOne()
		}
		p = &program{}
		h.programs[key] = p
	}
	p.living++
	if !counted {
		return false
	}
	p.startedBy(parent)
	for i, end := range p.ends {
		gap := started.Sub(end.At)
		if gap < -clockSlack || gap > h.window {
			continue
		}
		p.ends = append(p.ends[:i], p.ends[i+1:]...)
		p.count++
		if end.Known && end.Status&signalStatus != 0 {
			p.killed++
		}
		p.lastGap = max(0, gap)
		p.recent = append(p.recent, started)
		if len(p.recent) > maxRecent {
			p.recent = p.recent[1:]
		}
		return true
	}
	return false
}

// Ending is how an instance ended.
type Ending struct {
	At     time.Time
	Known  bool   // the kernel reported it; else At is when the instance was last seen
	Status uint32 // as of wait(2), if Known
}

// End records that an instance ended.
func (h *History) End(i *Instance, how Ending) {
	for _, key := range []string{i.key, i.polymorphic} {
		p, ok := h.programs[key]
		if !ok {
			continue
		}
		p.living--
		p.last = how
		p.ends = append(p.ends, how)
		if len(p.ends) > maxEnds {
			p.ends = p.ends[1:]
		}
	}
	*i = Instance{}
}

// Leave records that a process became another program (execve(2)). That is no end, so no
// respawn can follow it.
func (h *History) Leave(i *Instance) {
	for _, key := range []string{i.key, i.polymorphic} {
		if p, ok := h.programs[key]; ok {
			p.living--
		}
	}
	*i = Instance{}
}

// Prune forgets what ended too long ago to come back.
func (h *History) Prune(now time.Time) {
	for key, p := range h.programs {
		keep := h.window
		if p.count > 0 {
			keep = max(keep, keepTime)
		}
		if p.living <= 0 && now.Sub(p.last.At) > keep {
			delete(h.programs, key)
		}
	}
}

// forgetOne makes room. It prefers a program that does not run.
func (h *History) forgetOne() {
	victim := ""
	for key, p := range h.programs {
		victim = key
		if p.living <= 0 {
			break
		}
	}
	delete(h.programs, victim)
}

func (p *program) startedBy(parent *model.Ancestor) {
	if parent == nil {
		return
	}
	for i := range p.starters {
		if p.starters[i].Identity == parent.Identity {
			p.starters[i].Count++
			return
		}
	}
	starter := model.Starter{Ancestor: *parent, Count: 1}
	if len(p.starters) < maxStarters {
		p.starters = append(p.starters, starter)
		return
	}
	least := 0
	for i := range p.starters {
		if p.starters[i].Count < p.starters[least].Count {
			least = i
		}
	}
	p.starters[least] = starter
}

// Snapshot copies the history of the programs that came back at least once.
func (h *History) Snapshot() map[string]model.Respawn {
	out := map[string]model.Respawn{}
	for key, p := range h.programs {
		if p.count == 0 {
			continue
		}
		starters := append([]model.Starter(nil), p.starters...)
		sort.SliceStable(starters, func(i, j int) bool { return starters[i].Count > starters[j].Count })
		out[key] = model.Respawn{
			Key: key, Count: p.count, Recent: append([]time.Time(nil), p.recent...),
			LastGap: p.lastGap, Starters: starters, Killed: p.killed,
		}
	}
	return out
}

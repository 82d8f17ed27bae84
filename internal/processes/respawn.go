package processes

import (
	"sort"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	// clockSlack is how much too early a start time may be: the boot time in
	// /proc/stat is cut to whole seconds.
	clockSlack      = 1500 * time.Millisecond
	pendingEnds     = 64
	recentRespawns  = 16
	respawnStarters = 4
	respawnKeep     = time.Hour // after the last instance, if there was a respawn
	respawnKeys     = 16384
)

// life is the history of one program.
type life struct {
	living   int
	ends     []ending // of instances; each explains one start
	last     ending
	killed   uint64
	count    uint64
	recent   []time.Time
	lastGap  time.Duration
	starters []model.Starter
}

// respawns tells a program that ended and came back from one that only runs
// more than once. A process whose parent runs the same program (a worker of a
// server, a tab of a browser) is no instance of its own.
type respawns struct {
	window time.Duration
	lives  map[string]*life
}

func newRespawns(window time.Duration) *respawns {
	return &respawns{window: window, lives: map[string]*life{}}
}

// start records an instance that runs now and tells whether it is a respawn.
// counted is false for what ran before the first sample.
func (r *respawns) start(key string, started time.Time, parent *model.Ancestor, counted bool) bool {
	l, ok := r.lives[key]
	if !ok {
		if len(r.lives) >= respawnKeys {
			r.forgetOne()
		}
		l = &life{}
		r.lives[key] = l
	}
	l.living++
	if !counted {
		return false
	}
	l.startedBy(parent)
	for i, end := range l.ends {
		gap := started.Sub(end.at)
		if gap < -clockSlack || gap > r.window {
			continue
		}
		l.ends = append(l.ends[:i], l.ends[i+1:]...)
		l.count++
		if end.known && end.code&0x7f != 0 {
			l.killed++
		}
		l.lastGap = max(0, gap)
		l.recent = append(l.recent, started)
		if len(l.recent) > recentRespawns {
			l.recent = l.recent[1:]
		}
		return true
	}
	return false
}

// ending is how an instance ended. Without the proc connector only when it was
// last seen is known.
type ending struct {
	at    time.Time
	known bool
	code  uint32 // status as of wait(2)
}

// end records that an instance ended.
func (r *respawns) end(e *entry, how ending) {
	for _, key := range []string{e.key, e.brood} {
		l, ok := r.lives[key]
		if !ok {
			continue
		}
		l.living--
		l.last = how
		l.ends = append(l.ends, how)
		if len(l.ends) > pendingEnds {
			l.ends = l.ends[1:]
		}
	}
	e.key, e.brood = "", ""
}

// leave records that a process went on as another program (execve(2)): that is
// no end that a respawn could follow.
func (r *respawns) leave(e *entry) {
	for _, key := range []string{e.key, e.brood} {
		if l, ok := r.lives[key]; ok {
			l.living--
		}
	}
	e.key, e.brood = "", ""
}

// prune forgets what is over.
func (r *respawns) prune(now time.Time) {
	for key, l := range r.lives {
		keep := r.window
		if l.count > 0 {
			keep = max(keep, respawnKeep)
		}
		if l.living <= 0 && now.Sub(l.last.at) > keep {
			delete(r.lives, key)
		}
	}
}

// forgetOne makes room: any that does not run goes first.
func (r *respawns) forgetOne() {
	victim := ""
	for key, l := range r.lives {
		victim = key
		if l.living <= 0 {
			break
		}
	}
	delete(r.lives, victim)
}

func (l *life) startedBy(parent *model.Ancestor) {
	if parent == nil {
		return
	}
	for i := range l.starters {
		if l.starters[i].Identity == parent.Identity {
			l.starters[i].Count++
			return
		}
	}
	starter := model.Starter{Ancestor: *parent, Count: 1}
	if len(l.starters) < respawnStarters {
		l.starters = append(l.starters, starter)
		return
	}
	least := 0
	for i := range l.starters {
		if l.starters[i].Count < l.starters[least].Count {
			least = i
		}
	}
	l.starters[least] = starter
}

// snapshot copies the history of the programs that came back at least once.
func (r *respawns) snapshot() map[string]model.Respawn {
	out := map[string]model.Respawn{}
	for key, l := range r.lives {
		if l.count == 0 {
			continue
		}
		starters := append([]model.Starter(nil), l.starters...)
		sort.SliceStable(starters, func(i, j int) bool { return starters[i].Count > starters[j].Count })
		out[key] = model.Respawn{
			Key: key, Count: l.count, Recent: append([]time.Time(nil), l.recent...),
			LastGap: l.lastGap, Starters: starters, Killed: l.killed,
		}
	}
	return out
}

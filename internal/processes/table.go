package processes

import (
	"cmp"
	"slices"
	"time"

	"github.com/prometheus/procfs"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/containers"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/cpu"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/gpu"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/inspect"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/procdir"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/respawn"
)

// clockSlack is how much too early a start time may be: the boot time in
// /proc/stat is cut to whole seconds.
const clockSlack = 1500 * time.Millisecond

// table is what is kept from one sample to the next. It is used by the goroutine that samples; only the follower
// is shared with the event sources.
type table struct {
	options   Options
	reader    *procdir.Reader
	reads     *inspect.Reads
	inspector *inspect.Inspector
	code      *inspect.Code
	contents  *hostfs.ContentCache
	follower  *follower
	accounts  *cpu.Accounts
	programs  *cpu.Programs
	respawns  *respawn.History
	gpus      *gpu.Holders
	gpuLeast  time.Duration // see there; tests wait longer
	waker     *waker

	containers      *containers.Names
	containersSaid  map[model.Reason]bool // why names could not be read, that was logged
	containersSwept time.Time             // when those that have ended were last forgotten

	fs         procfs.FS
	tasks      tasks
	shortLived shortLived
	shared     *shared
	listing    listing
	// listNames appends the processes that /proc lists.
	listNames func(pids []int) ([]int, error)

	someHidden    bool // some process is hidden, or was: see publishHiding
	losses        losses
	blindToOthers bool // so many are missing in /proc that this is how it is mounted
	saidBlind     bool

	entries   map[int]*entry
	list      []*entry // all of entries, by pid; see arrange
	added     []*entry // that are not in list yet
	removed   bool     // list holds some that are gone
	samples   int      // taken so far
	round     round
	uncertain int  // see uncertainRounds
	undrained int  // see maxUndrained
	lossy     bool // events were lost in this round
	boot      time.Time
	bootID    string
	first     time.Time // the first sample
	last      time.Time // the previous sample
}

// round is a regular sample and those that were asked for since the one before it. Whatever is to be given time,
// such as a report that is on its way, is given whole rounds: samples that were asked for may be moments apart.
type round struct {
	number int       // from 1 on
	began  time.Time // with the end of the last
	early  bool      // the present sample does not end it
}

// setBoot takes the boot time, which moves when the host's clock is set: the kernel knows when a process started as
// ticks since the boot only. A difference below clockSlack is how /proc/stat cuts it.
func (t *table) setBoot(boot time.Time) {
	step := boot.Sub(t.boot)
	if step.Abs() <= clockSlack {
		return
	}
	t.boot = boot
	t.first, t.last, t.round.began = t.first.Round(0).Add(step), t.last.Round(0).Add(step), t.round.began.Round(0).Add(step)
	for _, e := range t.entries {
		started := e.process.Started.Add(step)
		if e.imageStarted.Equal(e.process.Started) {
			e.imageStarted = started
		}
		e.change().Started = started
	}
}

// add takes a process into the table, in the place of an older one with its pid, and remove takes one out.
func (t *table) add(e *entry) {
	if old := t.entries[e.process.PID]; old != nil {
		t.remove(old)
	}
	t.entries[e.process.PID] = e
	t.added = append(t.added, e)
}

func (t *table) remove(e *entry) {
	e.gone, t.removed = true, true
	delete(t.entries, e.process.PID)
}

// arrange puts those that were added into the list, and takes those out that were removed.
func (t *table) arrange() {
	if t.removed {
		isGone := func(e *entry) bool { return e.gone }
		t.list, t.added = slices.DeleteFunc(t.list, isGone), slices.DeleteFunc(t.added, isGone)
		t.removed = false
	}
	if len(t.added) == 0 {
		return
	}
	byPID := func(a, b *entry) int { return cmp.Compare(a.process.PID, b.process.PID) }
	slices.SortFunc(t.added, byPID)
	// They are merged from the end: most are younger than all others.
	from, to := len(t.list)-1, len(t.list)+len(t.added)-1
	t.list = append(t.list, t.added...)
	for next := len(t.added) - 1; next >= 0; to-- {
		if from >= 0 && byPID(t.list[from], t.added[next]) > 0 {
			t.list[to] = t.list[from]
			from--
		} else {
			t.list[to] = t.added[next]
			next--
		}
	}
	clear(t.added)
	t.added = t.added[:0]
}

// owner is whom the CPU time of a process counts for.
func (t *table) owner(e *entry) cpu.Owner {
	group, sanitized := e.group()
	return cpu.Owner{Origin: e.origin(), Group: group, Sanitized: sanitized}
}

// program is what the CPU time of a process counts for, besides its owner.
func (t *table) program(e *entry) model.ProgramKey {
	if key := e.process.Program(); key != e.program {
		t.programs.Rename(e.process.ProgramBeforeReading(), key)
		e.program = key
	}
	return e.program
}

// started records a new instance of a program, and reports whether it is a respawn. A process whose parent runs the
// same program (a worker of a server, a tab of a browser) is no instance of its own, unless it outlives the parent. A
// guardian and its miner may have the same content under two names: such a child is an instance.
func (t *table) started(e *entry) (isRespawn bool) {
	key := keyOf(e.process)
	if key == "" {
		return false
	}
	if parent := t.livingParent(e); parent != nil && keyOf(parent.process) == key {
		twoNames := e.process.Origin.Suspicious() && parent.process.Exe != e.process.Exe
		if !twoNames {
			return false
		}
	}
	return t.respawns.Start(&e.instance, key, e.process, e.imageStarted, e.counted)
}

func keyOf(p *model.Process) string { return respawn.Key(p.Origin, p.Exe, p.SHA256) }

// livingParent is the entry of the process that forked this one, or nil if it has ended.
func (t *table) livingParent(e *entry) *entry {
	if e.process.Parent == nil {
		return nil
	}
	parent, ok := t.entries[e.process.Parent.PID]
	if !ok || parent.dead || parent.process.Identity != e.process.Parent.Identity {
		return nil
	}
	return parent
}

// ancestors replaces the ancestors that a sample has seen by what it knows of them:
// their start times are exact, those of events are not.
func (t *table) ancestors(a *model.Ancestor) *model.Ancestor {
	if a == nil {
		return nil
	}
	if e := t.entries[a.PID]; e != nil && near(e.process.StartTime, a.StartTime) {
		return e.ancestor()
	}
	parent := t.ancestors(a.Parent)
	if parent == a.Parent {
		return a
	}
	changed := *a
	changed.Parent = parent
	return &changed
}

// seen is whether a sample saw a pid, and what started then.
type seen struct {
	startTime uint64
	ok        bool
}

// seenNow says what the present sample saw of a pid.
func (t *table) seenNow(pid int) seen {
	e := t.entries[pid]
	if e == nil || e.sample != t.samples {
		return seen{}
	}
	return seen{startTime: e.process.StartTime, ok: true}
}

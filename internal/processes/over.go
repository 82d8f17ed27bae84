package processes

import (
	"path/filepath"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// settleOver settles what the kernel told of processes that have ended, in the
// order of their end: a keeper may have started many in one interval.
func (p *pass) settleOver(over []*trace) {
	for _, t := range over {
		if e := p.entryOf(t); e != nil {
			p.settleKnown(e, t)
		} else if t.forked {
			p.settleUnseen(t)
		}
	}
}

// entryOf returns the entry of a process that a sample has seen.
func (p *pass) entryOf(t *trace) *entry {
	for _, e := range p.replaced[t.pid] {
		if t.is(e.process.StartTime) && !e.settled {
			return e
		}
	}
	if e := p.sensor.entries[t.pid]; e != nil && t.is(e.process.StartTime) && !e.settled {
		return e
	}
	return nil
}

// settleKnown credits what a process used since it was last seen. The accounts
// of its threads are the whole of it where every thread was counted: of a process
// whose fork was seen, or that never had but one. Of others the parent's account
// has to tell the rest.
func (p *pass) settleKnown(e *entry, t *trace) {
	if !t.settled && !t.forked && e.seen == p.sensor.samples && e.process.Threads > 1 {
		return // its first thread has ended, others go on
	}
	if i := t.image; t.execs > 0 && i != nil && (i.path != e.process.Exe || i.content != e.content && e.content != (hostfs.ContentKey{})) {
		p.sensor.respawns.leave(e)
		p.runs(e, t) // it was last seen before its exec
		p.begin(e, 1)
		e.started = false // a fork with its exec counts once
	}
	if t.settled {
		final := t.cpu.Seconds()
		p.claim(e, max(0, final-e.used))
		e.used = max(e.used, final)
		e.settled = true
	}
	p.diedAt(e, t)
}

// settleUnseen settles a process that began and ended between two samples: its
// start, what it used, and its place in the history of its program.
func (p *pass) settleUnseen(t *trace) {
	s := p.sensor
	e := &entry{used: t.cpu.Seconds(), seen: s.samples, settled: true, missing: true, counted: true}
	process := &e.process
	process.Identity = model.Identity{PID: t.pid, StartTime: t.startTime()}
	process.Comm, process.Started = t.comm, s.boot.Add(t.born)
	process.Parent = p.exact(t.parent)
	e.imageStarted = process.Started
	e.window = newWindow(process.Started, p.now, e.used)
	process.Isolation = model.IsolationHost
	if t.owner != nil {
		process.UID, process.User, process.Cgroup = t.owner.uid, t.owner.user, t.owner.cgroup
		process.Unit, process.ContainerID, process.Isolation = t.owner.unit, t.owner.contained, t.owner.namespace
	}
	p.runs(e, t)
	p.begin(e, uint64(max(1, t.execs)))
	p.claim(e, e.used)
	p.diedAt(e, t)
	if _, taken := s.entries[t.pid]; !taken {
		s.entries[t.pid] = e // it may be there as a zombie yet, until it is waited for
	}
}

// claim is CPU time that accounts tell of.
type claim struct {
	origin  model.OriginKey
	group   *groupSample
	seconds float64
}

func (p *pass) claim(e *entry, seconds float64) {
	p.claims = append(p.claims, claim{e.origin(), p.group(e), seconds})
}

// creditClaims credits what accounts told. After losses an account may have been
// taken for that of an earlier process with the same pid, whose end was lost: then
// no more is credited than has no owner, for no time must be counted twice.
func (p *pass) creditClaims() {
	for _, c := range p.claims {
		if p.lossy {
			c.seconds = min(c.seconds, max(0, p.sensor.accounts.gap()))
		}
		p.sensor.accounts.credit(c.origin, c.seconds)
		c.group.cpuSeconds += c.seconds
	}
}

// runs sets the program that a trace tells of.
func (p *pass) runs(e *entry, t *trace) {
	process := &e.process
	process.Origin, e.directory = model.OriginUnreadable, "unreadable"
	if t.image != nil {
		process.Exe, process.ExeDeleted, process.ExeReplaced = t.image.path, t.image.deleted, t.image.again
		process.ExeFile, process.Origin, e.directory = t.image.file, t.image.origin, t.image.directory
		process.SHA256, e.content = p.contentOf(t.image), t.image.content
	}
	process.Comm = t.comm
	e.rename()
}

// begin counts starts of a program that has ended since.
func (p *pass) begin(e *entry, starts uint64) {
	group, totals := p.group(e), p.sensor.accounts.origins[e.origin()]
	group.starts += starts
	totals.Starts += starts
	if p.respawned(e) {
		group.respawns++
		totals.Respawns++
	}
}

// diedAt closes the instance of a process whose end the kernel told.
func (p *pass) diedAt(e *entry, t *trace) {
	if e.key != "" {
		end := ending{at: p.now}
		if t.ended != 0 {
			end = ending{at: p.sensor.boot.Add(t.ended), known: true, code: t.exitCode}
		}
		p.sensor.respawns.end(e, end)
	}
	e.dead = true
}

// look is what a sample saw of a pid.
type look struct {
	startTime uint64
	seen      bool
}

// looked tells what this sample saw of a pid.
func (p *pass) looked(pid int) look {
	e := p.sensor.entries[pid]
	if e == nil || e.seen != p.sensor.samples {
		return look{}
	}
	return look{startTime: e.process.StartTime, seen: true}
}

// contentOf returns the hash of a program that has ended. If nobody knows it yet
// it is read under the path that it had, if the same file is still there.
func (p *pass) contentOf(i *image) string {
	if i.sha256 != "" || !i.origin.Suspicious() {
		return i.sha256
	}
	hasher := p.sensor.hasher
	if sum, ok := hasher.get(i.content); ok {
		return sum
	}
	if i.deleted || p.hashBudget <= 0 {
		return ""
	}
	p.hashBudget -= min(i.content.Size, hashBudget)
	name := filepath.Join(p.sensor.options.Root, i.path)
	sum, err := hostfs.Within(p.sensor.reader.guard, hashTime, func() (string, error) { return hasher.same(name, i.content) })
	if err != nil {
		return "" // removed, replaced, or of another mount namespace
	}
	return sum
}

// exact replaces the ancestors that a sample has seen by what it knows of them:
// their start times are exact, those of events are not.
func (p *pass) exact(a *model.Ancestor) *model.Ancestor {
	if a == nil {
		return nil
	}
	if e := p.sensor.entries[a.PID]; e != nil && near(e.process.StartTime, a.StartTime) {
		return e.ancestor()
	}
	parent := p.exact(a.Parent)
	if parent == a.Parent {
		return a
	}
	changed := *a
	changed.Parent = parent
	return &changed
}

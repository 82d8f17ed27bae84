package processes

import (
	"path"
	"sort"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// hashContents hashes the executables of new programs within the budget, those
// from suspicious places first. What is left over is taken up by later samples.
func (p *pass) hashContents() {
	s := p.sensor
	var wanting []*entry
	for _, e := range p.order {
		if e.process.SHA256 == "" && e.content != (hostfs.ContentKey{}) {
			wanting = append(wanting, e)
		}
	}
	sort.Slice(wanting, func(i, j int) bool {
		a, b := wanting[i], wanting[j]
		if rank(a) != rank(b) {
			return rank(a) < rank(b)
		}
		return a.process.PID < b.process.PID
	})
	for _, e := range wanting {
		sum, ok := s.hasher.get(e.content)
		if !ok {
			if p.hashBudget <= 0 {
				continue
			}
			p.hashBudget -= min(e.content.Size, hostfs.HashLimit)
			sum = p.hash(e)
		}
		if sum == "" {
			continue
		}
		e.process.SHA256 = sum
		e.rename()
	}
}

func rank(e *entry) int {
	switch origin := e.process.Origin; {
	case origin.Suspicious():
		return 0
	case origin == model.OriginSystem, origin == model.OriginLocal:
		return 2
	default:
		return 1
	}
}

// hash reads the file behind one process. A failure is final for this program,
// so that it is counted once and not tried for ever.
func (p *pass) hash(e *entry) string {
	r := p.sensor.reader
	name, key := r.path(e.process.PID, "exe"), e.content
	sum, err := hostfs.Within(r.guard, hashTime, func() (string, error) { return p.sensor.hasher.hash(name, key) })
	if err != nil && !hostfs.Vanished(err) {
		r.failed(model.AspectExe, err)
		e.content = hostfs.ContentKey{}
	}
	return sum
}

// settleEnded takes leave of the processes that were not seen any more.
func (p *pass) settleEnded() {
	for _, replaced := range p.replaced {
		for _, e := range replaced {
			p.ended(e)
		}
	}
	accounts := p.sensor.follower.hasAccounts()
	for pid, e := range p.sensor.entries {
		if e.seen == p.sensor.samples {
			continue
		}
		if accounts && !e.settled && !e.missing {
			e.missing = true // should its account be late, it must find what was counted already
			continue
		}
		p.ended(e)
		delete(p.sensor.entries, pid)
	}
}

// ended records an end. The last sample saw the process alive. What it used
// since can only be seen where its parent waited for it: its whole time is then
// in the parent's children time, of which the part known so far is taken off.
func (p *pass) ended(e *entry) {
	s := p.sensor
	p.died(e)
	for a := e.process.Parent; a != nil; a = a.Parent {
		parent, ok := s.entries[a.PID]
		if ok && parent.process.Identity == a.Identity && parent.seen == s.samples {
			known := e.used + e.children - max(0, e.childrenDelta) // the last is yet to be credited
			if e.missing {
				parent.childrenBefore -= known
			} else {
				parent.childrenDelta -= known
			}
			return
		}
	}
}

// died closes the instance of a process that has ended, waited for or not: a
// keeper that never waits leaves a zombie behind.
func (p *pass) died(e *entry) {
	p.sensor.respawns.end(e, ending{at: p.sensor.last})
	e.dead = true
}

// settleLiving counts what the living did since the last sample.
func (p *pass) settleLiving() {
	for _, totals := range p.sensor.accounts.origins {
		totals.Processes = 0
	}
	for _, e := range p.order {
		process, key := &e.process, e.origin()
		group, totals := p.group(e), p.sensor.accounts.origins[key]
		p.credit(e, e.delta)
		if e.hidden {
			e.started = false
		}
		if e.started {
			e.started = false
			group.starts++
			totals.Starts++
		}
		if e.dead {
			continue
		}
		group.instances++
		totals.Processes++
		if group.topPID == 0 || e.delta > group.topSeconds {
			group.topPID, group.topSeconds = process.PID, e.delta
		}
		if e.key == "" && p.respawned(e) {
			group.respawns++
			totals.Respawns++
		}
	}
}

func (p *pass) credit(e *entry, seconds float64) {
	p.sensor.accounts.credit(e.origin(), seconds)
	p.group(e).cpuSeconds += seconds
}

// creditChildren credits what processes used that ended unseen, or after their
// account, to the parent that waited for them, but never more than has no owner:
// time must not be counted twice when a process was re-parented in between. Where
// accounts come, the children's may be late, so that theirs waits for a sample.
func (p *pass) creditChildren() (waiting float64) {
	if p.sensor.samples == 0 {
		return 0
	}
	accounts := p.sensor.follower.hasAccounts()
	for _, e := range p.order {
		owed := e.childrenDelta
		if accounts {
			owed = e.childrenBefore
			waiting += max(0, e.childrenDelta)
		}
		if seconds := min(owed, p.sensor.accounts.gap()); seconds > 0 {
			p.credit(e, seconds)
		}
	}
	return waiting
}

// respawned tells the history of a program about a new instance of it. A
// process whose parent runs the same program is none of its own; should it
// outlive the parent, it becomes one. A keeper and its miner may be one content
// under two names: such a child is an instance.
func (p *pass) respawned(e *entry) bool {
	s := p.sensor
	key := respawnKey(e.process.Origin, e.process.Exe, e.process.SHA256)
	if key == "" {
		return false
	}
	if parent := e.process.Parent; parent != nil {
		above, ok := s.entries[parent.PID]
		twoNames := e.process.Origin.Suspicious() && ok && above.process.Exe != e.process.Exe
		if ok && above.process.Identity == parent.Identity && !above.dead && !twoNames &&
			key == respawnKey(above.process.Origin, above.process.Exe, above.process.SHA256) {
			return false
		}
	}
	e.key = key
	if keeper := keeperOf(&e.process); keeper != nil {
		e.brood = model.PolymorphicKey(keeper.Identity, path.Dir(e.process.Exe))
		s.respawns.start(e.brood, e.imageStarted, keeper, e.counted)
	}
	return s.respawns.start(key, e.imageStarted, e.process.Parent, e.counted)
}

// keeperOf is the nearest ancestor from a suspicious place, or nil. Only what is
// from such a place itself is asked for.
func keeperOf(process *model.Process) *model.Ancestor {
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

func (p *pass) group(e *entry) *groupSample {
	key, sanitized := e.group()
	sample, ok := p.groups[key]
	if !ok {
		sample = &groupSample{}
		p.groups[key] = sample
	}
	sample.sanitized = max(sample.sanitized, sanitized)
	return sample
}

// snapshot copies the table.
func (p *pass) snapshot() *model.ProcessSnapshot {
	s := p.sensor
	processes := make([]model.Process, 0, len(s.entries))
	for _, e := range p.order {
		if !e.dead {
			processes = append(processes, e.process)
		}
	}
	sort.Slice(processes, func(i, j int) bool { return processes[i].PID < processes[j].PID })
	errors := make(map[model.ReadError]uint64, len(s.reader.errors))
	for key, count := range s.reader.errors {
		errors[key] = count
	}
	active, lost := s.follower.state()
	slots := model.Slots{Used: len(s.slots.slots), Limit: groupSlots, Refused: s.slots.refused}
	return &model.ProcessSnapshot{
		Meta:             model.Meta{Time: p.now, Visibility: p.visibility, ReadErrors: errors},
		BootID:           strings.Clone(s.bootID),
		Sources:          active,
		EventsLost:       lost,
		BusySeconds:      s.accounts.busy,
		Unattributed:     s.accounts.unattributed,
		UnattributedRate: s.accounts.follow(p.now, s.follower.ended(), s.uncertain == 0),
		Origins:          s.accounts.snapshot(),
		Groups:           s.slots.groups(),
		GroupSlots:       slots,
		Processes:        processes,
		Respawns:         s.respawns.snapshot(),
	}
}

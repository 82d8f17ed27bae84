// Package cpu says whom the host's CPU time counts for. Time of living processes comes from samples, time of exited
// ones from the kernel's accounts or from the parent that waited for them, and the rest has no owner.
//
// Two things always hold: the time of all origins and the unattributed time make up the host's busy time, and no
// counter ever goes back.
package cpu

import (
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// Owner is whom CPU time counts for.
type Owner struct {
	Origin    model.OriginKey
	Group     model.GroupKey
	Sanitized int // texts of Group that had to be changed to be fit for a label
}

// Accounts are the counters of the host. Its methods are called by one goroutine.
//
// A sample begins with Begin. Then CPU time is credited, what is most certain at first: living processes, accounts of
// exited ones, children. AddUnattributed and Publish end it.
type Accounts struct {
	origins      map[model.OriginKey]*model.CPUTotals
	attributed   float64 // sum over origins
	busy         float64
	lastBusy     float64
	unattributed float64
	started      bool

	slots  *slotTable
	groups map[model.GroupKey]*groupSample // those with living processes, or that did something in this sample
	claims []claim                         // of this sample

	withoutTop bool // see WithoutTop

	unattributedTime, exits window
	complete                time.Time // since when all exits are known; zero if some are not
}

// claim is CPU time in the kernel's account of an exited process.
type claim struct {
	origin  model.OriginKey
	group   *groupSample
	seconds float64
}

// New returns accounts in which every origin stands at 0.
func New() *Accounts {
	a := &Accounts{origins: map[model.OriginKey]*model.CPUTotals{}, slots: newSlotTable(), groups: map[model.GroupKey]*groupSample{}}
	for _, origin := range model.Origins() {
		for _, isolation := range model.Isolations() {
			a.origins[model.OriginKey{Origin: origin, Isolation: isolation}] = &model.CPUTotals{}
		}
	}
	return a
}

// Begin begins a sample. busy is user + nice + system of /proc/stat, in seconds. The
// kernel lets it step back at times (proc_stat(5)); a step back counts as nothing.
func (a *Accounts) Begin(busy float64) {
	if a.started {
		a.busy += max(0, busy-a.lastBusy)
	}
	a.started = true
	a.lastBusy = busy
	a.claims = a.claims[:0]
	for key, group := range a.groups {
		if group.instances == 0 {
			delete(a.groups, key)
			continue
		}
		*group = groupSample{instances: group.instances, topPID: group.topPID, sanitized: group.sanitized}
	}
}

// Start counts program starts.
func (a *Accounts) Start(o Owner, count uint64) {
	a.group(o).starts += count
	a.origins[o.Origin].Starts += count
}

// Respawn counts a start that is a respawn.
func (a *Accounts) Respawn(o Owner) {
	a.group(o).respawns++
	a.origins[o.Origin].Respawns++
}

// Instance is how one living process is counted. The zero value is not counted yet.
type Instance struct {
	origin *model.CPUTotals
	group  *groupSample
}

// Count counts a living process from now on, until End. It is called again when its owner may have changed, and
// when it has used CPU time.
func (a *Accounts) Count(i *Instance, o Owner, pid int, p *Process) {
	origin, group := a.origins[o.Origin], a.group(o)
	if i.group != group || i.origin != origin {
		a.End(i, pid)
		i.group, i.origin = group, origin
		group.instances++
		origin.Processes++
	}
	if group.topPID == 0 || p.usedNow > group.topSeconds {
		group.topPID, group.topSeconds = pid, p.usedNow
	}
}

// End ends the count of a process that lives no more.
func (a *Accounts) End(i *Instance, pid int) {
	if i.group == nil {
		return
	}
	i.group.instances--
	i.origin.Processes--
	if i.group.topPID == pid {
		i.group.topPID, i.group.topSeconds = 0, 0
		a.withoutTop = true
	}
	*i = Instance{}
}

// WithoutTop tells whether some group may have lost the process that stood for it, so that Top is to be called for all.
func (a *Accounts) WithoutTop() bool { return a.withoutTop }

// Top has a process stand for its group if no other does.
func (a *Accounts) Top(i *Instance, pid int) {
	a.withoutTop = false
	if i.group != nil && i.group.topPID == 0 {
		i.group.topPID = pid
	}
}

// Credit counts CPU time for its owner.
func (a *Accounts) Credit(o Owner, seconds float64) { a.credit(o.Origin, a.group(o), seconds) }

func (a *Accounts) credit(origin model.OriginKey, group *groupSample, seconds float64) {
	a.origins[origin].CPUSeconds += seconds
	a.attributed += seconds
	group.cpuSeconds += seconds
}

// Claim notes time in the account of an exited process. It waits for CreditClaims.
func (a *Accounts) Claim(o Owner, seconds float64) {
	a.claims = append(a.claims, claim{o.Origin, a.group(o), seconds})
}

// CreditClaims credits what was claimed. After losses an account may have been taken for that of an earlier
// process with the same pid, whose end was lost: then no more is credited than has no owner, for no time must be
// counted twice.
func (a *Accounts) CreditClaims(afterLosses bool) {
	for _, c := range a.claims {
		if afterLosses {
			c.seconds = min(c.seconds, max(0, a.gap()))
		}
		a.credit(c.origin, c.group, c.seconds)
	}
}

// CreditChildren credits owners, each with an equal part, with the time of a process' children that ended unseen, or
// after their account. It never credits more than has no owner: time must not be counted twice when a process got another parent meanwhile. If the kernel sends
// accounts, the children's may be late. So their time waits for one round, and is returned.
func (a *Accounts) CreditChildren(owners []Owner, p *Process, accounts bool) (credited, waiting float64) {
	owed := p.childrenNow
	if accounts {
		owed, waiting = p.childrenBefore, max(0, p.childrenNow)
	}
	if credited = max(0, min(owed, a.gap())); credited > 0 {
		for _, o := range owners {
			a.Credit(o, credited/float64(len(owners)))
		}
	}
	return credited, waiting
}

// gap is the busy time that has no owner as yet. It is negative when processes
// were credited before /proc/stat counted the same ticks.
func (a *Accounts) gap() float64 { return a.busy - a.attributed }

// AddUnattributed takes the busy time without an owner, but for so many seconds that wait for the next sample. The
// running maximum keeps the counter monotone, and noise in one direction is not added up.
func (a *Accounts) AddUnattributed(waiting float64) {
	a.unattributed = max(a.unattributed, a.gap()-waiting)
}

// Publish ends a sample: groups get their slots, and the totals are copied into the snapshot. exits is how many
// threads have exited so far; complete, that the kernel reported all exits since the last sample.
func (a *Accounts) Publish(s *model.ProcessSnapshot, exits uint64, complete bool) {
	a.slots.update(s.Time, a.groups)
	s.Groups = a.slots.groups()
	s.GroupSlots = model.Slots{Used: len(a.slots.slots), Limit: groupSlots, Refused: a.slots.refused}
	s.BusySeconds, s.Unattributed = a.busy, a.unattributed
	s.UnattributedRate = a.rate(s.Time, exits, complete)
	s.Origins = make(map[model.OriginKey]model.CPUTotals, len(a.origins))
	for key, totals := range a.origins {
		s.Origins[key] = *totals
	}
}

// rate keeps the last minute of the time without an owner.
func (a *Accounts) rate(now time.Time, exits uint64, complete bool) (rate model.UnattributedRate) {
	if a.unattributedTime.count == 0 {
		a.unattributedTime, a.exits = newWindow(now, now, a.unattributed), newWindow(now, now, float64(exits))
	}
	if !complete {
		a.complete = time.Time{}
	} else if a.complete.IsZero() {
		a.complete = now
	}
	rate.Cores, rate.Span = a.unattributedTime.mean(now, a.unattributed)
	rate.ExitsPerSecond, _ = a.exits.mean(now, float64(exits))
	rate.Complete = complete && now.Sub(a.complete) >= rate.Span
	return rate
}

func (a *Accounts) group(o Owner) *groupSample {
	group, ok := a.groups[o.Group]
	if !ok {
		group = &groupSample{}
		a.groups[o.Group] = group
	}
	group.sanitized = max(group.sanitized, o.Sanitized)
	return group
}

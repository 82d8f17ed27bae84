package cpu

import "time"

// FullSpan is the span of Process.Mean for a process that was seen for that long.
const FullSpan = windowSpan

// Process is the CPU time of one process, as its samples showed it. Times are in seconds of user and system time.
//
// Samples come in rounds: some that were asked for in between, and the regular one that ends the round. Time of
// children waits for a round, so that their accounts have come, however close to each other samples are.
type Process struct {
	used     float64 // since its birth
	children float64 // of the children that it has waited for (cutime and cstime of proc_pid_stat(5))

	usedNow        float64 // since the last sample
	childrenNow    float64 // of the children, in this round
	childrenBefore float64 // childrenNow of the last round, whose accounts may have come since

	history *history // nil for a process at rest
}

// history is the past use of a process that uses CPU time, or has in the last minute.
type history struct {
	window   window
	constant constant
}

// NewProcess begins with what a process had used when it was first seen. That does not count for anybody,
// unless CountFromBirth says so.
func NewProcess(born, now time.Time, used, children float64) Process {
	return Process{used: used, children: children, history: &history{window: newWindow(born, now, used)}}
}

// NewEnded is a process that ended before a sample saw it.
func NewEnded(used float64) Process { return Process{used: used} }

// Rest ends the history of a process that has used nothing for a minute, and reports whether it is at rest. Until
// Wake its use is 0 and nothing is to be counted.
func (p *Process) Rest(now time.Time) bool {
	if p.usedNow != 0 || p.childrenNow != 0 || p.childrenBefore != 0 {
		return false
	}
	if p.history == nil {
		return true
	}
	if cores, _ := p.history.constant.mean(); cores > 0 || !p.history.window.flat(now, p.used) {
		return false
	}
	p.history = nil
	return true
}

// Wake is called before a process at rest is sampled again. last is when it was last seen at rest: for the minute
// before that it used nothing.
func (p *Process) Wake(last time.Time) {
	if p.history != nil {
		return
	}
	p.history = &history{window: idleWindow(last, p.used)}
	p.history.constant.add(last, p.used)
}

// CountFromBirth makes all that was used before the first sample count.
func (p *Process) CountFromBirth() { p.usedNow, p.childrenNow = p.used, p.children }

// Used is what the process has used since its birth.
func (p *Process) Used() float64 { return p.used }

// UsedNow is what the process has used since the last sample.
func (p *Process) UsedNow() float64 { return p.usedNow }

// HasChildren reports whether time of children may have to be credited.
func (p *Process) HasChildren() bool { return p.childrenNow > 0 || p.childrenBefore > 0 }

// Sample takes what a process has used up to now. Time that steps back is a read of the kernel's scaled times
// at a bad moment (cputime_adjust in kernel/sched/cputime.c): nothing is taken back.
func (p *Process) Sample(used, children float64) {
	p.usedNow = max(0, used-p.used)
	p.childrenNow += max(0, children-p.children)
	p.used, p.children = max(p.used, used), max(p.children, children)
}

// EndRound is called when what was owed in a round has been credited.
func (p *Process) EndRound() { p.childrenBefore, p.childrenNow = p.childrenNow, 0 }

// SampleZombie is Sample for a process whose account has come and that nobody has waited for yet. What the
// kernel used to end it is in no account, so it counts as time of a child does: at most what has no owner.
func (p *Process) SampleZombie(used, children float64) {
	p.Sample(used, children)
	p.usedNow, p.childrenNow = 0, p.childrenNow+p.usedNow
}

// SampleHidden takes what a hidden process has used up to now. It counts for nobody: whoever looks at /proc
// does not see the process either.
func (p *Process) SampleHidden(used float64) {
	p.used = max(p.used, used)
	p.usedNow, p.childrenBefore, p.childrenNow = 0, 0, 0
}

// Finish takes the whole use of a process that has exited and returns the part that no sample has seen.
func (p *Process) Finish(used float64) (unseen float64) {
	unseen = max(0, used-p.used)
	p.used = max(p.used, used)
	return unseen
}

// WaitedFor takes the part of a child's time that is accounted for off the parent's time of children, so that
// the child's last moments are left. The child ended in this round, or in the last one if it is late.
func (p *Process) WaitedFor(child *Process, late bool) {
	// The last part has not been credited yet.
	known := child.used + child.children - max(0, child.childrenNow) - max(0, child.childrenBefore)
	if late {
		p.childrenBefore -= known
	} else {
		p.childrenNow -= known
	}
}

// Mean returns the mean use of about the last minute in cores, and the span that it is the mean of.
func (p *Process) Mean(now time.Time) (cores float64, span time.Duration) {
	if p.history == nil {
		return 0, windowSpan
	}
	return p.history.window.mean(now, p.used)
}

// Constant returns the mean use of the latest minutes that are alike in cores, and how long they lasted.
func (p *Process) Constant(now time.Time) (cores float64, span time.Duration) {
	if p.history == nil {
		return 0, 0
	}
	return p.history.constant.add(now, p.used)
}

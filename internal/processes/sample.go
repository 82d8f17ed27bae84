package processes

import (
	"cmp"
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/cpu"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/inspect"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/procdir"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/respawn"
)

// sample is one sample in the making. Its steps are called in the order of the files: it looks at /proc (here),
// finds out what programs run (program.go), and then counts whom CPU time is due to (exited.go, and here).
type sample struct {
	*table
	now        time.Time
	awake      []*entry // those that were seen, but for the ones at rest
	seen       int      // those that were seen
	unknown    []taskiter.Task
	covered    map[int]string // what is mounted over processes
	visibility map[model.Aspect]model.Share
	hosts      procdir.Namespaces
	hashBudget int64            // bytes that may still be hashed
	replaced   map[int][]*entry // processes whose pid belongs to another by now
	blind      map[blindness]bool
	hung       []inspect.Hung

	interval time.Duration // between two samples, as of the last
	gpuTurns int           // see readGPUs
	gpuTime  time.Duration // that looks for GPUs may take
}

func newSample(t *table, now time.Time, interval time.Duration) *sample {
	return &sample{
		table: t, now: now, hosts: procdir.HostNamespaces(t.options.Proc), interval: interval,
		visibility: map[model.Aspect]model.Share{},
		hashBudget: hashBudget,
		blind:      map[blindness]bool{},
		replaced:   map[int][]*entry{},
	}
}

// saw counts one thing that was looked at.
func (s *sample) saw(aspect model.Aspect, readable bool) {
	share := s.visibility[aspect]
	share.Total++
	if readable {
		share.Readable++
	}
	s.visibility[aspect] = share
}

// see takes a process as the sample sees it. One at rest about which nothing changed costs no more than that: all
// later steps leave it alone.
func (s *sample) see(t *taskiter.Task) {
	id := identityOf(t)
	e, known := s.entries[id.PID]
	switch {
	case known && e.sample == s.samples && s.samples > 0:
		return // it was seen already
	case known && e.rests && sameTask(&e.task, t) && s.isCovered(e) == (e.hiding == model.HiddenByMount) && s.staysAsItIs(e, t):
		e.sample = s.samples
		s.seen++
		return
	case known && (e.accounted && isEnding(t) || e.hidden) && near(e.process.StartTime, id.StartTime) && e.process.Identity != id:
		// Events and accounts give the start time only roughly. What has sent its account and lives is
		// another process: whoever fills the table of pids, or sets ns_last_pid, has one used again at once.
		e.change().Identity = id
	}
	if !known || e.process.Identity != id {
		s.unknown = append(s.unknown, *t) // a child asks for its parent's entry: parents come first
		return
	}
	e.cpu.Wake(s.last)
	used, children := secondsOf(t)
	if e.accounted {
		e.cpu.SampleZombie(used, children)
	} else {
		e.cpu.Sample(used, children)
	}
	s.take(e, t, false)
}

// meetUnknown takes the processes into the table that no sample has seen before.
func (s *sample) meetUnknown() {
	slices.SortFunc(s.unknown, func(a, b taskiter.Task) int { return cmp.Compare(a.StartTime, b.StartTime) })
	for i := range s.unknown {
		s.meet(&s.unknown[i])
	}
	s.unknown = nil
}

func (s *sample) meet(t *taskiter.Task) {
	id := identityOf(t)
	if e, known := s.entries[id.PID]; known {
		if e.sample == s.samples && s.samples > 0 {
			return // it was seen already
		}
		// The pid was reused within one interval: the old process has ended.
		s.replaced[id.PID] = append(s.replaced[id.PID], e)
	}
	if isZombie(t) && s.follower.hasAccounts() {
		if e := s.entries[id.PID]; e != nil {
			s.remove(e)
		}
		return // its trace says more than is left of it
	}
	e := s.newEntry(id, t)
	s.add(e)
	s.take(e, t, true)
}

// take takes over what a task says of its process.
func (s *sample) take(e *entry, t *taskiter.Task, isNew bool) {
	before, wasHidden := e.task, e.hidden
	e.task = *t
	s.setHiding(e, s.isCovered(e))
	s.someHidden = s.someHidden || e.hidden
	ppid, threads, tty, session := int(t.PPID), int(t.Threads), int(t.TTY), int(t.Session)
	if p := e.process; p.PPID != ppid || p.Threads != threads || p.TTY != tty || p.Session != session || p.RSSBytes != t.RSS {
		p = e.change()
		p.PPID, p.Threads, p.TTY, p.Session, p.RSSBytes = ppid, threads, tty, session, t.RSS
	}
	s.keep(e)
	switch {
	case e.hidden:
		s.identifyHidden(e, &before, isNew)
	case wasHidden:
		s.identify(e, &taskiter.Task{}, false) // all is read again
	default:
		s.identify(e, &before, isNew)
	}
	if isZombie(t) && !e.dead {
		s.died(e)
	}
}

// isCovered tells whether something is mounted over a process.
func (s *sample) isCovered(e *entry) bool {
	if len(s.covered) == 0 {
		return false
	}
	_, covered := s.covered[e.process.PID]
	return covered
}

// keep notes that this sample has seen a process, and how much CPU time it uses.
func (s *sample) keep(e *entry) {
	e.sample, e.missing, e.rests = s.samples, 0, false
	s.seen++
	s.awake = append(s.awake, e)
	used := e.cpu.Used()
	cores, coresSpan := e.cpu.Mean(s.now)
	constant, constantSpan := e.cpu.Constant(s.now)
	p := e.process
	if p.CPUSeconds == used && p.Cores == cores && p.ConstantCores == constant && p.ConstantSpan == constantSpan &&
		(p.CoresSpan == coresSpan || cores == 0 && min(p.CoresSpan, coresSpan) >= cpu.FullSpan) {
		return
	}
	p = e.change()
	p.CPUSeconds, p.Cores, p.CoresSpan, p.ConstantCores, p.ConstantSpan = used, cores, coresSpan, constant, constantSpan
}

// rest ends a sample for the processes that were looked at: those about which nothing is left to do rest from now on.
func (s *sample) rest() {
	hangs := map[model.Identity]bool{}
	for _, hung := range s.hung {
		hangs[hung.Identity] = true
	}
	for _, e := range s.awake {
		e.rests = !e.gone && !hangs[e.process.Identity] && !s.isPending(e) && e.cpu.Rest(s.now)
	}
}

// isPending tells whether something about a process waits for the next sample.
func (s *sample) isPending(e *entry) bool {
	unhashed := e.process.SHA256 == "" && e.content != hostfs.ContentKey{}
	return e.missing != 0 || e.unopened || e.uncredited > 0 || e.newImage || e.argumentsDue || e.fileDue || unhashed || s.isDue(e)
}

func (s *sample) newEntry(id model.Identity, t *taskiter.Task) *entry {
	used, children := secondsOf(t)
	e := &entry{process: &model.Process{Identity: id, Started: startTime(s.boot, id.StartTime)}}
	e.cpu = cpu.NewProcess(e.process.Started, s.now, used, children)
	e.imageStarted = e.process.Started
	// What ran before the exporter is where counting begins; what was born
	// later counts from its birth.
	if s.samples > 0 && e.process.Started.After(s.first.Add(-clockSlack)) {
		e.cpu.CountFromBirth()
		e.counted = true
	}
	s.setParent(e)
	if parent, ok := s.entries[int(t.PPID)]; ok && e.process.Parent == nil && parent.process.StartTime <= id.StartTime {
		e.process.Parent = parent.ancestor()
	}
	return e
}

// setParent sets who forked a process, even if it has been given another parent since.
func (s *sample) setParent(e *entry) {
	id := e.process.Identity
	if t := s.follower.trace(id.PID); t != nil && t.forked && t.is(id.StartTime) {
		if parent := s.ancestors(t.parent); e.process.Parent != parent {
			e.change().Parent = parent
		}
	}
}

// setLateParents does it for those whose fork was reported after they were seen in /proc. It
// is called when the sources have been drained.
func (s *sample) setLateParents() {
	for _, e := range s.awake {
		if e.process.Started.After(s.round.began.Add(-clockSlack)) {
			s.setParent(e)
		}
	}
}

// countLiving counts what the living did since the last sample.
func (s *sample) countLiving() {
	for _, e := range s.awake {
		owner := s.owner(e)
		s.accounts.Credit(owner, e.cpu.UsedNow())
		if e.process.Origin != model.OriginKernel {
			e.uncredited += e.cpu.UsedNow()
		}
		if !s.round.early && e.uncredited > 0 {
			s.creditProgram(e, 0, !e.dead)
		}
		if e.hidden {
			e.newImage = false
		}
		if e.newImage {
			e.newImage = false
			s.accounts.Start(owner, 1)
		}
		if e.dead {
			continue
		}
		s.accounts.Count(&e.living, owner, e.process.PID, &e.cpu)
		if !e.instance.Recorded() && s.started(e) {
			s.accounts.Respawn(owner)
		}
	}
	if !s.accounts.WithoutTop() {
		return
	}
	for _, e := range s.list {
		s.accounts.Top(&e.living, e.process.PID)
	}
}

// creditProgram counts for a program what one of its processes has used in this round, and what else it is said to have used.
func (s *sample) creditProgram(e *entry, more float64, lives bool) {
	s.programs.Credit(s.program(e), e.process, e.uncredited+more, lives)
	e.uncredited = 0
}

// closeRound says what of the round has no owner, unless reports of it are still on their way.
func (s *sample) closeRound(drained bool) {
	if s.undrained++; drained || s.undrained > maxUndrained {
		s.undrained = 0
		s.uncertain = max(0, s.uncertain-1)
		s.accounts.AddUnattributed(s.creditChildren())
	}
	for _, e := range s.awake {
		e.cpu.EndRound()
		if e.ended != nil {
			e.ended.before, e.ended.now = e.ended.now, nil
		}
	}
	s.lossy = false
}

// creditChildren credits parents with the time of children that no account covers. Where every end was reported, it is
// what the kernel used to end them, after it wrote their accounts: that is theirs.
func (s *sample) creditChildren() (waiting float64) {
	accounts := s.follower.hasAccounts()
	for _, e := range s.awake {
		if e.cpu.HasChildren() {
			heirs := []*entry{e}
			if e.ended != nil && len(e.ended.before) > 0 && s.uncertain == 0 {
				heirs = e.ended.before
			}
			owners := make([]cpu.Owner, 0, len(heirs))
			for _, heir := range heirs {
				owners = append(owners, s.owner(heir))
			}
			credited, later := s.accounts.CreditChildren(owners, &e.cpu, accounts)
			waiting += later
			if credited == 0 {
				continue
			}
			for _, heir := range heirs {
				s.programs.CreditChildren(s.program(heir), heir.process, credited/float64(len(heirs)))
			}
		}
	}
	return waiting
}

// died closes the instance of a process that has ended, whether or not anybody has waited for it: a
// guardian that never waits leaves a zombie behind.
func (s *sample) died(e *entry) {
	s.respawns.End(&e.instance, respawn.Ending{At: s.last})
	s.ended(e)
}

// ended notes once that a process has ended.
func (s *sample) ended(e *entry) {
	if !e.dead {
		s.programs.End(e.program)
		s.accounts.End(&e.living, e.process.PID)
	}
	e.dead = true
}

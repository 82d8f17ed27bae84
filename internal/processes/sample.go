package processes

import (
	"os"
	"sort"
	"time"

	"github.com/prometheus/procfs"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/cpu"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/procdir"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/respawn"
)

// sample is one sample in the making. Its steps are called in the order of the files: it looks at /proc (here),
// finds out what programs run (program.go), and then counts whom CPU time is due to (exited.go, and here).
type sample struct {
	*table
	now        time.Time
	order      []*entry // all that were seen, parents before children
	visibility map[model.Aspect]model.Share
	hosts      procdir.Namespaces
	hashBudget int64            // bytes that may still be hashed
	replaced   map[int][]*entry // processes whose pid belongs to another by now
	blind      map[blindness]bool
	lossy      bool // events were lost since the last sample

	networkTurns int           // see refreshNetwork
	gpuTurns     int           // see readGPUs
	gpuTime      time.Duration // that looks for GPUs may take
}

func newSample(t *table, now time.Time, networkTurns int) *sample {
	return &sample{
		table: t, now: now, hosts: procdir.HostNamespaces(t.options.Proc), networkTurns: networkTurns,
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

// observe reads every process and finds out what is new.
func (s *sample) observe(procs procfs.Procs) {
	type found struct {
		proc procfs.Proc
		stat procfs.ProcStat
	}
	covered := s.reader.Covered()
	all := make([]found, 0, len(procs))
	for _, proc := range procs {
		if _, ok := covered[proc.PID]; ok {
			continue // what is shown there belongs to something else
		}
		stat, err := proc.Stat()
		if err != nil {
			if !hostfs.Vanished(err) {
				s.saw(model.AspectStat, false)
				s.reader.Failed(model.AspectStat, err)
			}
			continue
		}
		s.saw(model.AspectStat, true)
		all = append(all, found{proc, stat})
	}
	// Parents first: a child asks for its parent's entry.
	sort.Slice(all, func(i, j int) bool { return all[i].stat.Starttime < all[j].stat.Starttime })
	for _, f := range all {
		s.see(f.proc, f.stat)
	}
	s.seeHidden(covered)
}

// see updates or makes the entry of one process.
func (s *sample) see(proc procfs.Proc, stat procfs.ProcStat) {
	id := model.Identity{PID: proc.PID, StartTime: stat.Starttime}
	used := float64(stat.UTime+stat.STime) / userHz
	children := float64(max(0, stat.CUTime)+max(0, stat.CSTime)) / userHz
	e, known := s.entries[id.PID]
	if known && (e.accounted || e.hidden) && near(e.process.StartTime, id.StartTime) {
		e.process.Identity = id // events and accounts give the start time only roughly
	}
	if known && e.process.Identity != id {
		// The pid was reused within one interval: the old process has ended.
		s.replaced[id.PID] = append(s.replaced[id.PID], e)
		known = false
	}
	zombie := stat.State == "Z" && stat.NumThreads <= 1
	switch {
	case known && e.accounted:
		e.cpu.SampleZombie(used, children)
	case known:
		e.cpu.Sample(used, children)
	case zombie && s.follower.hasAccounts():
		return // its trace says more than is left of it
	default:
		e = s.newEntry(id, stat, used, children)
		s.entries[id.PID] = e
	}
	process := &e.process
	e.hidden, process.HiddenBy = false, ""
	process.PPID, process.Threads = stat.PPID, stat.NumThreads
	process.TTY, process.Session = stat.TTY, stat.Session
	process.RSSBytes = uint64(max(0, stat.RSS)) * uint64(os.Getpagesize())
	s.keep(e)
	s.identify(e, proc, stat, !known)
	if process.Origin != model.OriginKernel {
		s.saw(model.AspectCgroup, !e.partial)
	}
	if zombie && !e.dead {
		s.died(e)
	}
}

// keep notes that this sample has seen a process, and how much CPU time it uses.
func (s *sample) keep(e *entry) {
	e.sample, e.missing = s.samples, false
	process := &e.process
	process.CPUSeconds = e.cpu.Used()
	process.Cores, process.CoresSpan = e.cpu.Mean(s.now)
	process.ConstantCores, process.ConstantSpan = e.cpu.Constant(s.now)
	s.order = append(s.order, e)
}

func (s *sample) newEntry(id model.Identity, stat procfs.ProcStat, used, children float64) *entry {
	e := &entry{}
	e.process.Identity = id
	e.process.Started = startTime(s.boot, id.StartTime)
	e.cpu = cpu.NewProcess(e.process.Started, s.now, used, children)
	e.imageStarted = e.process.Started
	// What ran before the exporter is where counting begins; what was born
	// later counts from its birth.
	if s.samples > 0 && e.process.Started.After(s.first.Add(-clockSlack)) {
		e.cpu.CountFromBirth()
		e.counted = true
	}
	s.setParent(e)
	if parent, ok := s.entries[stat.PPID]; ok && e.process.Parent == nil && parent.process.StartTime <= id.StartTime {
		e.process.Parent = parent.ancestor()
	}
	return e
}

// setParent sets who forked a process, even if it has been given another parent since.
func (s *sample) setParent(e *entry) {
	id := e.process.Identity
	if t := s.follower.trace(id.PID); t != nil && t.forked && t.is(id.StartTime) {
		e.process.Parent = s.ancestors(t.parent)
	}
}

// setLateParents does it for those whose fork was reported after they were seen in /proc. It
// is called when the sources have been drained.
func (s *sample) setLateParents() {
	for _, e := range s.order {
		if e.process.Started.After(s.last.Add(-clockSlack)) {
			s.setParent(e)
		}
	}
}

// countLiving counts what the living did since the last sample.
func (s *sample) countLiving() {
	for _, e := range s.order {
		owner := s.owner(e)
		s.accounts.Credit(owner, e.cpu.UsedNow())
		if e.cpu.UsedNow() > 0 && e.process.Origin != model.OriginKernel {
			s.programs.Credit(s.program(e), &e.process, e.cpu.UsedNow(), !e.dead)
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
		s.accounts.Instance(owner, e.process.PID, &e.cpu)
		if !e.instance.Recorded() && s.started(e) {
			s.accounts.Respawn(owner)
		}
	}
}

// creditChildren credits parents with the time of children that no account covers.
func (s *sample) creditChildren() (waiting float64) {
	accounts := s.follower.hasAccounts()
	for _, e := range s.order {
		if e.cpu.HasChildren() {
			credited, later := s.accounts.CreditChildren(s.owner(e), &e.cpu, accounts)
			waiting += later
			if credited > 0 {
				s.programs.CreditChildren(s.program(e), &e.process, credited)
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
	}
	e.dead = true
}

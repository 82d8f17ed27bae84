package processes

import (
	"os"
	"sort"
	"time"

	"github.com/prometheus/procfs"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
)

// pass is one sample in the making.
type pass struct {
	sensor     *Sensor
	now        time.Time
	order      []*entry // all that were seen, parents before children
	groups     map[model.GroupKey]*groupSample
	visibility map[model.Aspect]model.Share
	hosts      namespaces
	hashBudget int64            // bytes that this sample may yet hash
	replaced   map[int][]*entry // processes whose pid is another's now
	claims     []claim
	lossy      bool // events were lost since the last sample

	networkTurns int // see refreshNetwork
}

func newPass(s *Sensor, now time.Time) *pass {
	return &pass{
		sensor: s, now: now, hosts: hostNamespaces(s.options.Proc), networkTurns: networkTurns(s.Snapshot()),
		groups:     map[model.GroupKey]*groupSample{},
		visibility: map[model.Aspect]model.Share{},
		hashBudget: hashBudget,
		replaced:   map[int][]*entry{},
	}
}

// saw counts one thing that was looked at.
func (p *pass) saw(aspect model.Aspect, readable bool) {
	share := p.visibility[aspect]
	share.Total++
	if readable {
		share.Readable++
	}
	p.visibility[aspect] = share
}

// observe reads every process and finds out what is new.
func (p *pass) observe(procs procfs.Procs) {
	type sighting struct {
		proc procfs.Proc
		stat procfs.ProcStat
	}
	covered := p.sensor.reader.covers()
	sightings := make([]sighting, 0, len(procs))
	for _, proc := range procs {
		if _, ok := covered[proc.PID]; ok {
			continue // what is shown there is not of this process
		}
		stat, err := proc.Stat()
		if err != nil {
			if !hostfs.Vanished(err) {
				p.saw(model.AspectStat, false)
				p.sensor.reader.failed(model.AspectStat, err)
			}
			continue
		}
		p.saw(model.AspectStat, true)
		sightings = append(sightings, sighting{proc, stat})
	}
	// Parents first: a child asks for its parent's entry.
	sort.Slice(sightings, func(i, j int) bool { return sightings[i].stat.Starttime < sightings[j].stat.Starttime })
	for _, s := range sightings {
		p.see(s.proc, s.stat)
	}
	p.seeHidden(covered)
}

// see updates or makes the entry of one process.
func (p *pass) see(proc procfs.Proc, stat procfs.ProcStat) {
	s := p.sensor
	id := model.Identity{PID: proc.PID, StartTime: stat.Starttime}
	used := float64(stat.UTime+stat.STime) / userHz
	children := float64(max(0, stat.CUTime)+max(0, stat.CSTime)) / userHz
	e, known := s.entries[id.PID]
	if known && (e.settled || e.hidden) && near(e.process.StartTime, id.StartTime) {
		e.process.Identity = id // which events told but roughly
	}
	if known && e.process.Identity != id {
		// The pid was reused within one interval: the old process has ended.
		p.replaced[id.PID] = append(p.replaced[id.PID], e)
		known = false
	}
	zombie := stat.State == "Z" && stat.NumThreads <= 1
	if !known && zombie && s.follower.hasAccounts() {
		return // its trace says more than is left of it
	}
	if !known {
		e = p.newEntry(id, stat, used, children)
		s.entries[id.PID] = e
	} else {
		// Time that steps back is a read of the kernel's scaled times at a bad
		// moment (cputime_adjust): nothing is taken back.
		e.delta = max(0, used-e.used)
		e.childrenBefore, e.childrenDelta = e.childrenDelta, max(0, children-e.children)
		if e.settled { // a zombie: what it used to end is in no account
			e.delta, e.childrenDelta = 0, e.childrenDelta+e.delta
		}
		e.used, e.children = max(e.used, used), max(e.children, children)
	}
	e.seen, e.missing, e.threads = s.samples, false, max(e.threads, stat.NumThreads)
	p.order = append(p.order, e)
	e.hidden = false
	process := &e.process
	process.HiddenBy = ""
	process.PPID, process.Threads = stat.PPID, stat.NumThreads
	process.RSSBytes = uint64(max(0, stat.RSS)) * uint64(os.Getpagesize())
	process.CPUSeconds = e.used
	process.Cores, process.CoresSpan = e.window.mean(p.now, e.used)
	process.ConstantCores, process.ConstantSpan = e.steady.add(p.now, e.used)
	p.identify(e, proc, stat, !known)
	if process.Origin != model.OriginKernel {
		p.saw(model.AspectCgroup, !e.partial)
	}
	if zombie && !e.dead {
		p.died(e)
	}
}

func (p *pass) newEntry(id model.Identity, stat procfs.ProcStat, used, children float64) *entry {
	s := p.sensor
	e := &entry{used: used, children: children}
	e.process.Identity = id
	e.process.Started = startTime(s.boot, id.StartTime)
	e.window = newWindow(e.process.Started, p.now, used)
	e.imageStarted = e.process.Started
	// What ran before the exporter is where counting begins; what was born
	// later counts from its birth.
	if s.samples > 0 && e.process.Started.After(s.first.Add(-clockSlack)) {
		e.delta, e.childrenDelta, e.counted = used, children, true
	}
	p.bear(e)
	if parent, ok := s.entries[stat.PPID]; ok && e.process.Parent == nil && parent.process.StartTime <= id.StartTime {
		e.process.Parent = parent.ancestor()
	}
	return e
}

// bear sets who forked a process, also if it was given another parent since.
func (p *pass) bear(e *entry) {
	id := e.process.Identity
	if t := p.sensor.follower.trace(id.PID); t != nil && t.forked && t.is(id.StartTime) {
		e.forked = true
		e.process.Parent = p.exact(t.parent)
	}
}

// bearLate does it for those whose fork was told after they were seen in /proc.
// It is called once all that happened before has been told.
func (p *pass) bearLate() {
	for _, e := range p.order {
		if e.process.Started.After(p.sensor.last.Add(-clockSlack)) {
			p.bear(e)
		}
	}
}

// identify finds out which program a process runs. The link is read at every
// sample, for a process may become another program (execve(2)) or lose its file.
func (p *pass) identify(e *entry, proc procfs.Proc, stat procfs.ProcStat, isNew bool) {
	s, process := p.sensor, &e.process
	renamed := process.Comm != stat.Comm
	process.Comm = stat.Comm
	if stat.Flags&kernelThread != 0 {
		if isNew {
			process.Origin, process.Isolation, process.User = model.OriginKernel, model.IsolationHost, s.options.UserName(0)
			e.rename()
			e.started = s.samples > 0
		}
		return
	}
	target, err := s.reader.link(proc.PID, stat.State)
	switch {
	case err != nil && hostfs.Vanished(err) && !isNew:
		return // exiting: what it was is known
	case err != nil && hostfs.Vanished(err) && stat.State == "Z":
		// A zombie first seen as one: nothing is hidden, there is no program.
	case err != nil && !hostfs.Vanished(err):
		p.saw(model.AspectExe, false)
		if !e.unreadable {
			e.unreadable = true
			s.reader.failed(model.AspectExe, err)
		}
	case err == nil:
		p.saw(model.AspectExe, true)
	}
	if !isNew && target == e.target && !renamed {
		p.refreshNetwork(e, proc)
		return
	}
	p.readProgram(e, proc, target, err == nil, isNew)
}

// readProgram reads all that changes with the program.
func (p *pass) readProgram(e *entry, proc procfs.Proc, target string, readable, isNew bool) {
	s, process := p.sensor, &e.process
	found, err := s.reader.facts(proc, p.hosts)
	if err != nil && hostfs.Vanished(err) && !isNew {
		return
	}
	e.partial = err != nil && !hostfs.Vanished(err)
	process.Argv, process.UID, process.Cgroup, process.Isolation = found.argv, found.uid, found.cgroup, found.namespace
	process.MountNS, process.NetNS = found.mount, found.network
	process.User = userOf(found.uid, found.namespace, s.options.UserName)
	process.Unit, process.ContainerID = unitOf(found.cgroup), containerOf(found.cgroup)

	sameFile := !isNew && readable && e.content != hostfs.ContentKey{}
	previous := e.content
	e.target = target
	traced := s.follower.imageOf(proc.PID)
	if !readable && traced == nil {
		process.Exe, process.ExeDeleted, process.ExeReplaced = "", false, false
		process.ExeFile, e.content, process.SHA256 = model.FileID{}, hostfs.ContentKey{}, ""
		process.Origin, e.directory = model.OriginUnreadable, "unreadable"
	} else {
		exe, err := s.reader.inspect(proc.PID, target)
		switch {
		case err == nil:
		case hostfs.Vanished(err) && traced != nil:
			exe = traced.executable // it is ending: what it ran is known from its exec
		default:
			if !hostfs.Vanished(err) {
				s.reader.failed(model.AspectExe, err)
			}
			exe.file, exe.content = model.FileID{}, hostfs.ContentKey{}
		}
		process.Exe, process.ExeDeleted, process.ExeReplaced = exe.path, exe.deleted, exe.again
		process.ExeFile, e.content = exe.file, exe.content
		process.Origin, e.directory = place.Origin(exe.path, exe.deleted)
	}
	process.Script = scriptOf(process.Exe, process.Argv, func() string { return s.reader.directory(proc.PID) })
	// Unlinking the file changes ctime, not the program.
	if sameFile && e.content.Dev == previous.Dev && e.content.Inode == previous.Inode && e.content.Mtime == previous.Mtime {
		e.rename()
		return
	}
	s.respawns.leave(e)
	process.SHA256, process.Inspection, process.ArgvErased, e.closer = "", nil, false, closer{}
	e.rename()
	e.started = s.samples > 0
	if !isNew {
		e.imageStarted, e.counted = p.now, true
	}
}

package processes

import (
	"maps"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// snapshot publishes the table. Of a process about which nothing changed it holds what the last one held.
func (s *sample) snapshot(last *model.ProcessSnapshot) *model.ProcessSnapshot {
	s.publishHiding()
	s.hung = s.reads.Hung()
	for _, e := range s.awake {
		if len(s.hung) > 0 || e.process.MemoryHangs != 0 {
			if hangs := s.reads.MemoryHangs(e.process.Identity); hangs != e.process.MemoryHangs {
				e.change().MemoryHangs = hangs
			}
		}
	}
	processes := s.publish(last)
	s.countBlind()
	s.countContainers()
	active, lost := s.follower.state()
	s.logLosses(lost)
	active[model.SourceTaskIterator] = s.tasks.active
	snapshot := &model.ProcessSnapshot{
		Meta:       model.Meta{Time: s.now, Visibility: s.visibility, ReadErrors: maps.Clone(s.reader.Errors)},
		BootID:     strings.Clone(s.bootID),
		Sources:    active,
		EventsLost: lost,
		Processes:  processes,
		Respawns:   s.respawns.Snapshot(),
		ShortLived: s.shortLived.publish(s.now),
		GPU:        s.gpus.Totals(),
	}
	s.accounts.Publish(snapshot, s.follower.exitCount(), s.uncertain == 0)
	rate := &snapshot.UnattributedRate
	rate.Exact = rate.Complete && s.tasks.active && s.now.Sub(s.tasks.since) >= rate.Span
	if s.round.early {
		snapshot.Loads = s.programs.Loads()
	} else {
		snapshot.Loads = s.programs.Publish(s.now)
	}
	return snapshot
}

// publish returns what is known of the living, and counts what could be seen of all processes. It goes through
// all of them, so that little is done for each.
func (s *sample) publish(last *model.ProcessSnapshot) []*model.Process {
	var before []*model.Process
	if last != nil {
		before = last.Processes
	}
	var processes []*model.Process // nil as long as they are the same as before
	count, seen := 0, sightings{}
	for _, e := range s.list {
		if e.sample != s.samples || e.missing != 0 {
			continue
		}
		seen.count(e, s.blindToOthers && e.isMissingInProc())
		if e.dead {
			continue
		}
		e.published = true
		if processes == nil && (count == len(before) || before[count] != e.process) {
			processes = append(make([]*model.Process, 0, len(s.list)), before[:count]...)
		}
		if processes != nil {
			processes = append(processes, e.process)
		}
		count++
	}
	seen.addTo(s.visibility)
	if processes == nil {
		processes = before[:count:count]
	}
	return processes
}

// sightings count what could be seen of the processes that were not hidden.
type sightings struct {
	stat, exe, cgroup model.Share
}

func (c *sightings) count(e *entry, unseen bool) {
	if unseen {
		c.stat.Total++
	}
	if e.hidden || unseen {
		return
	}
	c.stat.Total++
	c.stat.Readable++
	switch e.sight {
	case readable:
		c.exe.Total++
		c.exe.Readable++
	case unreadable:
		c.exe.Total++
	case notAsked:
	}
	if isKernelThread(&e.task) {
		return
	}
	c.cgroup.Total++
	if !e.partial {
		c.cgroup.Readable++
	}
}

func (c *sightings) addTo(visibility map[model.Aspect]model.Share) {
	for aspect, share := range map[model.Aspect]model.Share{model.AspectStat: c.stat, model.AspectExe: c.exe, model.AspectCgroup: c.cgroup} {
		sum := visibility[aspect]
		sum.Readable, sum.Total = sum.Readable+share.Readable, sum.Total+share.Total
		if sum.Total > 0 {
			visibility[aspect] = sum
		}
	}
}

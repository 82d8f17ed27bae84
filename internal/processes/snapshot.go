package processes

import (
	"maps"
	"sort"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// snapshot copies the table.
func (s *sample) snapshot() *model.ProcessSnapshot {
	s.countBlind()
	processes := make([]*model.Process, 0, len(s.entries))
	for _, e := range s.order {
		if !e.dead {
			e.process.MemoryHangs = s.reads.MemoryHangs(e.process.Identity)
			published := e.process
			processes = append(processes, &published)
		}
	}
	sort.Slice(processes, func(i, j int) bool { return processes[i].PID < processes[j].PID })
	active, lost := s.follower.state()
	snapshot := &model.ProcessSnapshot{
		Meta:       model.Meta{Time: s.now, Visibility: s.visibility, ReadErrors: maps.Clone(s.reader.Errors)},
		BootID:     strings.Clone(s.bootID),
		Sources:    active,
		EventsLost: lost,
		Processes:  processes,
		Respawns:   s.respawns.Snapshot(),
		GPU:        s.gpus.Totals(),
	}
	s.accounts.Publish(snapshot, s.follower.exitCount(), s.uncertain == 0)
	snapshot.Loads = s.programs.Publish(s.now)
	return snapshot
}

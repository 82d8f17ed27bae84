package processes

import (
	"sort"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/inspect"
)

const (
	inspectedCores = 0.2 // a process that uses less is not inspected for its use
	inspectedMost  = 16  // in one sample
	inspectedSoon  = 4 * time.Second
	inspectedLater = time.Minute
	inspectedYouth = 2 * time.Minute // a miner takes its memory in the first of them
)

// inspected is what is kept between the inspections of one program.
type inspected struct {
	at      time.Time // of the last
	threads map[int]float64
	program *inspect.Program // nil as long as it was not read
	code    inspect.CodeState
}

// inspect inspects what gives cause to: programs that use CPU, and those from
// places where none belongs. Those that were never inspected come first, then
// those that have waited longest.
func (s *sample) inspect() {
	var due []*entry
	for _, e := range s.order {
		if s.isDue(e) {
			due = append(due, e)
		}
	}
	sort.SliceStable(due, func(i, j int) bool {
		a, b := due[i], due[j]
		if !a.inspected.at.Equal(b.inspected.at) {
			return a.inspected.at.Before(b.inspected.at)
		}
		return a.process.Cores > b.process.Cores
	})
	for _, e := range due[:min(len(due), inspectedMost)] {
		s.inspectOne(e)
	}
}

// isDue tells whether a process is to be inspected in this sample.
func (s *sample) isDue(e *entry) bool {
	process := &e.process
	if e.dead || e.hidden || process.Origin == model.OriginKernel || process.Origin == model.OriginUnreadable {
		return false
	}
	last := e.inspected.at
	if burns := process.Cores >= inspectedCores; !burns && (rank(e) != 0 || !last.IsZero()) {
		return false
	}
	pause := inspectedLater
	if s.isYoung(e) {
		pause = inspectedSoon
	}
	return last.IsZero() || s.now.Sub(last) >= pause
}

func (s *sample) inspectOne(e *entry) {
	process, before := &e.process, e.inspected
	facts, failed, err := s.inspector.Inspect(subjectOf(process), before.program)
	if err != nil { // no time is left: it is one of the first in the next sample
		s.unread(e, model.AspectStat, err)
		return
	}
	for _, part := range failed {
		s.unread(e, aspectOf(part.Part), part.Err)
	}
	e.inspected = inspected{at: s.now, threads: facts.Threads, program: facts.Program, code: before.code}
	if len(facts.Argv) > 0 {
		process.Argv = facts.Argv
	}
	process.ArgvErased = facts.ArgvErased
	s.setFirstName(e)
	look := facts.Inspection
	look.EqualThreads = inspect.EqualThreads(before.threads, facts.Threads, s.now.Sub(before.at).Seconds())
	addCode(&look, &before.code)
	process.Inspection = &look
}

// aspectOf says for what a part of an inspection counts.
func aspectOf(part model.InspectionPart) model.Aspect {
	switch part {
	case model.PartOpenFiles:
		return model.AspectFd
	case model.PartProgram:
		return model.AspectExe
	default:
		return model.AspectStat
	}
}

package processes

import (
	"sort"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/inspect"
)

const (
	inspectedCores   = 0.2 // a process that uses less is not inspected for its use, nor one of a program that does
	inspectedSeconds = 1   // of CPU: many processes use all of a core in their first moment
	inspectedMost    = 16  // in one sample
	inspectedOfOne   = 4   // program of one user, as long as others wait
	// inspectedWait is what a second of waiting counts for, in seconds of CPU.
	inspectedWait  = 0.2
	inspectedSoon  = 4 * time.Second
	inspectedLater = time.Minute
	inspectedYouth = 2 * time.Minute // a miner takes its memory in the first of them
)

// inspected is what is kept between the inspections of one program.
type inspected struct {
	at      time.Time // of the last
	used    float64   // seconds of CPU until then
	threads map[int]float64
	program *inspect.Program // nil as long as it was not read
	code    inspect.CodeState
}

// looked is what is known from the inspections of what a process runs; nothing if it was not inspected.
func (e *entry) looked() inspected {
	if e.inspected == nil {
		return inspected{}
	}
	return *e.inspected
}

// inspect inspects what gives cause to: programs that use CPU, and those from places where none
// belongs. What has used most CPU since its last inspection comes first, and what waits comes
// nearer with every second, so that a stream of short processes keeps nobody from his turn.
// For the same reason one program gets a quarter of the turns, as long as others wait.
func (s *sample) inspect() {
	var due []*entry
	for _, e := range s.awake {
		if s.isDue(e) {
			due = append(due, e)
		}
	}
	if len(due) > inspectedMost {
		due = s.choose(due)
	}
	for _, e := range due {
		s.inspectOne(e)
	}
}

// choose takes those whose turn it is.
func (s *sample) choose(due []*entry) []*entry {
	sort.SliceStable(due, func(i, j int) bool { return s.urgency(due[i]) > s.urgency(due[j]) })
	chosen, others := make([]*entry, 0, len(due)), []*entry{}
	taken := map[model.ProgramKey]int{}
	for _, e := range due {
		if key := e.process.Program(); taken[key] < inspectedOfOne {
			taken[key]++
			chosen = append(chosen, e)
		} else {
			others = append(others, e)
		}
	}
	return append(chosen, others...)[:inspectedMost]
}

// urgency is how much a process asks for its turn.
func (s *sample) urgency(e *entry) float64 {
	since := e.looked().at
	if since.IsZero() {
		since = e.imageStarted
		if since.Before(s.first) {
			since = s.first
		}
	}
	return max(0, e.process.CPUSeconds-e.looked().used) + inspectedWait*s.now.Sub(since).Seconds()
}

// isDue tells whether a process is to be inspected in this sample.
func (s *sample) isDue(e *entry) bool {
	process := e.process
	if e.dead || e.hidden || process.Origin == model.OriginKernel || process.Origin == model.OriginUnreadable {
		return false
	}
	last := e.looked().at
	if !s.burns(e) && (rank(e) != 0 || !last.IsZero()) {
		return false
	}
	pause := inspectedLater
	if s.isYoung(e) {
		pause = inspectedSoon
	}
	return last.IsZero() || s.now.Sub(last) >= pause
}

// burns tells whether a process uses enough CPU for an inspection: by itself, or one of many of its program.
func (s *sample) burns(e *entry) bool {
	if e.process.Cores >= inspectedCores && e.process.CPUSeconds >= inspectedSeconds {
		return true
	}
	return e.cpu.UsedNow() > 0 && s.programs.Cores(e.process.Program()) >= inspectedCores
}

func (s *sample) inspectOne(e *entry) {
	process, before := e.process, e.looked()
	facts, failed, err := s.inspector.Inspect(subjectOf(process), before.program)
	if err != nil { // no time is left: it is one of the first in the next sample
		s.unread(e, model.AspectStat, err)
		return
	}
	for _, part := range failed {
		s.unread(e, aspectOf(part.Part), part.Err)
	}
	e.inspected = &inspected{at: s.now, used: process.CPUSeconds, threads: facts.Threads, program: facts.Program, code: before.code}
	process = e.change()
	if len(facts.Argv) > 0 {
		process.Argv = s.shared.argv(facts.Argv)
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

package detect

import (
	"fmt"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

const (
	sustainedCores = 0.8
	sustainedSpan  = 55 * time.Second // 60 s, less the jitter of the samples
	throttledSpan  = 10 * time.Minute
	throttledCores = 0.2
	// takesPart is what a process must use to be an instance of a program that is under load as a
	// whole, in cores: an idle shell is none of those that run a script.
	takesPart = 0.01
	// alike is how near the load of a program may be to that of its processes for it to be the same.
	alike = 0.9
)

// isLoaded tells whether a process keeps the CPU busy, by itself or with the others of its program and user.
func (e *evaluation) isLoaded(p *model.Process) bool {
	if !mayBeLoaded(p) && !e.ended[p] {
		return false
	}
	one := []*model.Process{p}
	if _, ok := e.sustainedCPU(one); ok {
		return true
	}
	_, ok := e.throttledCPU(one)
	return ok
}

// mayBeLoaded tells whether a process takes part in what may be a load.
func mayBeLoaded(p *model.Process) bool {
	return p.Cores >= takesPart || p.ConstantSpan >= throttledSpan
}

// loadOf is the load of the program of a process that takes part in it.
func (e *evaluation) loadOf(p *model.Process) model.Load {
	if p.Cores < takesPart && !e.ended[p] {
		return model.Load{}
	}
	return e.snapshot.Processes.LoadOf(p)
}

// cores is what a process and the others of its program and user use, those included that have ended.
func (e *evaluation) cores(p *model.Process) float64 { return max(p.Cores, e.loadOf(p).Cores) }

// sustainedCPU holds for at least 0.8 core over a minute (T1496.001): of the living
// instances of a program together, or of one user's, those included that have ended.
// Whoever goes on in a new process every few seconds, in many short ones or in many small
// ones is as busy as whoever does it in one.
func (e *evaluation) sustainedCPU(instances []*model.Process) (model.Signal, bool) {
	cores, span, processes := 0.0, time.Duration(0), ""
	for _, p := range instances {
		if p.CoresSpan >= sustainedSpan && !e.ended[p] {
			cores += p.Cores
			span = max(span, p.CoresSpan)
		}
	}
	for _, p := range instances {
		if load := e.loadOf(p); load.Span >= sustainedSpan && load.Cores >= alike*cores {
			cores, span, processes = max(cores, load.Cores), max(span, load.Span), processesOf(&load)
		}
	}
	if cores < sustainedCores {
		return model.Signal{}, false
	}
	return rules.Signal(rules.SustainedCPU, fmt.Sprintf("It used %.1f cores over %s%s.", cores, text.Duration(span), processes)), true
}

// throttledCPU holds for a share of a core that stays the same for ten minutes,
// as of a miner that was set to stay below what people notice (T1496.001).
func (e *evaluation) throttledCPU(instances []*model.Process) (model.Signal, bool) {
	for _, p := range instances {
		cores, span, processes := p.ConstantCores, p.ConstantSpan, ""
		if load := e.loadOf(p); load.ConstantSpan > span || load.ConstantSpan == span && load.ConstantCores > cores {
			cores, span, processes = load.ConstantCores, load.ConstantSpan, processesOf(&load)
		}
		if span >= throttledSpan && cores >= throttledCores {
			return rules.Signal(rules.ThrottledCPU, fmt.Sprintf("It used %.1f cores in each of the last %s%s.", cores, text.Duration(span), processes)), true
		}
	}
	return model.Signal{}, false
}

// processesOf says over how many processes of the last minute a load is spread.
func processesOf(load *model.Load) string {
	all := load.Living + load.Ended
	switch {
	case all <= 1:
		return ""
	case load.Ended == 0:
		return fmt.Sprintf(", in %d processes", all)
	case load.Living == 0:
		return fmt.Sprintf(", in %d processes, all of which have ended", all)
	case load.Ended == 1:
		return fmt.Sprintf(", in %d processes, one of which has ended", all)
	default:
		return fmt.Sprintf(", in %d processes, %d of which have ended", all, load.Ended)
	}
}

// endedOf returns a process for each program that uses CPU and that no process lives of at the moment.
func endedOf(s *model.ProcessSnapshot) map[*model.Process]bool {
	ended := map[*model.Process]bool{}
	if s == nil {
		return ended
	}
	for _, load := range s.Loads {
		if load.Last == nil {
			continue
		}
		if now, ok := s.Process(load.Last.PID); !ok || now.Identity != load.Last.Identity {
			ended[load.Last] = true
		}
	}
	return ended
}

package processes

import (
	"errors"
	"sort"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/gpu"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/inspect"
)

const (
	gpuCycle  = 30 * time.Second // in which every process is looked at once
	gpuHolder = 5 * time.Second  // between two looks at one that holds a GPU
	// gpuShare is the share of the interval that looks for GPUs may take, and
	// gpuLeast the least that one sample has.
	gpuShare = 0.02
	gpuLeast = 20 * time.Millisecond
)

// gpuUser is what is kept of what a process does with GPUs.
type gpuUser struct {
	gpu.Process
	failed bool // the failure to look was counted
}

// readGPUs looks for processes that hold a GPU open, on hosts that have one. First
// come those that are known to, and new ones from suspicious places; then those that
// waited longest. Each sample looks at an equal share of all, as far as the time
// allows.
func (s *sample) readGPUs() {
	if !s.gpus.Begin(s.now) {
		return
	}
	var due []*entry
	for _, e := range s.list {
		if gpuUrgency(e, s.now) < notDue {
			due = append(due, e)
		}
	}
	sort.SliceStable(due, func(i, j int) bool {
		a, b := gpuUrgency(due[i], s.now), gpuUrgency(due[j], s.now)
		if a != b {
			return a < b
		}
		return due[i].gpuLook().Before(due[j].gpuLook())
	})
	// Those that are urgent are few, or somebody makes many of them: both have the time.
	share := (len(s.list) + s.gpuTurns - 1) / max(1, s.gpuTurns)
	until := time.Now().Add(s.gpuTime)
	for _, e := range due {
		if time.Now().After(until) {
			return
		}
		if gpuUrgency(e, s.now) == inTurn {
			if share--; share < 0 {
				return
			}
		}
		s.readGPU(e)
	}
}

// gpuLook is when a process was last looked at; zero if it was not.
func (e *entry) gpuLook() time.Time {
	if e.gpu == nil {
		return time.Time{}
	}
	return e.gpu.At
}

type urgency int

const (
	firstOfSuspicious urgency = iota
	ofHolder
	inTurn
	notDue
)

// gpuUrgency says how soon a process is to be looked at.
func gpuUrgency(e *entry, now time.Time) urgency {
	process, at := e.process, e.gpuLook()
	since := now.Sub(at)
	switch {
	case e.dead, e.hidden, e.missing != 0, process.Origin == model.OriginKernel:
		return notDue
	case at.IsZero() && isGPUSuspicious(process):
		return firstOfSuspicious
	case e.gpu != nil && e.gpu.Holds() && since >= gpuHolder:
		return ofHolder
	case at.IsZero(), since >= gpuCycle, e.gpu.From > 0 && since >= gpuHolder:
		return inTurn
	default:
		return notDue
	}
}

func isGPUSuspicious(process *model.Process) bool {
	return process.Origin.Suspicious() || process.Origin == model.OriginWeb || place.IsHidden(process.Exe)
}

func (s *sample) readGPU(e *entry) {
	if e.gpu == nil {
		e.gpu = &gpuUser{}
	}
	process, from, thorough := e.process, e.gpu.From, isGPUSuspicious(e.process)
	look, err := inspect.Within(s.reads, subjectOf(process), inspect.Kernel, inspect.ReadTime, func() (gpu.Look, error) {
		return s.gpus.Read(process.PID, from, thorough)
	})
	switch {
	case errors.Is(err, inspect.ErrPostponed):
		return // it is one of the first in the next sample
	case err != nil && hostfs.Vanished(err):
		return
	case err != nil:
		e.gpu.At = s.now
		e.change().GPU = &model.GPUUse{Unread: hostfs.ReasonOf(err)}
		if !e.gpu.failed {
			e.gpu.failed = true
			s.unread(e, model.AspectFd, err)
		}
		return
	}
	e.gpu.failed = false
	born := time.Time{}
	if e.counted {
		born = process.Started
	}
	if use := s.gpus.Count(&e.gpu.Process, look, e.origin(), born, s.now); use != nil || process.GPU != nil {
		e.change().GPU = use
	}
}

// gpuBudget is how many samples a round of looks is spread over, and how much time
// each may take.
func gpuBudget(last *model.ProcessSnapshot, least time.Duration) (turns int, most time.Duration) {
	if last == nil || last.Interval <= 0 {
		return 1, least
	}
	return max(1, int(gpuCycle/last.Interval)), max(least, time.Duration(gpuShare*float64(last.Interval)))
}

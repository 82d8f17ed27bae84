// Package history keeps the findings that are over, so that who looks in the morning sees what was there at night.
// It does no I/O.
package history

import (
	"slices"
	"sync/atomic"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/events"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxEnded = 100
	maxBytes = 384 << 10 // of all texts of these
)

// Keeper keeps what has ended: the last 100 findings, the less severe ones making room first, so that nobody pushes a miner
// out by making files. A finding that ends again and again is there once. Only Ended may be asked by any goroutine.
type Keeper struct {
	worst map[string]worst // of findings that are active, by id
	ended []model.Ended    // the last first

	published atomic.Pointer[[]model.Ended]
}

// worst is what a finding was when it was most severe.
type worst struct {
	severity               model.Severity
	rule, technique, title string
}

// New returns a keeper of nothing.
func New() *Keeper { return &Keeper{worst: map[string]worst{}} }

// Ended returns what has ended, the last first. Nobody may change it. It may be asked of nil.
func (k *Keeper) Ended() []model.Ended {
	if k == nil {
		return nil
	}
	if list := k.published.Load(); list != nil {
		return *list
	}
	return nil
}

// Note takes what has happened at one evaluation.
func (k *Keeper) Note(happened []events.Event) {
	ended := false
	for i := range happened {
		f := &happened[i].Finding
		before, known := k.worst[f.ID]
		if !known || f.Severity.Worse(before.severity) {
			before = worst{severity: f.Severity, rule: f.Rule, technique: f.Technique, title: f.Title}
		}
		if happened[i].Action != events.Ended {
			k.worst[f.ID] = before
			continue
		}
		delete(k.worst, f.ID)
		over := model.Ended{Finding: compact(f), At: happened[i].Time, Times: 1}
		if before.severity.Worse(f.Severity) {
			over.Finding.Severity, over.Finding.Rule, over.Finding.Technique, over.Finding.Title = before.severity, before.rule, before.technique, cut(before.title)
		}
		k.add(over)
		ended = true
	}
	if ended {
		k.makeRoom()
		list := slices.Clone(k.ended)
		k.published.Store(&list)
	}
}

// add puts what has ended first, in place of what the same finding was before.
func (k *Keeper) add(over model.Ended) {
	at := slices.IndexFunc(k.ended, func(e model.Ended) bool { return e.Finding.ID == over.Finding.ID })
	if at >= 0 {
		before := &k.ended[at]
		over.Times += before.Times
		if f := &before.Finding; f.FirstSeen.Before(over.Finding.FirstSeen) {
			over.Finding.FirstSeen = f.FirstSeen
		}
		if f := &before.Finding; f.Severity.Worse(over.Finding.Severity) {
			over.Finding.Severity, over.Finding.Rule, over.Finding.Technique, over.Finding.Title = f.Severity, f.Rule, f.Technique, f.Title
		}
		k.ended = slices.Delete(k.ended, at, at+1)
	}
	k.ended = slices.Insert(k.ended, 0, over)
}

// makeRoom drops what is beyond the limits: the least severe, and of those the oldest.
func (k *Keeper) makeRoom() {
	bytes := 0
	for i := range k.ended {
		bytes += sizeOf(&k.ended[i].Finding)
	}
	for len(k.ended) > maxEnded || bytes > maxBytes {
		least := len(k.ended) - 1
		for i := least - 1; i >= 0; i-- {
			if k.ended[least].Finding.Severity.Worse(k.ended[i].Finding.Severity) {
				least = i
			}
		}
		bytes -= sizeOf(&k.ended[least].Finding)
		k.ended = slices.Delete(k.ended, least, least+1)
	}
}

// Package history keeps the findings that are over, so that who looks in the morning sees what was there at night.
// It does no I/O.
package history

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/events"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxEnded = 100
	maxBytes = 384 << 10 // of all texts of these
)

// Keeper keeps what has ended: the last 100 findings, the less severe ones making room first, so that nobody pushes a miner
// out by making files. A finding that ends again and again is there once. It may be asked by any goroutine.
type Keeper struct {
	mu     sync.Mutex
	worst  map[string]worst // of findings that are active, by id
	ended  []model.Ended    // the last first
	before map[string]model.Remembered
	until  time.Time // when what is in before, and was not raised again, has ended

	published atomic.Pointer[[]model.Ended]
}

// worst is what a finding was when it was most severe.
type worst struct {
	severity               model.Severity
	rule, technique, title string
}

// of puts the worst in place of what a finding is now.
func (w worst) of(f *model.Finding) {
	if w.severity.Worse(f.Severity) {
		f.Severity, f.Rule, f.Technique, f.Title = w.severity, w.rule, w.technique, w.title
	}
}

func worstOf(f *model.Finding) worst {
	return worst{severity: f.Severity, rule: f.Rule, technique: f.Technique, title: f.Title}
}

// New returns a keeper of nothing.
func New() *Keeper { return &Keeper{worst: map[string]worst{}} }

// Ended returns what has ended, the last first. Nobody may change it.
func (k *Keeper) Ended() []model.Ended {
	if list := k.published.Load(); list != nil {
		return *list
	}
	return nil
}

// Note takes what has happened at one evaluation, and its time.
func (k *Keeper) Note(happened []events.Event, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	ended := false
	for i := range happened {
		f := &happened[i].Finding
		known, ok := k.worst[f.ID]
		if !ok {
			if before, ok := k.before[identifier(f.ID)]; ok && before.Finding != nil {
				known = worstOf(before.Finding)
			} else {
				known = worstOf(f)
			}
		}
		if f.Severity.Worse(known.severity) {
			known = worstOf(f)
		}
		delete(k.before, identifier(f.ID))
		if happened[i].Action != events.Ended {
			k.worst[f.ID] = known
			continue
		}
		delete(k.worst, f.ID)
		over := model.Ended{Finding: *f, At: happened[i].Time, Times: 1}
		known.of(&over.Finding)
		over.Finding = Compact(&over.Finding)
		k.add(over)
		ended = true
	}
	if len(k.before) > 0 && now.After(k.until) {
		ended = k.endBefore() || ended
	}
	if ended {
		k.publish()
	}
}

// publish makes what has ended known, as much as is kept.
func (k *Keeper) publish() {
	k.makeRoom()
	list := slices.Clone(k.ended)
	k.published.Store(&list)
}

// add puts what has ended by its time, in place of what the same finding was before.
func (k *Keeper) add(over model.Ended) {
	at := slices.IndexFunc(k.ended, func(e model.Ended) bool { return e.Finding.ID == over.Finding.ID })
	if at >= 0 {
		before := &k.ended[at]
		over.Times += before.Times
		if f := &before.Finding; f.FirstSeen.Before(over.Finding.FirstSeen) {
			over.Finding.FirstSeen = f.FirstSeen
		}
		worstOf(&before.Finding).of(&over.Finding)
		k.ended = slices.Delete(k.ended, at, at+1)
	}
	first := slices.IndexFunc(k.ended, func(e model.Ended) bool { return !e.At.After(over.At) })
	if first < 0 {
		first = len(k.ended)
	}
	k.ended = slices.Insert(k.ended, first, over)
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

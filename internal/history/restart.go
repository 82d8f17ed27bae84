package history

import (
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

const (
	maxActive = 2048 // findings that were active, of the least severe none
	// earliest is the first year that a time may be of: nobody has run this before.
	earliest = 2020
)

// Restore takes over what was kept over a restart, before anything is noted. What was active and is not raised again in
// this time has ended while the exporter did not run. Whoever could write the file may have put anything there: what cannot be
// is left out, times are not in the future, texts and numbers are within their bounds.
func (k *Keeper) Restore(active []model.Remembered, ended []model.Ended, now time.Time, wait time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range ended {
		if over, ok := checkedEnded(ended[i], now); ok {
			k.add(over)
		}
	}
	k.before, k.until = map[string]model.Remembered{}, now.Add(wait)
	for _, r := range active[:min(len(active), maxActive)] {
		if r, ok := checkedActive(r, now); ok {
			k.before[r.ID] = r
		}
	}
	if len(k.ended) > 0 {
		k.publish()
	}
}

func checkedEnded(over model.Ended, now time.Time) (model.Ended, bool) {
	finding, ok := checked(&over.Finding, now)
	if !ok {
		return over, false
	}
	at, ok := past(over.At, now)
	if !ok || at.Before(finding.LastSeen) {
		at = finding.LastSeen
	}
	return model.Ended{Finding: finding, At: at, Times: min(max(over.Times, 1), 1_000_000)}, true
}

func checkedActive(r model.Remembered, now time.Time) (model.Remembered, bool) {
	last, ok := past(r.LastSeen, now)
	first, ok2 := past(r.FirstSeen, now)
	if !ok || !ok2 || r.ID == "" {
		return r, false
	}
	out := model.Remembered{ID: identifier(r.ID), LastSeen: last, FirstSeen: earlier(first, last), Respawns: min(r.Respawns, maxCount)}
	if r.Finding != nil {
		if finding, ok := checked(r.Finding, now); ok {
			finding.ID = out.ID
			out.Finding = &finding
		}
	}
	return out, true
}

// checked is a finding as it may be shown, if its rule and severity are known and its times can be.
func checked(f *model.Finding, now time.Time) (model.Finding, bool) {
	out := Compact(f)
	var ok, ok2 bool
	out.LastSeen, ok = past(out.LastSeen, now)
	out.FirstSeen, ok2 = past(out.FirstSeen, now)
	if !ok || !ok2 || out.ID == "" || !slices.Contains([]model.Severity{model.Critical, model.Warning}, out.Severity) || !isRule(out.Rule) {
		return out, false
	}
	out.FirstSeen = earlier(out.FirstSeen, out.LastSeen)
	if out.Suspect != nil {
		out.Suspect.Signals = slices.DeleteFunc(out.Suspect.Signals, func(s model.Signal) bool { return !isRule(s.Rule) })
	}
	return out, true
}

func isRule(name string) bool {
	return slices.ContainsFunc(rules.All(), func(r rules.Rule) bool { return r.Name == name })
}

// past is a time that has been: one in the future is now, for the clock may have been set back. It fails for what is no such time.
func past(at, now time.Time) (time.Time, bool) { return earlier(at.UTC(), now), at.Year() >= earliest }

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Before is what was known of a finding before a restart, if it was active then.
func (k *Keeper) Before(id string) (model.Remembered, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r, ok := k.before[identifier(id)]
	return r, ok
}

// endBefore ends what was active before a restart and was not raised again. It reports whether anything did.
func (k *Keeper) endBefore() bool {
	ended := false
	for _, r := range k.before {
		if r.Finding != nil {
			k.add(model.Ended{Finding: *r.Finding, At: r.LastSeen, Times: 1})
			ended = true
		}
	}
	k.before = nil
	return ended
}

// Kept is what is to be kept over a restart, given what is active now, the worst first.
func (k *Keeper) Kept(active []model.Finding) (remembered []model.Remembered, ended []model.Ended) {
	k.mu.Lock()
	defer k.mu.Unlock()
	known := map[string]bool{}
	for i := range active[:min(len(active), maxActive)] {
		f := &active[i]
		r := model.Remembered{ID: identifier(f.ID), FirstSeen: moment(f.FirstSeen), LastSeen: moment(f.LastSeen)}
		if f.Suspect != nil {
			r.Respawns = f.Suspect.Respawns + f.Suspect.RespawnsBefore
		}
		if worst, ok := k.worst[f.ID]; ok {
			finding := *f
			worst.of(&finding)
			finding = Compact(&finding)
			r.Finding = &finding
		}
		remembered = append(remembered, r)
		known[r.ID] = true
	}
	for id, r := range k.before {
		if !known[id] {
			remembered = append(remembered, r)
		}
	}
	return remembered, slices.Clone(k.ended)
}

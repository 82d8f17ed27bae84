// Package tracker gives findings a past: when each was first seen, what a suspect used over
// all its lives, and how often a finding was raised.
package tracker

import (
	"maps"
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/findings"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// exposureHold is the most that a finding about an exposed service is held: that it is closed is
// seen at once, and whoever closed it waits for that.
const exposureHold = time.Minute

// DefaultHold is how long a finding stays after its last evidence: miners pause
// when somebody looks, and a respawn takes a moment.
const DefaultHold = 10 * time.Minute

// mostHeld is how many findings are held that have no evidence any more. Whoever makes new ones
// without end, as programs of ever new content in /tmp, would fill the memory else: each takes some 7 kB.
const mostHeld = 1024

// Tracker gives findings a past: when each was first seen, what a suspect used
// over all its lives, and how often a finding was raised. It is used by one
// goroutine.
type Tracker struct {
	hold     time.Duration
	before   func(id string) (model.Remembered, bool)
	active   map[string]*tracked
	raised   map[model.RuleSeverity]uint64
	exempted map[model.Exemption]uint64
	updates  uint64
	dropped  uint64 // findings that were not held for as long as they should be
}

// tracked is a finding that is active.
type tracked struct {
	finding  model.Finding
	update   uint64                     // the last that found it
	worst    time.Time                  // last evidence for the severity that it has
	used     map[model.Identity]float64 // seconds, of the living instances
	seconds  float64
	respawns uint64 // of histories that were forgotten
	last     uint64
	before   uint64 // respawns before the exporter started
}

// New returns a tracker that keeps a finding for hold after its last
// evidence.
func New(hold time.Duration) *Tracker {
	raised := map[model.RuleSeverity]uint64{}
	for _, pair := range rules.Severities() {
		raised[pair] = 0
	}
	exempted := map[model.Exemption]uint64{}
	for _, exemption := range model.Exemptions() {
		exempted[exemption] = 0
	}
	return &Tracker{hold: hold, active: map[string]*tracked{}, raised: raised, exempted: exempted}
}

// After has a function asked what is known of a finding from before the exporter started. It may be nil.
func (t *Tracker) After(before func(id string) (model.Remembered, bool)) *Tracker {
	t.before = before
	return t
}

// Update takes what was found in a snapshot and returns all that is active. A
// finding's rule stays the one that it was raised by, and its severity falls
// only when the evidence for it is older than the hold: alerts must not flap.
func (t *Tracker) Update(s *model.Snapshot, found []model.Finding) *model.Findings {
	running := runningFiles(s.Files)
	t.updates++
	for _, finding := range found {
		kept, ok := t.active[finding.ID]
		if finding.Exemption != "" && (!ok || kept.finding.Exemption != finding.Exemption) {
			t.exempted[finding.Exemption]++
		}
		if !ok {
			kept = &tracked{worst: s.Time, used: map[model.Identity]float64{}}
			t.active[finding.ID] = kept
			t.raised[model.RuleSeverity{Rule: finding.Rule, Severity: finding.Severity}]++
			t.restore(kept, &finding)
		} else {
			t.merge(kept, &finding)
		}
		kept.finding, kept.update = finding, t.updates
		if finding.Suspect != nil {
			kept.account(s.Processes)
		}
	}
	t.dropEntries(s.Time)
	held := t.makeRoom()
	active := make([]model.Finding, 0, len(t.active))
	for id, kept := range t.active {
		if s.Time.Sub(kept.finding.LastSeen) > t.holds(&kept.finding) || kept.finding.File != nil && running[id] {
			delete(t.active, id)
			continue
		}
		active = append(active, kept.publish(s.Time))
	}
	findings.Sort(active)
	return &model.Findings{
		Time: s.Time, Active: active, Raised: maps.Clone(t.raised), Exempted: maps.Clone(t.exempted),
		Held: model.Slots{Used: held, Limit: mostHeld, Refused: t.dropped},
	}
}

// restore takes over what was known of a finding before the exporter started.
func (t *Tracker) restore(kept *tracked, finding *model.Finding) {
	if t.before == nil {
		return
	}
	if before, ok := t.before(finding.ID); ok {
		kept.before = before.Respawns
		if before.FirstSeen.Before(finding.FirstSeen) {
			finding.FirstSeen = before.FirstSeen
		}
	}
}

// makeRoom drops findings without evidence, if more than mostHeld are held: the least severe first, and of
// those what was seen last longest ago. It returns how many are held.
func (t *Tracker) makeRoom() int {
	held := make([]*tracked, 0, len(t.active))
	for _, kept := range t.active {
		if kept.update != t.updates {
			held = append(held, kept)
		}
	}
	if len(held) <= mostHeld {
		return len(held)
	}
	slices.SortFunc(held, func(a, b *tracked) int {
		switch {
		case a.finding.Severity.Worse(b.finding.Severity):
			return -1
		case b.finding.Severity.Worse(a.finding.Severity):
			return 1
		}
		return b.finding.LastSeen.Compare(a.finding.LastSeen)
	})
	for _, kept := range held[mostHeld:] {
		delete(t.active, kept.finding.ID)
		t.dropped++
	}
	return mostHeld
}

// merge carries over what a finding was before. What was known of the guardian
// and the entry stays known when they are gone.
func (t *Tracker) merge(kept *tracked, finding *model.Finding) {
	old := &kept.finding
	finding.FirstSeen = old.FirstSeen
	if finding.Suspect != nil && old.Suspect != nil {
		if finding.Suspect.Guardian == nil {
			finding.Suspect.Guardian = old.Suspect.Guardian
		}
		if finding.Suspect.Entry == nil {
			finding.Suspect.Entry = old.Suspect.Entry
		}
	}
	if !old.Severity.Worse(finding.Severity) {
		if finding.Severity.Worse(old.Severity) {
			t.raised[model.RuleSeverity{Rule: finding.Rule, Severity: finding.Severity}]++
		} else {
			finding.Rule, finding.Technique = old.Rule, old.Technique
		}
		kept.worst = finding.LastSeen
		return
	}
	if finding.Exempted != "" || finding.LastSeen.Sub(kept.worst) > t.holds(finding) {
		kept.worst = finding.LastSeen
		return
	}
	finding.Severity, finding.Rule, finding.Technique = old.Severity, old.Rule, old.Technique
	finding.Evidence, finding.Title = old.Evidence, old.Title
	if finding.Suspect != nil {
		finding.Suspect.Signals = old.Suspect.Signals
		finding.Title = rules.Title(finding.Suspect, finding.Severity)
	}
}

// holds is how long a finding stays without evidence.
func (t *Tracker) holds(finding *model.Finding) time.Duration {
	if finding.Exposure != nil {
		return min(t.hold, exposureHold)
	}
	return t.hold
}

// publish returns a copy with the counters filled in.
func (k *tracked) publish(now time.Time) model.Finding {
	finding := k.finding
	if finding.Suspect == nil {
		return finding
	}
	suspect := *finding.Suspect
	suspect.CPUSeconds, suspect.Respawns, suspect.RespawnsBefore = k.seconds, k.respawns+k.last, k.before
	suspect.Running = suspect.Running && finding.LastSeen.Equal(now)
	if !suspect.Running {
		suspect.Instances, suspect.PIDs, suspect.Process.Cores = 0, nil, 0
	}
	finding.Suspect = &suspect
	return finding
}

// account adds up what the instances used. An instance counts from its birth.
func (k *tracked) account(processes *model.ProcessSnapshot) {
	suspect := k.finding.Suspect
	for identity := range k.used {
		if p, found := processes.Process(identity.PID); !found || p.Identity != identity {
			delete(k.used, identity)
		}
	}
	for _, pid := range suspect.PIDs {
		if p, found := processes.Process(pid); found {
			k.seconds += max(0, p.CPUSeconds-k.used[p.Identity])
			k.used[p.Identity] = max(p.CPUSeconds, k.used[p.Identity])
		}
	}
	if suspect.Respawns < k.last {
		k.respawns += k.last // the history was forgotten and begins anew
	}
	k.last = suspect.Respawns
}

// runningFiles are the findings that are over because the file runs: it is a
// suspect now.
func runningFiles(s *model.FileSnapshot) map[string]bool {
	if s == nil {
		return nil
	}
	ids := map[string]bool{}
	for i := range s.Files {
		if s.Files[i].Reason == model.FileRunning {
			ids[findings.FileID(&s.Files[i])] = true
		}
	}
	return ids
}

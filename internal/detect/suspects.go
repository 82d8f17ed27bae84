package detect

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/lineage"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

const (
	maxPIDs = 32
	// maxSuspects bounds the suspects of one evaluation. The worst stay.
	maxSuspects = 1024
	// triedFor is how long a program runs from a suspicious place before that alone says something: what compilers
	// and installers try out there ends sooner.
	triedFor = 500 * time.Millisecond
)

// candidate is one program under suspicion while its signals are gathered.
type candidate struct {
	suspect   model.Suspect
	instances []*model.Process
	signals   map[*model.Process][]model.Signal // that each of them shows
	ended     []*model.Process                  // one of each user's that uses CPU in processes none of which lives now, or that lives too short to be seen
	short     *model.ShortLived                 // what is known of the latter; nil
	exempted  string
	exemption model.Exemption
	dormant   bool // see lineage.Dormant
	guards    bool // it keeps another candidate alive
	severity  model.Severity
	limits    policy.Limits
	limited   string // why the limits of rules lowered the severity, or ""
}

// suspects returns every program with a signal, the worst first.
func suspects(e *evaluation) []*candidate {
	candidates := gather(e)
	list := make([]*candidate, 0, len(candidates))
	for _, id := range slices.Sorted(maps.Keys(candidates)) {
		c := candidates[id]
		if c.complete(e); !hasStrong(c.suspect.Signals) {
			continue // what is left of it is switched off
		}
		c.rate()
		list = append(list, c)
	}
	nameGuardians(list)
	list = slices.DeleteFunc(list, func(c *candidate) bool { return c.isTried(e.now) })
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if a.severity != b.severity {
			return a.severity.Worse(b.severity)
		}
		if a.suspect.Process.Cores != b.suspect.Process.Cores {
			return a.suspect.Process.Cores > b.suspect.Process.Cores
		}
		return a.suspect.ID < b.suspect.ID
	})
	return list[:min(len(list), maxSuspects)]
}

// gather joins the processes that have a signal of their own by their content.
func gather(e *evaluation) map[string]*candidate {
	candidates := map[string]*candidate{}
	of := func(p *model.Process, alone []model.Signal) *candidate {
		signals := e.signals(p, alone)
		if !hasStrong(signals) && !e.isLoaded(p) {
			return nil
		}
		id := p.Suspect()
		c, ok := candidates[id]
		if !ok {
			c = &candidate{suspect: model.Suspect{ID: id}, limits: e.policy.Limits, signals: map[*model.Process][]model.Signal{}}
			candidates[id] = c
		}
		c.signals[p] = signals
		return c
	}
	living := func(p *model.Process, alone []model.Signal) {
		if p.PID == e.policy.OwnPID {
			return
		}
		if c := of(p, alone); c != nil {
			c.instances, c.suspect.Running = append(c.instances, p), true
		}
	}
	for i := range e.noted {
		living(e.noted[i].Process, e.noted[i].Said.signals)
	}
	for _, p := range e.connected() {
		if !e.isNoted(p) && p.Origin != model.OriginKernel {
			found, _ := e.look(p)
			living(p, found.signals)
		}
	}
	for p := range e.ended { // complete sorts them
		found, _ := e.look(p)
		if c := of(p, found.signals); c != nil {
			c.ended = append(c.ended, p)
		}
	}
	for i := range e.snapshot.Processes.ShortLived {
		short := &e.snapshot.Processes.ShortLived[i]
		found, _ := e.look(short.Last)
		if !comesAgain(short, found.signals) {
			continue
		}
		if c := of(short.Last, found.signals); c != nil {
			c.ended, c.short = append(c.ended, short.Last), short
		}
	}
	return candidates
}

func (e *evaluation) isNoted(p *model.Process) bool {
	_, noted := slices.BinarySearchFunc(e.noted, p.PID, func(note model.Note[said], pid int) int { return cmp.Compare(note.Process.PID, pid) })
	return noted
}

// isTried holds for what has only begun, and shows nothing but where it runs from, be it again and again: compilers try
// out program after program under one name. What a program from a suspicious place brings back is no trial.
func (c *candidate) isTried(now time.Time) bool {
	kinds := strongKinds(c.suspect.Signals)
	if guardian := c.suspect.Guardian; guardian == nil || !guardian.Origin.Suspicious() {
		delete(kinds, model.FamilySurvival)
	}
	if len(kinds) != 1 || !kinds[model.FamilyPlace] || c.short != nil {
		return false
	}
	for _, p := range slices.Concat(c.instances, c.ended) {
		if now.Sub(p.Started) >= triedFor {
			return false
		}
	}
	return true
}

// complete adds what only the instances together, or the past, can show.
func (c *candidate) complete(e *evaluation) {
	sort.Slice(c.instances, func(i, j int) bool {
		a, b := c.instances[i], c.instances[j]
		if a.Cores != b.Cores {
			return a.Cores > b.Cores
		}
		return a.PID < b.PID
	})
	slices.SortFunc(c.ended, func(a, b *model.Process) int { return cmp.Compare(a.UID, b.UID) })
	all := slices.Concat(c.instances, c.ended)
	for _, p := range all {
		for _, signal := range c.signals[p] {
			c.add(signal) // of the instance that uses most, if it has it
		}
	}
	l, first := e.lineage, all[0]
	c.suspect.Process = *first
	c.suspect.Process.Ancestors = l.Ancestors(first)
	c.suspect.Instances = len(c.instances)
	for _, p := range c.instances[:min(len(c.instances), maxPIDs)] {
		c.suspect.PIDs = append(c.suspect.PIDs, p.PID)
	}
	if signal, ok := e.sustainedCPU(all); ok {
		c.add(signal)
	} else if signal, ok := e.throttledCPU(all); ok {
		c.add(signal)
	}
	if c.has(model.FamilyLoad) {
		if signal, ok := l.OpenEntry(first); ok {
			c.add(signal)
		}
	}
	history := l.History(first)
	c.suspect.Respawns = history.Count
	c.suspect.Entry = l.Entry(first)
	c.suspect.Package, _ = e.snapshot.Packages.Of(first)
	if c.exempted, c.exemption = l.Exempt(first); c.exemption == model.ExemptAllowList && !l.AllAllowed(all) {
		c.exempted, c.exemption = "", ""
	}
	c.dormant = c.suspect.Entry == nil && lineage.Dormant(all, e.now)
	if kinds := strongKinds(c.suspect.Signals); len(kinds) == 0 || len(kinds) == 1 && kinds[model.FamilyLoad] {
		return // a busy program of the system has a parent, not a guardian
	}
	c.suspect.Guardian = l.Guardian(first)
	if signal, ok := startedByItself(l, first); ok {
		c.add(signal)
	}
	// What a tool tries out again and again is no more than that.
	if tried := len(c.instances) == 0 && c.exempted != ""; first.Origin.Suspicious() && !tried {
		guardian := c.suspect.Guardian
		fromSuspiciousPlace := guardian != nil && guardian.PID > 1 && guardian.Origin.Suspicious()
		if signal, ok := respawned(history, guardian, fromSuspiciousPlace, e.now); ok {
			c.add(signal)
		} else if history, guardian := l.Polymorphic(first); guardian != nil {
			if signal, ok := polymorphicRespawn(history, guardian, e.now); ok {
				c.add(signal)
			}
		}
	}
}

// nameGuardians adds to each suspect from a suspicious place that it keeps a
// critical one alive, and rates it again: what was a warning may be critical by
// that, and its own guardian too. It goes on until nothing changes; each guardian is
// named at most once, so that is at most as many rounds as there are suspects.
func nameGuardians(list []*candidate) {
	byPID := map[int]*candidate{}
	for _, c := range list {
		for _, p := range c.instances {
			byPID[p.PID] = c
		}
	}
	for changed := true; changed; {
		changed = false
		for _, protected := range list {
			guardian := protected.suspect.Guardian
			if protected.severity != model.Critical || guardian == nil || guardian.PID == 0 {
				continue
			}
			c := byPID[guardian.PID]
			if c == nil || c == protected || c.guards || !c.has(model.FamilyPlace) {
				continue
			}
			c.guards, changed = true, true
			c.add(keepsAlive(&protected.suspect))
			c.rate()
		}
	}
}

// add keeps one signal of each rule, a strong one before a weak one.
func (c *candidate) add(signal model.Signal) {
	if c.limits.Off(signal.Rule) {
		return
	}
	for i := range c.suspect.Signals {
		if known := &c.suspect.Signals[i]; known.Rule == signal.Rule {
			if signal.Rule == rules.SustainedCPU || known.Weak && !signal.Weak {
				*known = signal // the sum over the instances says more than one of them
			}
			return
		}
	}
	c.suspect.Signals = append(c.suspect.Signals, signal)
}

func (c *candidate) has(family model.Family) bool {
	for _, signal := range c.suspect.Signals {
		if signal.Family == family && !signal.Weak {
			return true
		}
	}
	return false
}

// rate sorts the signals, the strongest first, and decides the severity. What is
// expected lowers it to a note: the user's own allow list whatever the evidence is,
// everything else as lineage.Lowers says.
func (c *candidate) rate() {
	order := map[string]int{}
	for i, name := range rules.Names() {
		order[name] = i
	}
	sort.SliceStable(c.suspect.Signals, func(i, j int) bool {
		return order[c.suspect.Signals[i].Rule] < order[c.suspect.Signals[j].Rule]
	})
	sort.SliceStable(c.suspect.Signals, func(i, j int) bool { return !c.suspect.Signals[i].Weak && c.suspect.Signals[j].Weak })
	c.severity, c.limited = c.limits.Within(c.suspect.Signals, c.judge), ""
	if unlimited := c.judge(c.suspect.Signals); unlimited.Worse(c.severity) {
		c.limited = c.limits.Why(c.suspect.Signals, unlimited)
		c.limits.Sort(c.suspect.Signals, c.severity)
	}
}

// judge is what signals say about the candidate, with what is expected of it.
func (c *candidate) judge(signals []model.Signal) model.Severity {
	severity, kinds := weigh(signals), strongKinds(signals)
	if c.exempted != "" && lineage.Lowers(c.exemption, kinds) || severity == model.Warning && c.dormant && lineage.Lowers(model.ExemptDormant, kinds) {
		return model.Info
	}
	return severity
}

// strongKinds are the kinds of evidence that strong signals give. Whoever runs a
// script from a temporary directory counts only because he burns CPU, so that this
// and the load are one kind.
func strongKinds(signals []model.Signal) map[model.Family]bool {
	kinds, place := map[model.Family]bool{}, false
	for _, signal := range signals {
		if signal.Weak {
			continue
		}
		kinds[signal.Family] = true
		place = place || signal.Family == model.FamilyPlace && signal.Rule != rules.ScriptFromTemp
	}
	if kinds[model.FamilyPlace] && !place {
		delete(kinds, model.FamilyLoad)
	}
	return kinds
}

// weigh applies the rule of two: an indicator, a process that is hidden in
// /proc, or two independent kinds of evidence page; one warns; a busy CPU alone is
// only noted.
func weigh(signals []model.Signal) model.Severity {
	kinds := strongKinds(signals)
	hidden := slices.ContainsFunc(signals, func(s model.Signal) bool { return s.Rule == rules.HiddenProcess && !s.Weak })
	switch {
	case kinds[model.FamilyIndicator], hidden, len(kinds) >= 2:
		return model.Critical
	case len(kinds) == 0, kinds[model.FamilyLoad]:
		return model.Info
	default:
		return model.Warning
	}
}

// expected says why a candidate was lowered, or "".
func (c *candidate) expected() (why string, kind model.Exemption) {
	switch {
	case c.limited != "":
		return c.limited, model.ExemptRuleLimit
	case c.severity != model.Info:
		return c.exempted, ""
	case c.exempted == "" && c.dormant:
		return "it has been idle since long, and no service that others reach started it", model.ExemptDormant
	default:
		return c.exempted, c.exemption
	}
}

package detect

import (
	"sort"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
)

const (
	maxPIDs = 32
	// maxSuspects bounds the suspects of one evaluation. The worst stay.
	maxSuspects = 1024
)

// Policy is what the user has set.
type Policy struct {
	Hashes map[string]bool // SHA-256 of known miners, 64 lower-case hex
	Allow  []Allow
	OwnPID int // the exporter's own: it is never a suspect
}

// candidate is one program under suspicion while its signals are gathered.
type candidate struct {
	suspect   host.Suspect
	instances []*host.Process
	exempted  string
	allowed   bool // by the user, who may know an indicator too
	dormant   bool // see dormant
	severity  host.Severity
}

// suspects returns every program with a signal, the worst first.
func suspects(s *host.Snapshot, policy Policy) []*candidate {
	l := newLineage(s, policy)
	candidates := gather(s, policy)
	for _, c := range candidates {
		c.complete(l, s.Time, policy)
	}
	for _, c := range candidates {
		c.judge()
	}
	nameKeepers(candidates)
	list := make([]*candidate, 0, len(candidates))
	for _, c := range candidates {
		list = append(list, c)
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if a.severity != b.severity {
			return worse(a.severity, b.severity)
		}
		if a.suspect.Process.Cores != b.suspect.Process.Cores {
			return a.suspect.Process.Cores > b.suspect.Process.Cores
		}
		return a.suspect.ID < b.suspect.ID
	})
	return list[:min(len(list), maxSuspects)]
}

// gather joins the processes that have a signal of their own by their content.
func gather(s *host.Snapshot, policy Policy) map[string]*candidate {
	candidates := map[string]*candidate{}
	for i := range s.Processes.Processes {
		p := &s.Processes.Processes[i]
		if p.Origin == host.OriginKernel || p.PID == policy.OwnPID {
			continue
		}
		if len(ownSignals(p, policy)) == 0 {
			continue
		}
		id := p.Suspect()
		c, ok := candidates[id]
		if !ok {
			c = &candidate{suspect: host.Suspect{ID: id, Running: true}}
			candidates[id] = c
		}
		c.instances = append(c.instances, p)
	}
	return candidates
}

// ownSignals are those that one process shows by itself.
func ownSignals(p *host.Process, policy Policy) []host.Signal {
	var signals []host.Signal
	keep := func(signal host.Signal, ok bool) {
		if ok {
			signals = append(signals, signal)
		}
	}
	keep(knownHash(p, policy.Hashes))
	keep(minerName(p))
	keep(minerCommandLine(p))
	keep(memfd(p))
	keep(deleted(p))
	keep(hiddenPath(p))
	keep(runsFromTemp(p))
	keep(hiddenByMount(p))
	if len(signals) == 0 {
		keep(sustainedCPU([]*host.Process{p}))
	}
	return signals
}

// complete adds what only the instances together, or the past, can show.
func (c *candidate) complete(l *lineage, now time.Time, policy Policy) {
	sort.Slice(c.instances, func(i, j int) bool {
		a, b := c.instances[i], c.instances[j]
		if a.Cores != b.Cores {
			return a.Cores > b.Cores
		}
		return a.PID < b.PID
	})
	for _, p := range c.instances {
		for _, signal := range ownSignals(p, policy) {
			c.add(signal) // of the instance that uses most, if it has it
		}
	}
	first := c.instances[0]
	c.suspect.Process = *first
	c.suspect.Process.Ancestors = l.ancestors(first)
	c.suspect.Instances = len(c.instances)
	for _, p := range c.instances[:min(len(c.instances), maxPIDs)] {
		c.suspect.PIDs = append(c.suspect.PIDs, p.PID)
	}
	if signal, ok := sustainedCPU(c.instances); ok {
		c.add(signal)
	}
	history := l.history(first)
	c.suspect.Respawns = history.Count
	c.suspect.Entry = l.entry(first)
	c.exempted, c.allowed = exempt(first, policy.Allow)
	c.dormant = c.suspect.Entry == nil && dormant(c.instances, now)
	if !c.has(host.FamilyIndicator) && !c.has(host.FamilyPlace) && !c.has(host.FamilyDisguise) {
		return // a busy program of the system has a parent, not a keeper
	}
	c.suspect.Guardian = l.guardian(first)
	if isSuspiciousOrigin(first.Origin) {
		keeper := c.suspect.Guardian
		fromSuspiciousPlace := keeper != nil && keeper.Relation != host.RelationUnit && isTemp(keeper.Exe)
		if signal, ok := respawned(history, keeper, fromSuspiciousPlace, now); ok {
			c.add(signal)
		} else if history, keeper := l.brood(first); keeper != nil {
			if signal, ok := bred(history, keeper, now); ok {
				c.add(signal)
			}
		}
	}
}

// nameKeepers adds to a suspect from a suspicious place that it keeps a
// critical one alive, and judges it again.
func nameKeepers(candidates map[string]*candidate) {
	byPID := map[int]*candidate{}
	for _, c := range candidates {
		for _, p := range c.instances {
			byPID[p.PID] = c
		}
	}
	for _, ward := range candidates {
		guardian := ward.suspect.Guardian
		if ward.severity != host.Critical || guardian == nil {
			continue
		}
		if keeper := byPID[guardian.PID]; keeper != nil && keeper != ward && keeper.has(host.FamilyPlace) {
			keeper.add(keeps(&ward.suspect))
			keeper.judge()
		}
	}
}

// add keeps one signal of each rule.
func (c *candidate) add(signal host.Signal) {
	for i := range c.suspect.Signals {
		if c.suspect.Signals[i].Rule == signal.Rule {
			if signal.Rule == RuleSustainedCPU {
				c.suspect.Signals[i] = signal // the sum over the instances says more than one of them
			}
			return
		}
	}
	c.suspect.Signals = append(c.suspect.Signals, signal)
}

func (c *candidate) has(family host.Family) bool {
	for _, signal := range c.suspect.Signals {
		if signal.Family == family {
			return true
		}
	}
	return false
}

// judge applies the rule of two: an indicator, or two independent families,
// page; one family warns; a busy CPU alone is only noted. What is expected is
// only noted too; only the user's own allow list lowers an indicator, or
// what hides.
func (c *candidate) judge() {
	order := map[string]int{}
	for i, name := range RuleNames() {
		order[name] = i
	}
	sort.SliceStable(c.suspect.Signals, func(i, j int) bool {
		return order[c.suspect.Signals[i].Rule] < order[c.suspect.Signals[j].Rule]
	})
	families := map[host.Family]bool{}
	for _, signal := range c.suspect.Signals {
		families[signal.Family] = true
	}
	switch {
	case families[host.FamilyIndicator], len(families) >= 2:
		c.severity = host.Critical
	case families[host.FamilyMining]:
		c.severity = host.Info
	default:
		c.severity = host.Warning
	}
	hides := families[host.FamilyDisguise]
	if c.allowed || c.exempted != "" && !families[host.FamilyIndicator] && !hides {
		c.severity = host.Info
	}
	if c.severity == host.Warning && c.dormant && !hides {
		c.severity = host.Info
	}
}

// expected says why a candidate was lowered to a note, or "".
func (c *candidate) expected() string {
	if c.exempted == "" && c.dormant && c.severity == host.Info {
		return "it has been idle since long, and no service that others reach started it"
	}
	return c.exempted
}

// worse tells whether a is worse than b.
func worse(a, b host.Severity) bool {
	for _, severity := range host.Severities() {
		if a == severity || b == severity {
			return a == severity && b != severity
		}
	}
	return false
}

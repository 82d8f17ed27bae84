// Package events tells what happens to findings from one evaluation to the next: one is raised, changes or ends.
// It knows nothing of whom that is told to.
package events

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// Action is what happened to a finding.
type Action string

// The actions.
const (
	Raised  Action = "raised"
	Changed Action = "changed"
	Ended   Action = "ended"
)

// Actions lists every action.
func Actions() []Action { return []Action{Raised, Changed, Ended} }

// Aspect is what may change of a finding and is worth to be told.
type Aspect string

// The aspects.
const (
	Severity Aspect = "severity"
	Rule     Aspect = "rule"
	Lowered  Aspect = "exemption" // why it was lowered
	Process  Aspect = "process"   // another one runs the same program, or none does any more
	Guardian Aspect = "guardian"
	Entry    Aspect = "entry"
	Signals  Aspect = "signals" // the kinds of evidence
)

const (
	// detailEvery is the least time between two events of a finding about what is neither its severity nor its rule: a
	// miner that comes back every second is told once in this time.
	detailEvery = time.Minute
	// maxConnections is how many connections of a suspect an event has at most.
	maxConnections = 16
)

// Event is what happened to a finding. Nothing that it points to is changed afterwards.
type Event struct {
	Action  Action
	Time    time.Time // of the evaluation
	Finding model.Finding
	Before  model.Severity // of one that has changed or ended
	Changes []Aspect       // of one that has changed
	BootID  string         // of the host; "" if it is not known

	Connections []model.Connection // of the suspect's processes to others, at most 16
}

// Follower finds out what happened. It is used by one goroutine. Notes (model.Info) are no events, unless they were more before.
type Follower struct {
	known map[string]*known
}

// known is a finding of which was told.
type known struct {
	finding model.Finding // as it was last
	aspects aspects       // that were told last
	told    time.Time
}

type aspects map[Aspect]string

// New returns a follower that has seen nothing yet.
func New() *Follower { return &Follower{known: map[string]*known{}} }

// Next takes the findings of one evaluation, of a snapshot, and returns what has happened since the one before: first what
// was raised and what has changed, worst first, then what has ended.
func (f *Follower) Next(findings *model.Findings, s *model.Snapshot) []Event {
	var happened []Event
	bootID := ""
	if s.Processes != nil {
		bootID = s.Processes.BootID
	}
	still := make(map[string]bool, len(f.known))
	for i := range findings.Active {
		finding := &findings.Active[i]
		before, ok := f.known[finding.ID]
		if !ok && finding.Severity == model.Info {
			continue
		}
		still[finding.ID] = true
		event := Event{Time: findings.Time, Finding: *finding, BootID: bootID}
		if !ok {
			f.known[finding.ID] = &known{finding: *finding, aspects: aspectsOf(finding), told: findings.Time}
			event.Action, event.Connections = Raised, connections(finding, s)
			happened = append(happened, event)
			continue
		}
		now := aspectsOf(finding)
		changes := before.changes(now, findings.Time)
		event.Before = model.Severity(before.aspects[Severity])
		before.finding = *finding
		if len(changes) == 0 {
			continue
		}
		before.aspects, before.told = now, findings.Time
		event.Action, event.Changes, event.Connections = Changed, changes, connections(finding, s)
		happened = append(happened, event)
	}
	var ended []Event
	for id, before := range f.known {
		if !still[id] {
			delete(f.known, id)
			ended = append(ended, Event{Action: Ended, Time: findings.Time, Finding: before.finding, Before: before.finding.Severity, BootID: bootID})
		}
	}
	slices.SortFunc(ended, func(a, b Event) int { return strings.Compare(a.Finding.ID, b.Finding.ID) })
	return append(happened, ended...)
}

// changes are the aspects that are others now, and may be told now.
func (k *known) changes(now aspects, at time.Time) []Aspect {
	var changed []Aspect
	for _, aspect := range []Aspect{Severity, Rule, Lowered, Process, Guardian, Entry, Signals} {
		if k.aspects[aspect] != now[aspect] {
			changed = append(changed, aspect)
		}
	}
	if len(changed) > 0 && at.Sub(k.told) < detailEvery && changed[0] != Severity && changed[0] != Rule {
		return nil // it is compared again at the next evaluation
	}
	return changed
}

func aspectsOf(f *model.Finding) aspects {
	out := aspects{Severity: string(f.Severity), Rule: f.Rule, Lowered: string(f.Exemption)}
	s := f.Suspect
	if s == nil {
		return out
	}
	out[Process] = "none"
	if s.Running {
		out[Process] = fmt.Sprint(s.Process.Identity)
	}
	if g := s.Guardian; g != nil {
		out[Guardian] = fmt.Sprintf("%s %d %q %q %q %d", g.Relation, g.PID, g.Exe, g.Unit, g.Path, g.Line)
	}
	if e := s.Entry; e != nil {
		out[Entry] = fmt.Sprintf("%q %q %d %t", e.App, e.Address, e.Port, e.Run != nil)
	}
	rules := make([]string, 0, len(s.Signals))
	for _, signal := range s.Signals {
		rules = append(rules, signal.Rule)
	}
	slices.Sort(rules)
	out[Signals] = strings.Join(slices.Compact(rules), " ")
	return out
}

// connections are those that a suspect's processes have opened to others.
func connections(f *model.Finding, s *model.Snapshot) []model.Connection {
	if f.Suspect == nil || s.Sockets == nil {
		return nil
	}
	var found []model.Connection
	for _, pid := range f.Suspect.PIDs {
		p, ok := s.Processes.Process(pid)
		if !ok {
			continue
		}
		for _, connection := range s.Sockets.ConnectionsOf(p.Identity) {
			if len(found) == maxConnections {
				return found
			}
			if connection.Outbound {
				found = append(found, connection)
			}
		}
	}
	return found
}

package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// phase is a part of what to do. Whatever is done, it is done in the order of the phases:
// before anything is stopped the evidence is kept, what would start a suspect again is
// switched off before the suspect, and the way in is closed at the end.
type phase int

const (
	phaseUncover phase = iota
	phaseEvidence
	phaseStarters
	phaseCloseFirst
	phaseGuardians
	phaseStop
	phaseRemove
	phaseDoubtfulGuardians
	phaseDoubtfulStop
	phaseDoubtfulRemove
	phaseDoubtfulStarters
	phaseReinstall
	phaseLookUp
	phaseContainers
	phaseByHand
	phaseClose
	phaseOthers
	phaseLeft
)

// askOwners and askAdministrator are steps under a condition: what is only a warning may be somebody's own.
const (
	askOwners        = "Ask the owners about these, which are only a warning. Stop and remove what nobody knows."
	askAdministrator = "Ask whoever looks after this host about these entries. Switch off what nobody knows."
	askPackage       = "Ask which package, or who, owns these before you remove them: a program of others can be abused."
)

// title is what the step for all findings is called. It is "" where each step has its own.
func (of phase) title() string {
	return [phaseLeft + 1]string{
		phaseUncover: "Make visible what is hidden.", phaseEvidence: "Keep the evidence, before anything is stopped.",
		phaseStarters: "Switch off what starts it again by itself.", phaseGuardians: "Stop what starts it again.",
		phaseStop: "Stop the other suspects.", phaseRemove: "Remove the files.",
		phaseDoubtfulGuardians: askOwners, phaseDoubtfulStop: askOwners, phaseDoubtfulRemove: askOwners,
		phaseDoubtfulStarters: askAdministrator, phaseReinstall: "Put back the programs of packages that were altered.", phaseLookUp: askPackage,
	}[of]
}

// titleOfOne is what the step for one finding is called, beside that finding.
func (of phase) titleOfOne() string {
	const ask = "Ask its owner: this is only a warning. If nobody knows it:"
	return [phaseLeft + 1]string{
		phaseGuardians: "Stop what starts it again.", phaseStop: "Stop it.", phaseRemove: "Remove what it left.",
		phaseDoubtfulGuardians: ask, phaseDoubtfulStop: ask, phaseDoubtfulRemove: ask,
		phaseDoubtfulStarters: "Ask whoever looks after this host: this is only a warning. If nobody knows it, switch it off.",
		phaseReinstall:        "Put back the program of its package.",
		phaseLookUp:           "Ask which package, or who, owns it before you remove it: a program of others can be abused.",
	}[of]
}

// guardiansOf returns the findings about the guardian of a suspect that are as severe.
func guardiansOf(finding *model.Finding, among []*model.Finding) []*model.Finding {
	var guardians []*model.Finding
	for _, other := range among {
		if g := finding.Suspect.Guardian; g != nil && g.PID > 1 && other != finding && other.Suspect != nil && other.Severity == finding.Severity && slices.Contains(other.Suspect.PIDs, g.PID) {
			guardians = append(guardians, other)
		}
	}
	return guardians
}

// isForAll holds for what has to be done for everything before anything else is done.
func (of phase) isForAll() bool { return of <= phaseStarters }

// action is one thing to do, in one phase, about one finding.
type action struct {
	phase    phase
	about    *model.Finding // nil where it is about the host
	also     *model.Finding // that it settles too
	title    string         // "": that of the phase
	beside   string         // title beside the finding; "": title, or that of the phase
	commands []string
	ends     []model.Identity // processes; those of several actions are ended together
}

func (p *planner) do(in phase, commands ...string) {
	if len(commands) > 0 {
		p.actions = append(p.actions, action{phase: in, about: p.about, commands: commands})
	}
}

func (p *planner) kill(in phase, processes []model.Identity) {
	if len(processes) > 0 {
		p.actions = append(p.actions, action{phase: in, about: p.about, ends: processes})
	}
}

// say adds a step with a title of its own.
func (p *planner) say(in phase, title, command string) {
	one := action{phase: in, about: p.about, title: title}
	if command != "" {
		one.commands = []string{command}
	}
	p.actions = append(p.actions, one)
}

// inOrder returns the actions, and before them what makes the directory that some of them need.
func (p *planner) inOrder() []action {
	slices.SortStableFunc(p.actions, func(a, b action) int { return int(a.phase) - int(b.phase) })
	if slices.ContainsFunc(p.actions, func(a action) bool { return slices.ContainsFunc(a.commands, keeps) }) {
		at := slices.IndexFunc(p.actions, func(a action) bool { return a.phase >= phaseEvidence })
		p.actions = slices.Insert(p.actions, at, action{phase: phaseEvidence, commands: []string{makeEvidence}})
	}
	return p.actions
}

// stepsOf makes one step of what has one title.
func stepsOf(actions []action) []Step { return steps(actions, (*action).titleForAll) }

func steps(actions []action, titleOf func(*action) string) []Step {
	var all []Step
	for len(actions) > 0 {
		title := titleOf(&actions[0])
		some := 1
		for some < len(actions) && actions[some].title == "" && actions[0].title == "" && titleOf(&actions[some]) == title {
			some++
		}
		if step := (Step{title, strings.Join(commandsOf(actions[:some]), "\n")}); !slices.Contains(all, step) {
			all = append(all, step)
		}
		actions = actions[some:]
	}
	return all
}

func (a *action) titleForAll() string { return cmp.Or(a.title, a.phase.title()) }
func (a *action) titleBeside() string { return cmp.Or(a.beside, a.title, a.phase.titleOfOne()) }

// commandsOf are the commands of actions, each once, and one kill for what is ended together.
func commandsOf(actions []action) []string {
	var commands []string
	for i := 0; i < len(actions); i++ {
		commands = appendNew(commands, actions[i].commands...)
		var ends []model.Identity
		for ; i < len(actions) && len(actions[i].ends) > 0; i++ {
			ends = append(ends, actions[i].ends...)
		}
		if len(ends) > 0 {
			commands = appendNew(commands, kill(ends)...)
			i--
		}
	}
	return commands
}

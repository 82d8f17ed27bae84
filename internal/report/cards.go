package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// card is one finding on the page, and beside it what to do about it.
type card struct {
	Severity, Title string
	Runbook         string // path; "" if there is none
	Evidence        []string
	Chain           []string
	Facts           []fact // that decide
	More            []fact // what else is known
	Steps           []numberedStep
	See             int // the step of another card that settles it; 0 if there is none

	finding *model.Finding // nil where it stands for others
}

// numberedStep is one of the steps of the page, which are numbered from its top to its bottom.
type numberedStep struct {
	Number int
	Step
}

// What is the first sentence of a step: what to do.
func (s numberedStep) What() string {
	what, _, cut := strings.Cut(s.Title, ". ")
	if cut {
		return what + "."
	}
	return what
}

// How is what follows it.
func (s numberedStep) How() string {
	_, how, _ := strings.Cut(s.Title, ". ")
	return how
}

// suspectCards has the guardians first: whoever reads on does things in their order.
func (r *Report) suspectCards() (cards []card, more int) {
	all := r.suspects()
	all, more = guardiansFirst(all[:min(len(all), maxPlanned)]), max(len(all)-maxShown, 0)
	for _, finding := range all[:min(len(all), maxShown)] {
		one := newCard(finding)
		one.Chain = chain(finding.Suspect)
		one.Facts, one.More = deciding(r.facts(finding))
		cards = append(cards, one)
	}
	return cards, more
}

// deciding are the facts that are needed to act; the title has the others of that kind.
func deciding(all []fact) (facts, more []fact) {
	for _, f := range all {
		switch f.Name {
		case "CPU", "container", "respawns", "lowered", "kept alive by", "came in by":
			facts = append(facts, f)
		default:
			more = append(more, f)
		}
	}
	return facts, more
}

// guardiansFirst puts each suspect behind what starts it again, where that is as severe.
func guardiansFirst(suspects []*model.Finding) []*model.Finding {
	ordered := make([]*model.Finding, 0, len(suspects))
	placed := map[*model.Finding]bool{}
	var put func(*model.Finding)
	put = func(finding *model.Finding) {
		if placed[finding] {
			return // two may keep each other alive
		}
		placed[finding] = true
		for _, guardian := range guardiansOf(finding, suspects) {
			put(guardian)
		}
		ordered = append(ordered, finding)
	}
	for _, finding := range suspects {
		put(finding)
	}
	return ordered
}

func cardsOf(list []*model.Finding) []card {
	cards := make([]card, 0, min(len(list), maxShown+1))
	for i, finding := range list {
		if i == maxShown {
			return append(cards, card{Severity: string(model.Info), Title: fmt.Sprintf("and %d more, in the findings as JSON", len(list)-maxShown)})
		}
		cards = append(cards, newCard(finding))
	}
	return cards
}

func newCard(finding *model.Finding) card {
	return card{
		Severity: string(finding.Severity), Title: text.Escape(finding.Title), Runbook: runbookPath(finding), Evidence: escapeAll(finding.Evidence), finding: finding,
	}
}

// plan gives the steps to the cards that they are about. First holds what has to be done for
// all of them before anything is stopped, Last what is about none that is shown.
func (v *view) plan(r *Report) {
	actions := r.actions(r.serious())
	t := teller{actions: actions, done: make([]bool, len(actions)), said: map[string]int{}, settled: map[*model.Finding]int{}}
	v.First = t.tell(func(a *action) bool { return a.phase.isForAll() }, (*action).titleForAll)
	groups := [][]card{v.Suspects, v.Entries, v.Files, v.Exposed, v.Others}
	for _, cards := range groups {
		for i := range cards {
			if about := cards[i].finding; about != nil {
				cards[i].Steps = t.tell(func(a *action) bool { return a.about == about }, (*action).titleBeside)
			}
		}
	}
	for _, cards := range groups {
		for i := range cards {
			if len(cards[i].Steps) == 0 && cards[i].finding != nil {
				cards[i].See = t.settled[cards[i].finding]
			}
		}
	}
	v.Last = t.tell(func(a *action) bool { return a.about == nil }, (*action).titleForAll)
	if left := t.left(); left > 0 {
		t.steps++
		v.Last = append(v.Last, numberedStep{t.steps, Step{Title: fmt.Sprintf("Then look again: %s had no room here.", count(left, "finding", "findings"))}})
	}
	v.Steps = t.steps
}

// teller says everything once, and numbers the steps.
type teller struct {
	actions []action
	done    []bool         // which of them were told
	said    map[string]int // commands, and the step that has them
	settled map[*model.Finding]int
	steps   int
}

// tell returns as steps what was not told yet.
func (t *teller) tell(wanted func(*action) bool, title func(*action) string) []numberedStep {
	var some []action
	for i := range t.actions {
		if t.done[i] || !wanted(&t.actions[i]) {
			continue
		}
		t.done[i] = true
		a := t.actions[i]
		if len(a.commands) > 0 {
			before := t.said[a.commands[0]]
			a.commands = slices.DeleteFunc(slices.Clone(a.commands), func(command string) bool { return t.said[command] > 0 })
			if len(a.commands) == 0 {
				t.settle(&a, before)
				continue
			}
		}
		some = append(some, a)
	}
	var numbered []numberedStep
	for _, step := range short(steps(some, title)) {
		t.steps++
		numbered = append(numbered, numberedStep{t.steps, step})
		for i := range some {
			if title(&some[i]) == step.Title {
				t.settle(&some[i], t.steps)
			}
		}
	}
	return numbered
}

// settle notes in which step an action is.
func (t *teller) settle(a *action, step int) {
	for _, command := range a.commands {
		t.said[command] = step
	}
	for _, finding := range []*model.Finding{a.about, a.also} {
		if finding != nil && t.settled[finding] == 0 {
			t.settled[finding] = step
		}
	}
}

// left is how many findings have steps that were not told.
func (t *teller) left() int {
	findings := map[*model.Finding]bool{}
	for i := range t.actions {
		if !t.done[i] {
			findings[t.actions[i].about] = true
		}
	}
	return len(findings)
}

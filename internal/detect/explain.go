package detect

import (
	"slices"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/tuning"
)

// Explanation is every signal that was considered for one process.
type Explanation struct {
	Process  model.Process
	Suspect  string         // id; "" if nothing speaks against the process
	Severity model.Severity // "" if it is no finding
	Exempted string         // why the severity was lowered
	Entry    *model.Entry
	Guardian *model.Guardian
	Answers  []Answer

	AllowList tuning.AllowAdvice
}

// Answer is what one rule says of the process.
type Answer struct {
	Rule      string
	Family    model.Family
	Technique string
	Holds     bool
	Weak      bool   // it holds, and counts for nothing alone
	Sentence  string // the evidence, or what was seen instead

	Limit model.Severity // what the configuration says of the rule, or ""; of one that is Off nothing holds
}

// Explain considers one process as Evaluate does, with an answer of every rule about
// processes. ok is false if the process is not in the snapshot.
func Explain(s *model.Snapshot, settings policy.Policy, exposures []model.Exposure, pid int) (explanation Explanation, ok bool) {
	p, ok := s.Processes.Process(pid)
	if !ok {
		return Explanation{}, false
	}
	e := NewEvaluator(settings, nil).evaluation(s, exposures)
	explanation = Explanation{Process: *p, Entry: e.lineage.Entry(p)}
	explanation.Process.Ancestors = e.lineage.Ancestors(p)
	explanation.Exempted, _ = e.lineage.Exempt(p)
	held := map[string]model.Signal{}
	var suspected []*tuning.Suspected
	var own *tuning.Suspected
	for _, c := range suspects(e) {
		one := &tuning.Suspected{Entry: c.suspect.Entry, Severity: c.severity, Exemption: c.exemption, Instances: c.instances}
		suspected = append(suspected, one)
		if !slices.Contains(c.instances, p) {
			continue
		}
		own = one
		explanation.Suspect, explanation.Severity = c.suspect.ID, c.severity
		explanation.Exempted, _ = c.expected()
		explanation.Guardian = c.suspect.Guardian
		for _, signal := range c.suspect.Signals {
			held[signal.Rule] = signal
		}
	}
	explanation.AllowList = tuning.Advise(settings.Allow, e.now, suspected, own, p)
	facts := instanceFacts()
	for _, check := range checks() {
		delete(held, check.rule) // another instance may have it
		facts[check.rule] = check.fact
	}
	if p.Origin != model.OriginKernel {
		alone, _ := e.look(p)
		for _, signal := range e.signals(p, alone.signals) {
			held[signal.Rule] = signal
		}
	}
	for _, rule := range rules.All() {
		if rule.Family != "" {
			answer := answer(rule, held, facts[rule.Name], e.of(p))
			if answer.Limit = settings.Limits[rule.Name].Severity; answer.Limit != "" {
				answer.Sentence += " By the configuration, " + settings.Limits.Word(rule.Name) + "."
			}
			explanation.Answers = append(explanation.Answers, answer)
		}
	}
	return explanation, true
}

// answer is the evidence of a rule that holds, or what was seen instead.
func answer(rule rules.Rule, held map[string]model.Signal, fact func(*view) string, v *view) Answer {
	out := Answer{Rule: rule.Name, Family: rule.Family, Technique: rule.Technique, Sentence: "Nothing of the kind was seen."}
	if signal, holds := held[rule.Name]; holds {
		out.Holds, out.Weak, out.Sentence = true, signal.Weak, signal.Evidence
	} else if fact != nil {
		out.Sentence = fact(v)
	}
	return out
}

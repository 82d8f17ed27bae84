package detect

import (
	"fmt"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
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
}

// Answer is what one rule says of the process.
type Answer struct {
	Rule      string
	Family    model.Family
	Technique string
	Holds     bool
	Weak      bool   // it holds, and counts for nothing alone
	Sentence  string // the evidence, or what was seen instead
}

// Explain considers one process as Evaluate does and tells all of it. ok is false
// if the process is not in the snapshot.
func Explain(s *model.Snapshot, policy Policy, exposures []model.Exposure, pid int) (explanation Explanation, ok bool) {
	p, ok := s.Processes.Process(pid)
	if !ok {
		return Explanation{}, false
	}
	e := newEvaluation(s, policy, exposures)
	explanation = Explanation{Process: *p, Entry: e.lineage.entry(p)}
	explanation.Process.Ancestors = e.lineage.ancestors(p)
	if p.Origin != model.OriginKernel {
		for _, check := range checks() {
			explanation.add(check.rule, func() (string, strength) { return check.holds(e.of(p)) }, func() string { return check.fact(e.of(p)) })
		}
	}
	explanation.Exempted, _ = e.lineage.exempt(p)
	var found *candidate
	for _, c := range suspects(e) {
		for _, instance := range c.instances {
			if instance == p {
				found = c
			}
		}
	}
	if found != nil {
		explanation.Suspect, explanation.Severity = found.suspect.ID, found.severity
		explanation.Exempted, _ = found.expected()
		explanation.Guardian = found.suspect.Guardian
	}
	for rule, fact := range map[string]string{
		RuleSustainedCPU:    fmt.Sprintf("It used %.2f cores over %s.", p.Cores, duration(p.CoresSpan)),
		RuleThrottledCPU:    fmt.Sprintf("It used %.2f cores without much change for %s.", p.ConstantCores, duration(p.ConstantSpan)),
		RuleRespawn:         fmt.Sprintf("Its program came back %s.", times(int(e.lineage.history(p).Count))),
		RuleGuardian:        "It is not known to keep a suspect alive.",
		RuleStartedByItself: "Nothing that starts programs by itself names it.",
	} {
		explanation.add(rule, func() (string, strength) {
			if found == nil {
				return "", absent
			}
			for _, signal := range found.suspect.Signals {
				if signal.Rule == rule {
					return signal.Evidence, strong
				}
			}
			return "", absent
		}, func() string { return fact })
	}
	explanation.sort()
	return explanation, true
}

func (e *Explanation) add(rule string, holds func() (string, strength), fact func() string) {
	known := signal(rule, "")
	answer := Answer{Rule: rule, Family: known.Family, Technique: known.Technique}
	evidence, strength := holds()
	if strength == absent {
		answer.Sentence = fact()
	} else {
		answer.Holds, answer.Weak, answer.Sentence = true, strength == weak, evidence
	}
	e.Answers = append(e.Answers, answer)
}

// sort puts the answers in the order of the rules.
func (e *Explanation) sort() {
	var sorted []Answer
	for _, rule := range RuleNames() {
		for _, answer := range e.Answers {
			if answer.Rule == rule {
				sorted = append(sorted, answer)
			}
		}
	}
	e.Answers = sorted
}

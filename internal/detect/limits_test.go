package detect

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
)

func limit(rules ...string) policy.Limits {
	limits := policy.Limits{}
	for i := 0; i < len(rules); i += 2 {
		limits[rules[i]] = policy.Limit{Severity: model.Severity(rules[i+1])}
	}
	return limits
}

// TestLimits: the evidence of a limited rule makes nothing worse than the limit, adds
// up to it, and leaves alone what the others show.
func TestLimits(t *testing.T) {
	t.Parallel()
	kinsing := process(10, all(inTemp("/tmp/kinsing"), busy))
	burner := process(10, all(inTemp("/tmp/x"), busy))
	idle := process(10, inTemp("/tmp/x"))
	forged := process(10, all(inTemp("/tmp/x"), busy, func(p *model.Process) { p.ArgvErased, p.Argv = true, nil }))
	tool := process(900, at(model.OriginLocal, "/usr/local/go/bin/go"))
	built := func(p model.Process) model.Process {
		childOf(tool, model.OriginLocal)(&p)
		return p
	}
	for name, test := range map[string]struct {
		process  model.Process
		limits   policy.Limits
		severity model.Severity // "" for no finding
		rule     string
		why      string
	}{
		"no limit":                                {kinsing, nil, model.Critical, RuleKnownMinerName, ""},
		"of a rule that holds not":                {kinsing, limit(RulePoolConnection, "info"), model.Critical, RuleKnownMinerName, ""},
		"indicator limited, two kinds are left":   {kinsing, limit(RuleKnownMinerName, "info"), model.Critical, RuleKnownMinerName, ""},
		"indicator and place limited":             {kinsing, limit(RuleKnownMinerName, "info", RuleRunsFromTemp, "info"), model.Info, RuleKnownMinerName, "rule known_miner_name is info at most, rule runs_from_temp is info at most"},
		"indicator at most a warning, place less": {kinsing, limit(RuleKnownMinerName, "warning", RuleRunsFromTemp, "info"), model.Warning, RuleKnownMinerName, "rule known_miner_name is warning at most, rule runs_from_temp is info at most"},
		"indicator less, place at most a warning": {kinsing, limit(RuleKnownMinerName, "info", RuleRunsFromTemp, "warning"), model.Warning, RuleRunsFromTemp, "rule known_miner_name is info at most, rule runs_from_temp is warning at most"},
		"indicator off, two kinds are left":       {kinsing, limit(RuleKnownMinerName, "off"), model.Critical, RuleRunsFromTemp, ""},
		"all but load off":                        {kinsing, limit(RuleKnownMinerName, "off", RuleRunsFromTemp, "off"), model.Info, RuleSustainedCPU, ""},
		"everything off":                          {kinsing, limit(RuleKnownMinerName, "off", RuleRunsFromTemp, "off", RuleSustainedCPU, "off"), "", "", ""},

		"one of two kinds at most a warning":  {burner, limit(RuleRunsFromTemp, "warning"), model.Warning, RuleRunsFromTemp, "rule runs_from_temp is warning at most"},
		"load at most a warning":              {burner, limit(RuleSustainedCPU, "warning"), model.Warning, RuleRunsFromTemp, "rule sustained_cpu is warning at most"},
		"load at most info":                   {burner, limit(RuleSustainedCPU, "info"), model.Warning, RuleRunsFromTemp, "rule sustained_cpu is info at most"},
		"load off":                            {burner, limit(RuleSustainedCPU, "off"), model.Warning, RuleRunsFromTemp, ""},
		"place at most info":                  {burner, limit(RuleRunsFromTemp, "info"), model.Info, RuleRunsFromTemp, "rule runs_from_temp is info at most"},
		"place off":                           {burner, limit(RuleRunsFromTemp, "off"), model.Info, RuleSustainedCPU, ""},
		"a limit that is not reached":         {idle, limit(RuleRunsFromTemp, "warning"), model.Warning, RuleRunsFromTemp, ""},
		"alone at most info":                  {idle, limit(RuleRunsFromTemp, "info"), model.Info, RuleRunsFromTemp, "rule runs_from_temp is info at most"},
		"alone off":                           {idle, limit(RuleRunsFromTemp, "off"), "", "", ""},
		"disguise does not undo an exemption": {built(forged), limit(RuleForgedArguments, "info"), model.Info, RuleForgedArguments, "rule forged_arguments is info at most"},
		"disguise unlimited does":             {built(forged), nil, model.Critical, RuleRunsFromTemp, ""},
		"nothing of an innocent process":      {process(10, nil), limit(RuleRunsFromTemp, "info"), "", "", ""},
	} {
		findings := evaluate(t, snapshotOf(test.process, tool), policy.Policy{Limits: test.limits})
		if test.severity == "" {
			if len(findings) != 0 {
				t.Errorf("%s: %+v", name, findings)
			}
			continue
		}
		if len(findings) != 1 {
			t.Fatalf("%s: %d findings", name, len(findings))
		}
		f := findings[0]
		if f.Severity != test.severity || f.Severity != model.Info && f.Rule != test.rule {
			t.Errorf("%s: %s %s, want %s %s", name, f.Severity, f.Rule, test.severity, test.rule)
		}
		if limited := f.Exemption == model.ExemptRuleLimit; limited != (test.why != "") || limited && f.Exempted != "limited by the configuration: "+test.why {
			t.Errorf("%s: %q (%s), want %q", name, f.Exempted, f.Exemption, test.why)
		}
		for _, signal := range f.Suspect.Signals {
			if test.limits.Off(signal.Rule) {
				t.Errorf("%s: %s is there", name, signal.Rule)
			}
		}
	}
}

// TestLimitsMatchTheirDefinition compares all pairs of limits of a miner's three rules
// with what the limits mean: no worse than without the rule, or than its limit.
func TestLimitsMatchTheirDefinition(t *testing.T) {
	t.Parallel()
	rules := []string{RuleKnownMinerName, RuleRunsFromTemp, RuleSustainedCPU}
	rate := func(limits policy.Limits) model.Severity {
		findings := evaluate(t, snapshotOf(process(10, all(inTemp("/tmp/kinsing"), busy))), policy.Policy{Limits: limits})
		if len(findings) == 0 {
			return model.Info
		}
		return findings[0].Severity
	}
	words := []string{"", "off", "info", "warning"}
	for a := range words {
		for b := range words {
			for c := range words {
				limits := policy.Limits{}
				for i, word := range []int{a, b, c} {
					if words[word] != "" {
						limits[rules[i]] = policy.Limit{Severity: model.Severity(words[word])}
					}
				}
				got := rate(limits)
				for rule, limit := range limits {
					without, unlimited := policy.Limits{}, policy.Limits{}
					for name, other := range limits {
						without[name] = other
						if name != rule {
							unlimited[name] = other
						}
					}
					without[rule] = policy.Limit{Severity: policy.Off}
					want := rate(without)
					if cut := rate(unlimited); limit.Severity != policy.Off && limit.Severity.Worse(want) && cut.Worse(want) {
						want = limit.Severity
						if limit.Severity.Worse(cut) {
							want = cut
						}
					}
					if got != want {
						t.Errorf("%v, by %s: %s, want %s", limits, rule, got, want)
					}
				}
			}
		}
	}
}

// TestLimitsOfOtherFindings are those about files, services, entries and CPU time.
func TestLimitsOfOtherFindings(t *testing.T) {
	t.Parallel()
	s := snapshotOf()
	s.Files = &model.FileSnapshot{Files: []model.File{{Path: "/tmp/.x", Directory: "/tmp", Reason: model.FileHidden, Hidden: true}}}
	s.Persistence = entries(model.PersistenceEntry{Kind: model.PersistenceCrontab, Path: "/etc/cron.d/x", Line: 3, Command: "/tmp/x", Reason: model.PersistenceTempPath})
	s.Processes.UnattributedRate = model.UnattributedRate{Cores: 2, Span: time.Minute, Complete: true}
	exposed := incident()
	s.Sockets = exposed.Sockets
	rules := []string{RuleSuspiciousFile, RulePersistenceEntry, RuleCPUUnattributed, RuleExposedService}
	severities := func(limits policy.Limits) map[string]model.Finding {
		found := map[string]model.Finding{}
		for _, f := range evaluate(t, s, policy.Policy{Limits: limits}) {
			found[f.Rule] = f
		}
		return found
	}
	all := severities(nil)
	for _, rule := range rules {
		if all[rule].Severity != model.Warning {
			t.Fatalf("%s: %+v", rule, all[rule])
		}
		lowered := severities(policy.Limits{rule: {Severity: model.Info, Line: 4}})
		if f := lowered[rule]; f.Severity != model.Info || f.Exemption != model.ExemptRuleLimit || f.Exempted != "limited by the configuration: rule "+rule+" is info at most (line 4)" {
			t.Errorf("%s: %+v", rule, f)
		}
		if f, there := severities(limit(rule, "off"))[rule]; there {
			t.Errorf("%s is off: %+v", rule, f)
		}
		for _, other := range rules {
			if other != rule && lowered[other].Severity != model.Warning {
				t.Errorf("a limit of %s: %+v", rule, lowered[other])
			}
		}
	}
}

// TestLimitIsCounted: a limit lowers at once, without waiting for the hold, and counts.
func TestLimitIsCounted(t *testing.T) {
	t.Parallel()
	tracker := NewTracker(DefaultHold)
	s := snapshotOf(process(10, inTemp("/tmp/x")))
	if got := tracker.Update(s, evaluate(t, s, policy.Policy{})); got.Active[0].Severity != model.Warning {
		t.Fatalf("%+v", got.Active)
	}
	for range 2 {
		got := tracker.Update(s, evaluate(t, s, policy.Policy{Limits: limit(RuleRunsFromTemp, "info")}))
		if got.Active[0].Severity != model.Info || got.Exempted[model.ExemptRuleLimit] != 1 {
			t.Errorf("%+v, %v", got.Active, got.Exempted)
		}
	}
}

// TestExplainLimits says of each rule what the configuration says of it.
func TestExplainLimits(t *testing.T) {
	t.Parallel()
	e, ok := Explain(snapshotOf(process(10, all(inTemp("/tmp/x"), busy))), policy.Policy{Limits: limit(RuleRunsFromTemp, "info", RuleSustainedCPU, "off")}, nil, 10)
	if !ok || e.Severity != model.Info || !strings.HasPrefix(e.Exempted, "limited by the configuration: ") {
		t.Fatalf("%+v", e)
	}
	for _, want := range []Answer{
		{Rule: RuleRunsFromTemp, Holds: true, Limit: model.Info, Sentence: "By the configuration, rule runs_from_temp is info at most."},
		{Rule: RuleSustainedCPU, Limit: policy.Off, Sentence: "By the configuration, rule sustained_cpu is off."},
	} {
		i := slices.IndexFunc(e.Answers, func(a Answer) bool { return a.Rule == want.Rule })
		if got := e.Answers[i]; got.Holds != want.Holds || got.Limit != want.Limit || !strings.HasSuffix(got.Sentence, want.Sentence) {
			t.Errorf("%+v", got)
		}
	}
}

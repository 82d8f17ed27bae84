package detect

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/tracker"
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
	built := func(p *model.Process) *model.Process {
		child := *p
		childOf(tool, model.OriginLocal)(&child)
		return &child
	}
	for name, test := range map[string]struct {
		process  *model.Process
		limits   policy.Limits
		severity model.Severity // "" for no finding
		rule     string
		why      string
	}{
		"no limit":                                {kinsing, nil, model.Critical, rules.KnownMinerName, ""},
		"of a rule that holds not":                {kinsing, limit(rules.PoolConnection, "info"), model.Critical, rules.KnownMinerName, ""},
		"indicator limited, two kinds are left":   {kinsing, limit(rules.KnownMinerName, "info"), model.Critical, rules.KnownMinerName, ""},
		"indicator and place limited":             {kinsing, limit(rules.KnownMinerName, "info", rules.RunsFromTemp, "info"), model.Info, rules.KnownMinerName, "rule known_miner_name is info at most, rule runs_from_temp is info at most"},
		"indicator at most a warning, place less": {kinsing, limit(rules.KnownMinerName, "warning", rules.RunsFromTemp, "info"), model.Warning, rules.KnownMinerName, "rule known_miner_name is warning at most, rule runs_from_temp is info at most"},
		"indicator less, place at most a warning": {kinsing, limit(rules.KnownMinerName, "info", rules.RunsFromTemp, "warning"), model.Warning, rules.RunsFromTemp, "rule known_miner_name is info at most, rule runs_from_temp is warning at most"},
		"indicator off, two kinds are left":       {kinsing, limit(rules.KnownMinerName, "off"), model.Critical, rules.RunsFromTemp, ""},
		"all but load off":                        {kinsing, limit(rules.KnownMinerName, "off", rules.RunsFromTemp, "off"), model.Info, rules.SustainedCPU, ""},
		"everything off":                          {kinsing, limit(rules.KnownMinerName, "off", rules.RunsFromTemp, "off", rules.SustainedCPU, "off"), "", "", ""},

		"one of two kinds at most a warning":  {burner, limit(rules.RunsFromTemp, "warning"), model.Warning, rules.RunsFromTemp, "rule runs_from_temp is warning at most"},
		"load at most a warning":              {burner, limit(rules.SustainedCPU, "warning"), model.Warning, rules.RunsFromTemp, "rule sustained_cpu is warning at most"},
		"load at most info":                   {burner, limit(rules.SustainedCPU, "info"), model.Warning, rules.RunsFromTemp, "rule sustained_cpu is info at most"},
		"load off":                            {burner, limit(rules.SustainedCPU, "off"), model.Warning, rules.RunsFromTemp, ""},
		"place at most info":                  {burner, limit(rules.RunsFromTemp, "info"), model.Info, rules.RunsFromTemp, "rule runs_from_temp is info at most"},
		"place off":                           {burner, limit(rules.RunsFromTemp, "off"), model.Info, rules.SustainedCPU, ""},
		"a limit that is not reached":         {idle, limit(rules.RunsFromTemp, "warning"), model.Warning, rules.RunsFromTemp, ""},
		"alone at most info":                  {idle, limit(rules.RunsFromTemp, "info"), model.Info, rules.RunsFromTemp, "rule runs_from_temp is info at most"},
		"alone off":                           {idle, limit(rules.RunsFromTemp, "off"), "", "", ""},
		"disguise does not undo an exemption": {built(forged), limit(rules.ForgedArguments, "info"), model.Info, rules.ForgedArguments, "rule forged_arguments is info at most"},
		"disguise unlimited does":             {built(forged), nil, model.Critical, rules.RunsFromTemp, ""},
		"nothing of an innocent process":      {process(10, nil), limit(rules.RunsFromTemp, "info"), "", "", ""},
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
	rules := []string{rules.KnownMinerName, rules.RunsFromTemp, rules.SustainedCPU}
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
	rules := []string{rules.SuspiciousFile, rules.PersistenceEntry, rules.CPUUnattributed, rules.ExposedService}
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
	tracker := tracker.New(tracker.DefaultHold)
	s := snapshotOf(process(10, inTemp("/tmp/x")))
	if got := tracker.Update(s, evaluate(t, s, policy.Policy{})); got.Active[0].Severity != model.Warning {
		t.Fatalf("%+v", got.Active)
	}
	for range 2 {
		got := tracker.Update(s, evaluate(t, s, policy.Policy{Limits: limit(rules.RunsFromTemp, "info")}))
		if got.Active[0].Severity != model.Info || got.Exempted[model.ExemptRuleLimit] != 1 {
			t.Errorf("%+v, %v", got.Active, got.Exempted)
		}
	}
}

// TestExplainLimits says of each rule what the configuration says of it.
func TestExplainLimits(t *testing.T) {
	t.Parallel()
	e, ok := Explain(snapshotOf(process(10, all(inTemp("/tmp/x"), busy))), policy.Policy{Limits: limit(rules.RunsFromTemp, "info", rules.SustainedCPU, "off")}, nil, 10)
	if !ok || e.Severity != model.Info || !strings.HasPrefix(e.Exempted, "limited by the configuration: ") {
		t.Fatalf("%+v", e)
	}
	for _, want := range []Answer{
		{Rule: rules.RunsFromTemp, Holds: true, Limit: model.Info, Sentence: "By the configuration, rule runs_from_temp is info at most."},
		{Rule: rules.SustainedCPU, Limit: policy.Off, Sentence: "By the configuration, rule sustained_cpu is off."},
	} {
		i := slices.IndexFunc(e.Answers, func(a Answer) bool { return a.Rule == want.Rule })
		if got := e.Answers[i]; got.Holds != want.Holds || got.Limit != want.Limit || !strings.HasSuffix(got.Sentence, want.Sentence) {
			t.Errorf("%+v", got)
		}
	}
}

package detect

import (
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/tracker"
)

func entries(list ...model.PersistenceEntry) *model.PersistenceSnapshot {
	return &model.PersistenceSnapshot{Entries: list}
}

// TestCronKeepsAMiner holds that the line which starts a miner is named as its
// guardian, counts as evidence and is critical itself; its benign counterpart is an installed job.
func TestCronKeepsAMiner(t *testing.T) {
	t.Parallel()
	miner, job := process(10, inTemp("/tmp/x")), process(11, at(model.OriginLocal, "/opt/backup/run"))
	s := snapshotOf(miner, job)
	s.Persistence = entries(
		model.PersistenceEntry{Kind: model.PersistenceCrontab, Path: "/etc/cron.d/x", Line: 3, User: "root", Command: "/tmp/x", Programs: []string{"/tmp/x"}, Reason: model.PersistenceTempPath, Evidence: "/tmp/x"},
		model.PersistenceEntry{Kind: model.PersistenceCrontab, Path: "/etc/cron.d/backup", Line: 1, Command: "/opt/backup/run", Programs: []string{"/opt/backup/run"}},
	)
	findings := evaluate(t, s, policy.Policy{})
	if len(findings) != 2 || findings[0].Severity != model.Critical || findings[1].Severity != model.Critical {
		t.Fatalf("%+v", findings)
	}
	for _, f := range findings {
		if f.Suspect == nil {
			if f.Persistence.Line != 3 || !strings.Contains(strings.Join(f.Evidence, " "), "It starts /tmp/x (pid 10)") {
				t.Errorf("%+v", f)
			}
			continue
		}
		if g := f.Suspect.Guardian; g == nil || g.Relation != model.RelationCron || g.Path != "/etc/cron.d/x" || g.Line != 3 {
			t.Errorf("guardian %+v", g)
		}
		if text := strings.Join(f.Evidence, " "); !strings.Contains(text, "line 3 of /etc/cron.d/x") {
			t.Errorf("%q", text)
		}
	}
}

func TestUnitKeepsAMiner(t *testing.T) {
	t.Parallel()
	miner := process(10, all(at(model.OriginOther, "/etc/data/kinsing"), func(p *model.Process) { p.Unit = "bot.service" }))
	s := snapshotOf(miner)
	s.Persistence = entries(model.PersistenceEntry{
		Kind: model.PersistenceSystemdService, Path: "/lib/systemd/system/bot.service", Unit: "bot.service", Command: "/etc/data/kinsing", Programs: []string{"/etc/data/kinsing"},
	})
	findings := evaluate(t, s, policy.Policy{})
	if len(findings) != 2 || findings[0].Severity != model.Critical || findings[1].Severity != model.Critical {
		t.Fatalf("%+v", findings)
	}
	for _, f := range findings {
		if f.Suspect != nil && (f.Suspect.Guardian == nil || f.Suspect.Guardian.Relation != model.RelationUnit || f.Suspect.Guardian.Unit != "bot.service") {
			t.Errorf("guardian %+v", f.Suspect.Guardian)
		}
	}
}

func TestEntriesAlone(t *testing.T) {
	t.Parallel()
	for reason, want := range map[model.PersistenceReason]model.Severity{
		model.PersistenceFetchAndRun: model.Warning, model.PersistenceKnownMiner: model.Warning, model.PersistencePreloaded: model.Warning, "": "",
	} {
		s := snapshotOf(process(10, nil))
		s.Persistence = entries(model.PersistenceEntry{Kind: model.PersistenceProfile, Path: "/etc/profile.d/x.sh", Line: 2, Command: "curl x | sh", Reason: reason})
		findings := evaluate(t, s, policy.Policy{})
		if want == "" {
			if len(findings) != 0 {
				t.Errorf("%+v", findings)
			}
			continue
		}
		if len(findings) != 1 || findings[0].Severity != want || findings[0].Rule != rules.PersistenceEntry || findings[0].Technique != "T1546.004" {
			t.Errorf("%s: %+v", reason, findings)
		}
		allowed := evaluate(t, s, policy.Policy{Allow: []policy.Allow{{Path: "/etc/profile.d/*"}}})
		if allowed[0].Severity != model.Info || allowed[0].Exemption != model.ExemptAllowList {
			t.Errorf("allowed: %+v", allowed[0])
		}
	}
}

// TestExplain tells each rule once, with what holds and what does not.
func TestExplain(t *testing.T) {
	t.Parallel()
	s := snapshotOf(process(10, all(inTemp("/tmp/kdevtmpfsi"), busy)), process(11, nil))
	for pid, want := range map[int]model.Severity{10: model.Critical, 11: ""} {
		e, ok := Explain(s, policy.Policy{}, nil, pid)
		if !ok || e.Severity != want {
			t.Fatalf("pid %d: %q, %v", pid, e.Severity, ok)
		}
		answers := map[string]bool{}
		for _, answer := range e.Answers {
			if _, twice := answers[answer.Rule]; twice || answer.Sentence == "" {
				t.Errorf("%+v", answer)
			}
			answers[answer.Rule] = answer.Holds
		}
		processRules := 0
		for _, rule := range rules.All() {
			if rule.Family != "" {
				processRules++
			}
		}
		if len(answers) != processRules {
			t.Errorf("%d answers for %d rules", len(answers), processRules)
		}
		for _, rule := range []string{rules.KnownMinerName, rules.RunsFromTemp, rules.SustainedCPU} {
			if answers[rule] != (pid == 10) {
				t.Errorf("pid %d, %s: %v", pid, rule, answers[rule])
			}
		}
	}
	if _, ok := Explain(s, policy.Policy{}, nil, 99); ok {
		t.Error("pid 99 does not exist")
	}
}

// TestExemptionsAreCounted counts a finding that is lowered once.
func TestExemptionsAreCounted(t *testing.T) {
	t.Parallel()
	tracker := tracker.New(tracker.DefaultHold)
	tool := process(900, at(model.OriginLocal, "/usr/local/go/bin/go"))
	s := snapshotOf(process(10, all(inTemp("/tmp/go-build1/x.test"), childOf(tool, model.OriginLocal))), tool)
	for range 3 {
		got := tracker.Update(s, evaluate(t, s, policy.Policy{}))
		if got.Exempted[model.ExemptBuildTool] != 1 || got.Exempted[model.ExemptAllowList] != 0 || len(got.Exempted) != len(model.Exemptions()) {
			t.Errorf("%v", got.Exempted)
		}
	}
}

// TestAnEncodedEntryStartsAMiner: what the entry decodes to is its guardian, and is shown.
func TestAnEncodedEntryStartsAMiner(t *testing.T) {
	t.Parallel()
	s := snapshotOf(process(10, inTemp("/tmp/x")))
	s.Persistence = entries(model.PersistenceEntry{
		Kind: model.PersistenceUserCrontab, Path: "/var/spool/cron/crontabs/eve", Line: 2, Owner: "eve", Command: "echo L3RtcC94 | base64 -d | sh",
		Programs: []string{"/tmp/x"}, Reason: model.PersistenceDecodeRun, Evidence: "echo L3RtcC94 | base64 -d | sh", Decoded: "/tmp/x",
	})
	for _, f := range evaluate(t, s, policy.Policy{}) {
		if f.Severity != model.Critical {
			t.Errorf("%+v", f)
		}
		if f.Persistence != nil && !strings.Contains(strings.Join(f.Evidence, " "), "Decoded it reads: /tmp/x.") {
			t.Errorf("%q", f.Evidence)
		}
		if f.Suspect != nil && (f.Suspect.Guardian == nil || f.Suspect.Guardian.Line != 2) {
			t.Errorf("guardian %+v", f.Suspect.Guardian)
		}
	}
}

// TestEntriesAreJudgedByTheListOfNow: the list of known miners is newer than what was
// read. The file of the benign counterpart is on no list.
func TestEntriesAreJudgedByTheListOfNow(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("ab", 32)
	newList := policy.Policy{Hashes: map[string]bool{hash: true}}
	lies := &model.FileSnapshot{Files: []model.File{
		{Path: "/var/lib/misc/job", Reason: model.FileELF, SHA256: hash}, {Path: "/opt/other", Container: "c", SHA256: hash},
	}}
	job := model.PersistenceEntry{Kind: model.PersistenceCrontab, Path: "/etc/cron.d/job", Line: 1, Command: "/var/lib/misc/job", Programs: []string{"/var/lib/misc/job"}}
	other := model.PersistenceEntry{Kind: model.PersistenceCrontab, Path: "/etc/cron.d/other", Line: 1, Command: "/opt/other", Programs: []string{"/opt/other"}}
	entriesOf := func(settings policy.Policy, processes ...*model.Process) (found []model.Finding) {
		s := snapshotOf(processes...)
		s.Files, s.Persistence = lies, entries(job, other)
		for _, f := range evaluate(t, s, settings) {
			if f.Persistence != nil {
				found = append(found, f)
			}
		}
		return found
	}
	if found := entriesOf(policy.Policy{}); len(found) > 0 {
		t.Errorf("before: %+v", found)
	}
	found := entriesOf(newList)
	if len(found) != 1 || found[0].Severity != model.Warning || found[0].Persistence.Reason != model.PersistenceKnownMiner || found[0].Persistence.Path != job.Path {
		t.Errorf("it lies there: %+v", found)
	}
	runs := process(10, all(at(model.OriginOther, "/var/lib/misc/job"), func(p *model.Process) { p.SHA256 = hash }))
	if found := entriesOf(newList, runs); len(found) != 1 || found[0].Severity != model.Critical {
		t.Errorf("it runs: %+v", found)
	}
	if job.Reason != "" {
		t.Error("what was published was changed")
	}
}

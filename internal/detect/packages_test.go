package detect

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// packaged is a process that was inspected, of a file that is known.
func packaged(p *model.Process) {
	p.Inspection, p.ExeFile = &model.Inspection{}, model.FileID{Dev: 1, Inode: uint64(p.PID)}
}

// withPackages adds what the package managers say of one process.
func withPackages(s *model.Snapshot, pid int, fact model.PackageFact) *model.Snapshot {
	p, _ := s.Processes.Process(pid)
	s.Packages = &model.PackageSnapshot{Programs: map[model.ProgramFile]model.PackageFact{{Path: p.Exe, File: p.ExeFile}: fact}}
	return s
}

func TestNotOfPackage(t *testing.T) {
	t.Parallel()
	owned := model.PackageFact{State: model.PackageUnaltered, Manager: "dpkg", Name: "coreutils", Changed: noon.Add(-time.Hour), LastChange: noon.Add(-time.Hour)}
	altered, unchecked, unknown := owned, owned, owned
	altered.State = model.PackageAltered
	unchecked.State, unchecked.Why = model.PackageUnchecked, "the package has no sum of it"
	unknown.State, unknown.Why = model.PackageUnknown, "it is too busy"
	added := model.PackageFact{State: model.PackageUnowned, Changed: noon.Add(-30 * time.Minute), LastChange: noon.Add(-24 * time.Hour)}
	before, together, immutable := added, added, added
	before.LastChange = noon
	together.LastChange = added.Changed.Add(-30 * time.Second)
	immutable.LastChange = time.Time{}
	optional := func(p *model.Process) { p.Exe, p.Origin = "/opt/vendor/agent", model.OriginLocal }

	service := process(20, func(p *model.Process) { p.Exe, p.Comm = "/usr/bin/java", "java" })
	login := process(21, func(p *model.Process) { p.Exe, p.Comm = "/usr/sbin/sshd", "sshd" })
	for _, test := range []struct {
		name     string
		change   func(*model.Process)
		fact     model.PackageFact
		severity model.Severity
		evidence string // "" for none of the rule's
		weak     bool
		said     string // what --explain says
	}{
		{"altered", nil, altered, model.Warning, "coreutils (dpkg), and its content is not", false, ""},
		{"altered and busy", busy, altered, model.Critical, "and its content is not", false, ""},
		{"altered in /opt, where vendors update", all(busy, optional), altered, model.Info, "and its content is not", true, ""},
		{"benign: unaltered and busy", busy, owned, model.Info, "", false, "coreutils (dpkg) and its content is as the package has it"},
		{"benign: made by the package's scripts", busy, unchecked, model.Info, "", false, "not compared: the package has no sum"},
		{"benign: it could not be found out", busy, unknown, model.Info, "", false, "could not be found out: it is too busy"},
		{"added by hand and busy", busy, added, model.Info, "came at 2026-11-23 11:30:00 UTC, after packages", true, ""},
		{"benign: there before the last change", busy, before, model.Info, "", false, "before packages were last changed"},
		{"benign: made by scripts at the end", busy, together, model.Info, "", false, "before packages were last changed"},
		{"benign: added in /opt", all(busy, optional), added, model.Info, "", false, "as usual where it lies"},
		{"benign: ctimes say nothing", busy, immutable, model.Info, "", false, "is not known on this host"},
		{"added below an exposed service", all(busy, childOf(service, model.OriginSystem)), added, model.Critical, "while the service ran", false, ""},
		{"added below an exposed service, idle", childOf(service, model.OriginSystem), added, model.Warning, "while the service ran", false, ""},
		{"benign: it was there when the service began", all(busy, childOf(service, model.OriginSystem)), model.PackageFact{
			State: model.PackageUnowned, Changed: service.Started.Add(-time.Minute), LastChange: noon.Add(-24 * time.Hour),
		}, model.Info, "No package has put", true, ""},
		{"benign: installed at a login", all(busy, childOf(login, model.OriginSystem)), added, model.Info, "No package has put", true, ""},
		{"benign: an old file below an exposed service", all(busy, childOf(service, model.OriginSystem)), before, model.Info, "", false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			change := packaged
			if test.change != nil {
				change = all(packaged, test.change)
			}
			s := withPackages(snapshotOf(process(10, change), service, login), 10, test.fact)
			s.Sockets = &model.SocketSnapshot{}
			for _, owner := range []*model.Process{service, login} {
				s.Sockets.Sockets = append(s.Sockets.Sockets, model.Socket{
					Protocol: model.TCP, Address: "0.0.0.0", Port: uint16(1000 + owner.PID), Scope: model.ScopeAny, Owner: owner.Identity,
				})
			}
			severity, suspect := severityOf(t, s, 10)
			if severity != test.severity {
				t.Errorf("it is %s, want %s: %+v", severity, test.severity, suspect.Signals)
			}
			if suspect.Package != test.fact {
				t.Errorf("the suspect has %+v", suspect.Package)
			}
			var found *model.Signal
			for i := range suspect.Signals {
				if suspect.Signals[i].Rule == rules.NotOfPackage {
					found = &suspect.Signals[i]
				}
			}
			switch {
			case (found != nil) != (test.evidence != ""):
				t.Errorf("signals %+v, want %q", suspect.Signals, test.evidence)
			case found != nil && (!strings.Contains(found.Evidence, test.evidence) || found.Weak != test.weak):
				t.Errorf("got %+v", found)
			}
			explained, ok := Explain(s, policy.Policy{}, nil, 10)
			if !ok {
				t.Fatal("it is not explained")
			}
			for _, answer := range explained.Answers {
				if answer.Rule == rules.NotOfPackage && !strings.Contains(answer.Sentence, max(test.said, test.evidence)) {
					t.Errorf("--explain says %q", answer.Sentence)
				}
			}
		})
	}
}

// TestPackagesOfOthers: what is known of a file says nothing about another one.
func TestPackagesOfOthers(t *testing.T) {
	t.Parallel()
	p := process(10, all(packaged, busy))
	s := withPackages(snapshotOf(p), 10, model.PackageFact{State: model.PackageUnaltered})
	other, idle := *p, *p
	other.ExeFile.Inode++
	idle.Inspection = nil
	for known, process := range map[string]*model.Process{"true": p, "false": &other, "false, idle": &idle} {
		if _, got := s.Packages.Of(process); got != (known == "true") {
			t.Errorf("%s: a fact is about one file of inspected processes", known)
		}
	}
	deleted := *p
	deleted.ExeDeleted = true
	if explained, _ := Explain(snapshotOf(&deleted), policy.Policy{}, nil, 10); !slices.ContainsFunc(explained.Answers, func(a Answer) bool {
		return a.Rule == rules.NotOfPackage && strings.Contains(a.Sentence, "replaced while it runs")
	}) {
		t.Errorf("an upgraded program: %+v", explained.Answers)
	}
	var none *model.PackageSnapshot
	if _, known := none.Of(p); known {
		t.Error("before the first answer nothing is known")
	}
	p.Inspection = nil
	explained, _ := Explain(snapshotOf(p), policy.Policy{}, nil, 10)
	for _, answer := range explained.Answers {
		if answer.Rule == rules.NotOfPackage && !strings.HasPrefix(answer.Sentence, "Nobody has asked") {
			t.Errorf("--explain says %q", answer.Sentence)
		}
	}
}

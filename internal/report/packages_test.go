package report

import (
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestPackages: a suspect says whose file its program is, and what is altered is put back.
func TestPackages(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		fact              model.PackageFact
		text, json, again string
	}{
		{model.PackageFact{Why: "it is busy"}, "", "", ""},
		{model.PackageFact{State: model.PackageUnowned}, "none owns it", "unowned", ""},
		{model.PackageFact{State: model.PackageUnaltered, Manager: "dpkg", Name: "coreutils"}, "coreutils (dpkg), content as in the package", "unaltered", ""},
		{model.PackageFact{State: model.PackageUnchecked, Manager: "rpm", Name: "tools"}, "tools (rpm), content not compared", "unchecked", ""},
		{model.PackageFact{State: model.PackageAltered, Manager: "dpkg", Name: "a\x1b'b"}, `a\x1b'b (dpkg), but with other content`, "altered", "apt-get install --reinstall -- "},
		{model.PackageFact{State: model.PackageAltered, Manager: "rpm", Name: "tools"}, "tools (rpm), but with other content", "altered", "dnf reinstall "},
		{model.PackageFact{State: model.PackageAltered, Manager: "pacman", Name: "tools"}, "tools (pacman), but with other content", "altered", "pacman -S "},
		{model.PackageFact{State: model.PackageAltered, Manager: "apk", Name: "tools"}, "tools (apk), but with other content", "altered", "apk fix --reinstall "},
	} {
		p := model.Process{
			Identity: model.Identity{PID: 7}, Exe: "/usr/bin/tool", ExeFile: model.FileID{Dev: 1, Inode: 2}, Origin: model.OriginSystem, Inspection: &model.Inspection{},
		}
		suspect := &model.Suspect{ID: "0", Process: p, PIDs: []int{7}, Running: true, Package: test.fact}
		finding := model.Finding{Severity: model.Critical, Suspect: suspect}
		r := Report{
			Audience: Full,
			Findings: &model.Findings{Active: []model.Finding{finding}},
			Snapshot: model.Snapshot{
				Processes: &model.ProcessSnapshot{Processes: []*model.Process{&p}},
				Packages:  &model.PackageSnapshot{Programs: map[model.ProgramFile]model.PackageFact{{Path: p.Exe, File: p.ExeFile}: test.fact}},
			},
		}
		shown := ""
		for _, fact := range r.facts(&finding) {
			if fact.Name == "package" {
				shown = fact.Value
			}
		}
		if shown != test.text {
			t.Errorf("shown %q, want %q", shown, test.text)
		}
		if made := packageJSON(&test.fact); (made == nil) != (test.json == "") || made != nil && made.State != test.json {
			t.Errorf("JSON %+v, want %q", made, test.json)
		}
		steps := ""
		for _, step := range Plan(r) {
			steps += step.Command + "\n"
		}
		again := test.again
		if again == "" {
			again = "dpkg -S "
		}
		if !strings.Contains(steps, "\n"+again) || strings.Contains(steps, "dpkg -S ") != (test.again == "") {
			t.Errorf("%+v: the plan is %q", test.fact, steps)
		}
	}
}

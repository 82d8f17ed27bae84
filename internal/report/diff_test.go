package report

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/tuning"
)

// changed has a change of each kind; names in it are hostile.
func changed() Diff {
	finding := func(id, rule string, severity model.Severity, title string) *model.Finding {
		f := &model.Finding{ID: id, Rule: rule, Severity: severity, Title: title}
		if exe, _, found := strings.Cut(title, " (pid"); found {
			f.Suspect = &model.Suspect{Process: model.Process{Exe: exe}}
		}
		return f
	}
	hidden, tool := finding("file:/tmp/.x\xff", rules.SuspiciousFile, model.Warning, "A hidden program lies in /tmp"), finding("file:/data/x", rules.SuspiciousFile, model.Info, "A program lies in /data")
	hidden.File, tool.File = &model.File{Path: "/tmp/.x\xff"}, &model.File{Path: "/data/x"}
	lowered := finding("suspect:0123456789ab", rules.KnownMinerName, model.Info, "/opt/mine/xmrig (pid 11, user alice) looks suspicious but is expected")
	lowered.Exempted = "it is on the allow list of the configuration (line 3): her benchmark\n\x1b[2J"
	return Diff{
		OldName: "the defaults", NewName: "/etc/new\n.yml", Same: 12, Notes: []string{"`probe` differs."},
		Changes: []tuning.Change{
			{
				Before: finding("suspect:0123456789ab", rules.KnownMinerName, model.Critical, "/opt/mine/xmrig (pid 11, user alice) is a miner or belongs to one"), After: lowered,
				Because: []string{"line 3 of /etc/new\n.yml: allow: path /opt/mine/*"},
			},
			{Before: hidden, Because: []string{"line 7 of /etc/new\n.yml: rules: suspicious_file: off"}},
			{After: tool, Because: []string{"a", "b"}},
			{
				Before:  finding("suspect:ba9876543210", rules.SustainedCPU, model.Info, "/home/a (pid 12, user alice) keeps the CPU busy"),
				After:   finding("suspect:ba9876543210", rules.KnownMinerHash, model.Critical, "/home/a (pid 12, user alice) is a miner or belongs to one"),
				Because: []string{"line 1 of /etc/new\n.yml: known_miner_sha256: 00"},
			},
		},
	}
}

// TestDiffIsBounded: somebody may make thousands of files.
func TestDiffIsBounded(t *testing.T) {
	t.Parallel()
	d := changed()
	for len(d.Changes) < 1000 {
		d.Changes = append(d.Changes, d.Changes[1])
	}
	var out bytes.Buffer
	if err := DiffText(&out, d); err != nil {
		t.Fatal(err)
	}
	if words := out.String(); strings.Count(words, "GONE") > maxShown || !strings.Contains(words, "And 980 more, in the comparison as JSON.") {
		t.Errorf("%s", words)
	}
}

func TestDiffGolden(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]Diff{"diff": changed(), "no_diff": {OldName: "a.yml", NewName: "b.yml", Same: 1}} {
		for kind, write := range map[string]func(io.Writer, Diff) error{"text": DiffText, "json": DiffJSON} {
			var out bytes.Buffer
			if err := write(&out, d); err != nil {
				t.Fatal(err)
			}
			compareGolden(t, name+"."+kind, out.String())
		}
	}
}

package detect

import (
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// TestUnattributed holds time without an owner to what it must and must not raise.
func TestUnattributed(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name         string
		unattributed model.UnattributedRate
		want         model.Severity // "" for nothing
	}{
		{"a rootkit hides a miner", model.UnattributedRate{Cores: 0.9, Span: time.Minute, Complete: true}, model.Warning},
		{"among compiles too", model.UnattributedRate{Cores: 1.5, Span: time.Minute, ExitsPerSecond: 100, Complete: true}, model.Warning},
		{"benign: an idle host", model.UnattributedRate{Cores: 0.1, Span: time.Minute, Complete: true}, ""},
		{"benign: too early to tell", model.UnattributedRate{Cores: 0.9, Span: 20 * time.Second, Complete: true}, ""},
		{"benign: a storm of namespaces", model.UnattributedRate{Cores: 0.6, Span: time.Minute, ExitsPerSecond: 183, Complete: true}, ""},
		{"a rootkit among a storm, by exact times", model.UnattributedRate{Cores: 1.6, Span: time.Minute, ExitsPerSecond: 1000, Complete: true, Exact: true}, model.Warning},
		{"benign: a storm of namespaces, by exact times", model.UnattributedRate{Cores: 0.6, Span: time.Minute, ExitsPerSecond: 183, Complete: true, Exact: true}, ""},
		{"benign: accounts were lost", model.UnattributedRate{Cores: 0.9, Span: time.Minute}, model.Info},
	}
	for _, c := range cases {
		s := snapshotOf()
		s.Processes.UnattributedRate = c.unattributed
		findings := evaluate(t, s, policy.Policy{})
		switch {
		case c.want == "" && len(findings) != 0:
			t.Errorf("%s: %+v", c.name, findings)
		case c.want != "" && (len(findings) != 1 || findings[0].Severity != c.want || findings[0].Rule != rules.CPUUnattributed):
			t.Errorf("%s: %+v", c.name, findings)
		}
	}
}

// TestHiddenProcess: what is hidden is critical, also below a build tool.
func TestHiddenProcess(t *testing.T) {
	t.Parallel()
	hides := func(p *model.Process) { p.Hiding, p.HiddenBy = model.HiddenByMount, "tmpfs /" }
	maker := process(5, func(p *model.Process) { p.Exe = "/usr/bin/make" })
	for name, c := range map[string]struct {
		change func(*model.Process)
		want   model.Severity
	}{
		"burns":              {all(hides, busy), model.Critical},
		"idles":              {hides, model.Critical},
		"runs from temp":     {all(inTemp("/tmp/x"), hides), model.Critical},
		"below a build tool": {all(hides, busy, childOf(maker, model.OriginSystem)), model.Critical},
		"benign: in sight":   {busy, model.Info},
	} {
		s := snapshotOf(process(10, c.change))
		s.Processes.UnattributedRate = model.UnattributedRate{Cores: 4, Span: time.Minute, Complete: true}
		findings := evaluate(t, s, policy.Policy{})
		if findings[0].Severity != c.want && findings[0].Suspect != nil {
			t.Errorf("%s: %s, want %s: %+v", name, findings[0].Severity, c.want, findings[0])
		}
		named := false
		for _, finding := range findings {
			named = named || finding.Rule == rules.CPUUnattributed && strings.Contains(strings.Join(finding.Evidence, " "), "Pid 10 ")
			if strings.HasPrefix(name, "benign") && finding.Suspect != nil && finding.Severity != model.Info {
				t.Errorf("%s: %+v", name, finding)
			}
		}
		if named == strings.HasPrefix(name, "benign") {
			t.Errorf("%s: named beside the time without an owner: %t", name, named)
		}
	}
}

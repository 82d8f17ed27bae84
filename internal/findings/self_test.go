package findings

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// TestOfSelf: what only an intruder does warns, what an upgrade or an administrator does too
// is noted.
func TestOfSelf(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_764_000_000, 0)
	gap := func(reason model.GapReason, ago time.Duration, signal, terminal bool) model.SelfSnapshot {
		return model.SelfSnapshot{LastGaps: []model.Gap{{Reason: reason, End: now.Add(-ago), Length: 40 * time.Second, Signal: signal, Terminal: terminal}}}
	}
	change := func(kind model.SelfChangeKind) model.SelfSnapshot {
		return model.SelfSnapshot{Changes: []model.SelfChange{{Kind: kind, Subject: "/a\x1b[31m", Detail: "More."}}}
	}
	for name, test := range map[string]struct {
		snapshot model.SelfSnapshot
		want     model.Severity // "" for no finding
	}{
		"nothing":                      {model.SelfSnapshot{}, ""},
		"stopped by a signal":          {gap(model.GapStopped, time.Minute, true, false), model.Warning},
		"stopped by a key":             {gap(model.GapStopped, time.Minute, true, true), model.Info},
		"stopped long ago":             {gap(model.GapStopped, 11*time.Minute, true, false), ""},
		"a virtual machine was paused": {gap(model.GapStopped, time.Minute, false, false), ""},
		"starved":                      {gap(model.GapStarved, time.Minute, false, false), ""},
		"the host slept":               {gap(model.GapSuspended, time.Minute, false, false), ""},
		"the clock was set":            {gap(model.GapClock, time.Minute, false, false), ""},
		"program deleted":              {change(model.ProgramDeleted), model.Warning},
		"program replaced":             {change(model.ProgramReplaced), model.Warning},
		"program upgraded":             {change(model.ProgramUpgraded), model.Info},
		"configuration deleted":        {change(model.ConfigDeleted), model.Warning},
		"configuration changed":        {change(model.ConfigChanged), model.Info},
		"unit masked":                  {change(model.UnitMasked), model.Warning},
		"unit disabled":                {change(model.UnitDisabled), model.Warning},
		"unit deleted":                 {change(model.UnitDeleted), model.Warning},
		"unit crippled":                {change(model.UnitCrippled), model.Warning},
		"unit changed":                 {change(model.UnitChanged), model.Info},
		"port shared":                  {change(model.PortShared), model.Warning},
		"port diverted":                {change(model.PortDiverted), model.Warning},
		"port blocked":                 {change(model.PortBlocked), model.Info},
	} {
		got := OfSelf(&test.snapshot, now)
		if test.want == "" {
			if len(got) != 0 {
				t.Errorf("%s: %+v", name, got)
			}
			continue
		}
		if len(got) != 1 {
			t.Errorf("%s: %d findings", name, len(got))
			continue
		}
		f := got[0]
		if f.Severity != test.want || f.Rule != rules.ExporterTampered || f.Technique != "T1562.001" || f.Title == "" || len(f.Evidence) == 0 {
			t.Errorf("%s: %+v", name, f)
		}
		if said := f.ID + f.Title + strings.Join(f.Evidence, ""); strings.ContainsRune(said, 0x1b) {
			t.Errorf("%s: raw bytes in %q", name, said)
		}
	}
	several := gap(model.GapStopped, time.Minute, true, false)
	several.LastGaps = append(several.LastGaps, several.LastGaps[0])
	want := []string{"Within 10 min it was stopped 2 times, for 40 s at most, and went on by SIGCONT. What came and went in between was not seen."}
	if diff := cmp.Diff(want, OfSelf(&several, now)[0].Evidence); diff != "" {
		t.Error(diff)
	}
}

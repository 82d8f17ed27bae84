package detect

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/findings"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/tracker"
)

// TestAUserPushesNobodyOut fills the report from one crontab, and from many files. Root's
// entry comes first, another user's stays, and what has no finding is counted.
func TestAUserPushesNobodyOut(t *testing.T) {
	t.Parallel()
	entry := func(owner, path string, line int, program string) model.PersistenceEntry {
		e := model.PersistenceEntry{Kind: model.PersistenceCrontab, Owner: owner, Path: path, Line: line, Command: "curl x | sh", Reason: model.PersistenceFetchAndRun, Evidence: "curl x | sh"}
		if program != "" {
			e.Programs, e.Reason = []string{program}, model.PersistenceTempPath
		}
		return e
	}
	for name, path := range map[string]func(int) string{
		"lines": func(int) string { return "/var/spool/cron/crontabs/eve" },
		"files": func(i int) string { return fmt.Sprintf("/home/eve/.config/systemd/user/%d.service", i) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := snapshotOf(process(10, inTemp("/tmp/roots")), process(11, all(inTemp("/tmp/eves"), busy, func(p *model.Process) { p.Comm = "xmrig" })))
			list := []model.PersistenceEntry{}
			for i := range 500 {
				list = append(list, entry("eve", path(i), i+1, "/tmp/eves"))
			}
			list = append(list, entry("max", "/home/max/.bashrc", 1, ""), entry("", "/etc/crontab", 7, ""), entry("", "/etc/cron.d/x", 8, "/tmp/roots"))
			s.Persistence = entries(list...)
			s.Persistence.Omitted = map[model.PersistenceFile]int{{Owner: "eve"}: 1000, {Owner: "eve", Path: path(0)}: 40}
			found := map[string]int{}
			more, critical := 0, 0
			var order []string
			for _, f := range findings.OfPersistence(s, suspectFindings(suspects(NewEvaluator(policy.Policy{}, nil).evaluation(s, nil))), nil, policy.Policy{}) {
				order = append(order, f.Persistence.Path)
				found[f.Persistence.Owner+" "+f.Persistence.Path]++
				if f.Severity == model.Critical {
					critical++
				}
				more += f.MoreOfFile + f.MoreElsewhere
				if said := strings.Contains(strings.Join(f.Evidence, " "), "not listed"); said != (f.MoreOfFile+f.MoreElsewhere > 0) {
					t.Errorf("%+v", f)
				}
			}
			if found[" /etc/crontab"] != 1 || found[" /etc/cron.d/x"] != 1 || found["max /home/max/.bashrc"] != 1 || order[0] != "/etc/cron.d/x" {
				t.Errorf("%v, first %s", found, order[0])
			}
			eves := len(order) - 3
			if eves > findings.Quota().User || name == "lines" && eves != findings.Quota().File || more != 500-eves+1040 || critical != eves+1 {
				t.Errorf("%d of eve, %d counted, %d critical", eves, more, critical)
			}
		})
	}
}

// TestEntriesThatChangeAllTheTime are not all held, and what is there now is.
func TestEntriesThatChangeAllTheTime(t *testing.T) {
	t.Parallel()
	tracker := tracker.New(tracker.DefaultHold)
	s := snapshotOf()
	var got *model.Findings
	for sample := range 50 {
		s.Time = s.Time.Add(time.Second)
		s.Persistence = entries()
		for i := range 100 {
			s.Persistence.Entries = append(s.Persistence.Entries, model.PersistenceEntry{
				Kind: model.PersistenceProfile, Owner: "eve", Path: fmt.Sprintf("/home/eve/%d-%d", sample, i), Reason: model.PersistenceTempPath,
			})
		}
		if sample == 0 {
			s.Persistence.Entries = append(s.Persistence.Entries, model.PersistenceEntry{Kind: model.PersistenceCrontab, Path: "/etc/crontab", Line: 1, Reason: model.PersistenceTempPath})
		}
		got = tracker.Update(s, evaluate(t, s, policy.Policy{}))
	}
	now, roots := 0, 0
	for _, f := range got.Active {
		if f.LastSeen.Equal(s.Time) {
			now++
		}
		if f.Persistence.Owner == "" {
			roots++
		}
	}
	if len(got.Active) != findings.Quota().User+1 || now != findings.Quota().User || roots != 1 {
		t.Errorf("%d findings, %d of now, %d of root", len(got.Active), now, roots)
	}
}

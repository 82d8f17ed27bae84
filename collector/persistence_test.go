package collector

import (
	"fmt"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestDetailsOfPersistence: a user with many files leaves series for root's entries, and
// what starts a miner comes first.
func TestDetailsOfPersistence(t *testing.T) {
	t.Parallel()
	s := &model.PersistenceSnapshot{}
	add := func(owner, path string) {
		s.Entries = append(s.Entries, model.PersistenceEntry{Kind: model.PersistenceSystemdService, Owner: owner, Path: path, Reason: model.PersistenceFetchAndRun})
	}
	for i := range 1000 {
		add("eve", fmt.Sprint("/home/eve/", i))
	}
	add("", "/etc/systemd/system/bot.service")
	add("max", "/home/max/x")
	add("eve", "/home/eve/miner")
	s.Entries = append(s.Entries, model.PersistenceEntry{Path: "/etc/cron.d/again", Line: 3}, model.PersistenceEntry{Path: "/etc/cron.d/harmless", Line: 3})
	found := &model.Findings{Active: []model.Finding{{Severity: model.Warning, Persistence: &model.PersistenceEntry{
		Path: "/etc/cron.d/again", Line: 3, Reason: model.PersistenceKnownMiner,
	}}, {Severity: model.Critical, Persistence: &model.PersistenceEntry{Path: "/home/eve/miner"}}}}
	list := detailed(s, found, &Labels{})
	paths := map[string]bool{}
	for _, d := range list {
		paths[d.path] = true
	}
	if len(list) != detailsOfUser+3 || !paths["/etc/cron.d/again"] || list[0].path != "/home/eve/miner" || !paths["/etc/systemd/system/bot.service"] || !paths["/home/max/x"] {
		t.Errorf("%+v", list)
	}
}

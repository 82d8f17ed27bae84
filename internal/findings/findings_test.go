package findings

import (
	"fmt"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestEndedEntriesAreBounded(t *testing.T) {
	t.Parallel()
	var list []policy.Allow
	for i := range 2 * maxEnded {
		list = append(list, policy.Allow{User: "u", Line: i, Until: noon.Add(-time.Duration(i+1) * time.Hour)})
	}
	if found := new(EndedEntries).Findings(&model.Snapshot{Time: noon}, list); len(found) != maxEnded {
		t.Errorf("%d findings", len(found))
	}
}

// TestManyUsersFill the report together: root's entry still comes first.
func TestManyUsersFill(t *testing.T) {
	t.Parallel()
	s := &model.PersistenceSnapshot{}
	add := func(owner, path string, reason model.PersistenceReason) {
		s.Entries = append(s.Entries, model.PersistenceEntry{Kind: model.PersistenceProfile, Owner: owner, Path: path, Command: "x", Reason: reason})
	}
	for user := range 50 {
		for file := range 50 {
			add(fmt.Sprint("u", user), fmt.Sprintf("/home/u%d/%d", user, file), model.PersistenceFetchAndRun)
		}
	}
	add("", "/root/.bashrc", model.PersistencePreloaded)
	found := OfPersistence(&model.Snapshot{Persistence: s}, nil, nil, policy.Policy{})
	more := 0
	for _, f := range found {
		more += f.MoreElsewhere
	}
	if len(found) != maxPersistenceFindings || found[0].Persistence.Path != "/root/.bashrc" || more != 2501-maxPersistenceFindings {
		t.Errorf("%d findings, first %s, %d counted", len(found), found[0].Persistence.Path, more)
	}
}

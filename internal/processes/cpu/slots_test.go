package cpu

import (
	"fmt"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func TestThirtyThousandNames(t *testing.T) {
	t.Parallel()
	table := newSlotTable()
	now := time.Unix(1_700_000_000, 0)
	for round := range 5 {
		samples := map[model.GroupKey]*groupSample{}
		for i := range 30_000 {
			key := model.GroupKey{Process: fmt.Sprintf("name%d-%d", round, i), Origin: model.OriginHome, User: "u"}
			samples[key] = &groupSample{cpuSeconds: 2, instances: 1, topPID: i + 1}
		}
		table.update(now.Add(time.Duration(round)*10*time.Minute), samples)
	}
	if groups := table.groups(); len(groups) > groupSlots+1 || table.refused == 0 {
		t.Errorf("%d groups, %d refused", len(groups), table.refused)
	}
	if len(table.tombstones) > maxTombstones || len(table.candidates) > 30_000 {
		t.Errorf("%d tombstones, %d candidates", len(table.tombstones), len(table.candidates))
	}
}

func TestSlotReturnsWithItsTotal(t *testing.T) {
	t.Parallel()
	table := newSlotTable()
	key := model.GroupKey{Process: "p", Origin: model.OriginSystem, User: "u"}
	at := time.Unix(1_700_000_000, 0)
	busy := map[model.GroupKey]*groupSample{key: {cpuSeconds: 5, instances: 1, topPID: 7}}
	table.update(at, busy)
	table.update(at.Add(20*time.Minute), nil)
	if groups := table.groups(); len(groups) != 0 {
		t.Fatalf("the slot outlived its processes: %+v", groups)
	}
	table.update(at.Add(21*time.Minute), busy)
	if groups := table.groups(); len(groups) != 1 || groups[0].CPUSeconds != 10 || groups[0].TopPID != 7 {
		t.Errorf("after the return: %+v, want 10 s", groups)
	}
}

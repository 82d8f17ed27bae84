package tracker

import (
	"cmp"
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/findings"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// dropEntries ends findings about entries that are held without evidence, where there is
// no room for them: somebody who writes others all the time would fill the memory.
func (t *Tracker) dropEntries(now time.Time) {
	var list []*model.Finding
	for _, kept := range t.active {
		if kept.finding.Persistence != nil {
			list = append(list, &kept.finding)
		}
	}
	slices.SortFunc(list, func(a, b *model.Finding) int { return cmp.Or(b.LastSeen.Compare(a.LastSeen), cmp.Compare(a.ID, b.ID)) })
	quota := findings.Quota()
	for _, f := range list {
		if !quota.Take(f.Persistence) && f.LastSeen.Before(now) {
			delete(t.active, f.ID)
		}
	}
}

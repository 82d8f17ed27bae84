package sockets

import (
	"cmp"
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/sockiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// describeTime is for how long owners are begun to be read in one sample: 2 % of one core.
// The first samples, which may be all that a scan makes, have longer.
const describeTime = 100 * time.Millisecond

// describe returns the owners that a pass names, by the inodes of sockets. What an owner runs
// is read once, and once in a while: the kernel tells when it executes something else.
func (o *owners) describe(seen *pass, catalogue *catalogue.Catalogue) map[uint64]holding {
	o.known, o.missing = map[uint64]holding{}, map[uint64]bool{} // a search begins anew
	described := make(map[sockiter.Owner]*owner, len(o.described))
	held := make(map[uint64]holding, len(seen.owners))
	var due []*owner
	take := func(inode uint64, holder sockiter.Owner) {
		known := described[holder]
		if known == nil {
			if known = o.described[holder]; known == nil {
				known = &owner{identity: identityOf(&holder), comm: holder.Name()}
			}
			described[holder] = known
			known.samples++
			if known.catalogue != catalogue || known.samples >= retryEvery {
				due = append(due, known)
			}
		}
		held[inode] = holding{owner: known}
	}
	for inode, holder := range seen.owners {
		take(inode, holder)
	}
	for inode, holder := range seen.briefOwners {
		take(inode, holder)
	}
	o.described = described
	o.readDue(due, catalogue)
	o.share = model.Share{Total: len(described)}
	for _, one := range described {
		if one.catalogue != nil && !one.unread {
			o.share.Readable++
		}
	}
	return held
}

// readDue reads as many owners as there is time for: first those of which nothing is known,
// the oldest of them first, since services are older than what is started in great numbers.
func (o *owners) readDue(due []*owner, catalogue *catalogue.Catalogue) {
	if len(due) == 0 {
		return
	}
	slices.SortFunc(due, func(a, b *owner) int {
		isNew := func(one *owner) int {
			if one.catalogue == nil {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(isNew(a), isNew(b)), cmp.Compare(a.identity.StartTime, b.identity.StartTime), cmp.Compare(a.identity.PID, b.identity.PID))
	})
	o.descriptions++
	end := time.Now().Add(o.describeTime)
	if o.descriptions <= eagerSamples {
		end = time.Now().Add(eagerFactor * o.describeTime)
	}
	for i, one := range due {
		if i > 0 && time.Now().After(end) {
			break // it is their turn in the next sample
		}
		err := o.processes.renew(one, catalogue)
		one.unread = err != nil && !hostfs.Vanished(err)
		if err != nil {
			// It has ended, or nobody may look: the kernel has said what it is called.
			o.processes.failed(err)
			one.catalogue, one.samples = catalogue, 0
		}
	}
}

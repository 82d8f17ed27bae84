package sockets

import (
	"os"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/sockiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	// A search longer than cheapSearch is followed by a rest of restFactor times as
	// long: it costs at most 5 % of one core, also while somebody opens a new
	// socket every second. The same holds for the tables of one namespace.
	cheapSearch = 50 * time.Millisecond
	restFactor  = 20
	longestRest = time.Minute
)

// owners finds the processes behind sockets. It looks through the descriptors of all
// processes only when there is a socket that it does not know: a steady host
// costs one readlink for each socket.
type owners struct {
	processes  *processReader
	known      map[uint64]holding
	missing    map[uint64]bool // looked for by the last search and not found
	since      int             // samples since the last search
	searches   int
	notBefore  time.Time // of the next search
	searchTime time.Duration
	fdLimit    int         // descriptors of one process
	share      model.Share // of the last search, or of the owners that were described

	described    map[sockiter.Owner]*owner // those that a pass names
	descriptions int                       // samples that described some
	describeTime time.Duration             // see describeTime
}

func newOwners(processes *processReader) *owners {
	return &owners{
		processes: processes, known: map[uint64]holding{}, missing: map[uint64]bool{},
		searchTime: 5 * time.Second, fdLimit: 1 << 16, describeTime: describeTime,
	}
}

// find returns the owners of sockets by inode, as far as they can be seen. The
// caller must not change the map.
func (o *owners) find(now time.Time, sockets []model.Socket, catalogue *catalogue.Catalogue) map[uint64]holding {
	inodes := make(map[uint64]bool, len(sockets))
	for i := range sockets {
		if sockets[i].Inode != 0 {
			inodes[sockets[i].Inode] = true
		}
	}
	o.verify(inodes, catalogue)
	wanted, isNew := map[uint64]bool{}, false
	for inode := range inodes {
		if _, ok := o.known[inode]; !ok {
			wanted[inode] = true
			isNew = isNew || !o.missing[inode]
		}
	}
	o.since++
	isDue := isNew || o.since >= retryEvery
	if len(wanted) == 0 || !isDue || now.Before(o.notBefore) {
		return o.known
	}
	began := time.Now()
	search := ownerSearch{
		processes: o.processes, catalogue: catalogue, end: began.Add(o.searchTime), fdLimit: o.fdLimit,
		wanted: wanted, found: o.known,
	}
	o.share = search.run()
	o.missing, o.since = wanted, 0 // what is still wanted was not found
	o.searches++
	if spent := time.Since(began); spent > cheapSearch {
		o.notBefore = now.Add(min(restFactor*spent, longestRest))
	}
	return o.known
}

// verify forgets the sockets that are closed or have gone to another process.
func (o *owners) verify(inodes map[uint64]bool, catalogue *catalogue.Catalogue) {
	lives := map[*owner]bool{}
	for inode, held := range o.known {
		target, err := os.Readlink(o.processes.path(held.owner.identity.PID, "fd/"+held.fd))
		if !inodes[inode] || err != nil || target != socketName(inode) {
			delete(o.known, inode)
			continue
		}
		same, asked := lives[held.owner]
		if !asked {
			same = o.processes.renew(held.owner, catalogue) == nil
			lives[held.owner] = same
		}
		if !same {
			delete(o.known, inode)
		}
	}
}

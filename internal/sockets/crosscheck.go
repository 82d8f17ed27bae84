package sockets

import (
	"cmp"
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/sockiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// A pass sees sockets at descriptors. What listens without one, a socket of the kernel (NFS),
// one that is registered with io_uring and closed, one on its way to another process, is
// in the tables of its namespace only.

// checkRest is how many times as long the tables of namespaces are left alone as reading one
// takes: 0.2 % of one core.
const checkRest = 500

// locate finds for each namespace a process by which its files can be read.
func (n *namespaces) locate() {
	for _, one := range n.inOrder {
		one.Tables = ""
		for _, pid := range one.PIDs {
			if n.isIn(pid, one.ID) == nil {
				one.Tables = n.processes.path(pid, "net")
				break
			}
		}
	}
}

// withoutDescriptor reads the tables of one namespace, if it is time, and returns what
// listens in any of them and has no owner, as of the last look at it.
func (n *namespaces) withoutDescriptor(now time.Time, owners map[uint64]sockiter.Owner) (sockets []model.Socket) {
	if !n.checking {
		n.forget()
		n.checking = true
	}
	if len(n.inOrder) > 0 && !now.Before(n.checkAgain) {
		began := time.Now()
		n.check(now, slices.MinFunc(n.inOrder, func(a, b *namespace) int { return cmp.Compare(a.looked, b.looked) }), owners)
		n.checkAgain = now.Add(min(checkRest*time.Since(began), longestRest))
	}
	for _, one := range n.inOrder {
		for i := range one.sockets {
			_, hasOwner := owners[one.sockets[i].Inode]
			if one.confirmed[one.sockets[i].Inode] && !hasOwner {
				sockets = append(sockets, one.sockets[i])
			}
		}
	}
	return sockets
}

// check looks at one namespace. What is found counts the second time: a socket may have been
// opened since the pass. So the namespace is the next again.
func (n *namespaces) check(now time.Time, one *namespace, owners map[uint64]sockiter.Owner) {
	n.samples++
	before := map[uint64]bool{}
	for i := range one.sockets {
		before[one.sockets[i].Inode] = true
	}
	held := 0
	for _, other := range n.inOrder {
		held += len(other.sockets)
	}
	n.readOne(now, one, min(namespaceSockets, othersSockets-held))
	one.confirmed = map[uint64]bool{}
	one.sockets = slices.DeleteFunc(one.sockets, func(socket model.Socket) bool {
		_, hasOwner := owners[socket.Inode]
		if !hasOwner && before[socket.Inode] {
			one.confirmed[socket.Inode] = true
		}
		return hasOwner
	})
	if len(one.confirmed) < len(one.sockets) {
		one.looked = 0
	}
}

// forget drops what was read of tables, because it meant something else.
func (n *namespaces) forget() {
	for _, one := range n.inOrder {
		one.sockets, one.confirmed, one.share, one.looked, one.notBefore = nil, nil, model.Share{}, 0, time.Time{}
	}
}

package sockets

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/sockets/netns"
)

const (
	maxNamespaces    = 256     // besides the host's
	namespaceSockets = 1 << 12 // listening ones of one of them
	othersSockets    = 1 << 14 // of all of them
	// othersTime is for how long tables of further namespaces are begun to be read
	// in one sample: for each the kernel walks its whole hash table of connections,
	// 6 ms a table on a machine with 24 GiB, whoever's they are. The first samples, which
	// may be all that a scan makes, have longer.
	othersTime   = 100 * time.Millisecond
	eagerSamples = 3
	eagerFactor  = 10          // times as long
	oneTime      = time.Second // for one of them; what it costs is followed by a rest, see restFactor
)

var (
	errNamespaces = fmt.Errorf("%w: there are more than %d network namespaces", hostfs.ErrLimit, maxNamespaces)
	errGone       = fmt.Errorf("no process that was seen in the network namespace is left: %w", fs.ErrNotExist)
)

// namespace is what is kept of one network namespace.
type namespace struct {
	netns.Namespace
	sockets   []model.Socket  // besides a pass: those without a descriptor
	confirmed map[uint64]bool // of these, by inode: found twice
	share     model.Share     // of its tables
	looked    int             // the sample that read its tables; 0: none
	notBefore time.Time       // its tables are read again
}

// namespaces reads the tables of the network namespaces besides the host's.
type namespaces struct {
	processes *processReader
	failures  *failures
	known     map[string]*namespace
	inOrder   []*namespace // as they were given
	beyond    int          // those that are not looked at
	samples   int
	time      time.Duration // see othersTime

	checking   bool      // tables are read besides a pass, see withoutDescriptor
	checkAgain time.Time // the next table is read
}

func newNamespaces(processes *processReader, failures *failures) *namespaces {
	return &namespaces{processes: processes, failures: failures, time: othersTime}
}

// update takes over which namespaces there are. beyond says what it means that some are too many.
func (n *namespaces) update(given []model.NetNamespace, beyond string) {
	n.beyond = max(0, len(given)-maxNamespaces)
	if n.beyond > 0 {
		n.failures.report(beyond, errNamespaces)
		given = given[:maxNamespaces]
	}
	known := make(map[string]*namespace, len(given))
	n.inOrder = n.inOrder[:0]
	for _, one := range given {
		if one.ID == "" || known[one.ID] != nil {
			continue
		}
		kept := n.known[one.ID]
		if kept == nil {
			kept = &namespace{Namespace: netns.Namespace{NetNamespace: model.NetNamespace{ID: one.ID}}}
		}
		kept.PIDs = slices.Clone(one.PIDs)
		known[one.ID] = kept
		n.inOrder = append(n.inOrder, kept)
	}
	n.known = known
}

// read reads as many tables as there is time for, beginning with those that were
// not read for longest, and returns what is known of all.
func (n *namespaces) read(now time.Time) (sockets []model.Socket, share model.Share) {
	if n.checking {
		n.forget()
		n.checking = false
	}
	n.samples++
	end := time.Now().Add(n.time)
	if n.samples <= eagerSamples {
		end = time.Now().Add(eagerFactor * n.time)
	}
	turns := slices.Clone(n.inOrder)
	slices.SortStableFunc(turns, func(a, b *namespace) int { return cmp.Compare(a.looked, b.looked) })
	held := 0
	for _, one := range turns {
		held += len(one.sockets)
	}
	for i, one := range turns {
		if i > 0 && time.Now().After(end) {
			break
		}
		if now.Before(one.notBefore) {
			continue
		}
		held -= len(one.sockets)
		n.readOne(now, one, min(namespaceSockets, othersSockets-held))
		held += len(one.sockets)
	}
	for _, one := range n.inOrder {
		sockets = append(sockets, one.sockets...)
		share.Readable += one.share.Readable
		share.Total += one.share.Total
		if one.looked == 0 {
			share.Total++
		}
	}
	share.Total += n.beyond
	return sockets, share
}

// readOne reads the tables of one namespace. If nobody is left in it, it has no
// sockets; if they cannot be read, what was known of it stays.
func (n *namespaces) readOne(now time.Time, one *namespace, most int) {
	began := time.Now()
	one.looked = n.samples
	err := errGone
	bounds := limits{sockets: max(0, most), end: began.Add(oneTime), mayVanish: true}
	for _, pid := range one.PIDs {
		if err = n.readBy(pid, one, bounds); err == nil {
			break
		}
	}
	switch {
	case err == nil:
	case hostfs.Vanished(err):
		one.Tables, one.sockets, one.share = "", nil, model.Share{}
	default:
		one.share = model.Share{Total: 1}
		n.failures.report("the sockets of a network namespace cannot be read", err)
	}
	if spent := time.Since(began); spent > cheapSearch {
		one.notBefore = now.Add(min(restFactor*spent, longestRest))
	}
}

// readBy reads the tables of a namespace as one of its processes sees them.
func (n *namespaces) readBy(pid int, one *namespace, most limits) error {
	if err := n.isIn(pid, one.ID); err != nil {
		return err
	}
	directory := n.processes.path(pid, "net")
	most.empty = emptyTables(directory)
	sockets, share, readErr := readListeners(directory, most, n.failures)
	if err := n.isIn(pid, one.ID); err != nil {
		return err // perhaps it read another's
	}
	if share.Readable == 0 && hostfs.Vanished(readErr) {
		return readErr
	}
	for i := range sockets {
		sockets[i].NetNS = one.ID
	}
	one.Tables, one.sockets, one.share = directory, sockets, share
	return nil
}

// isIn fails if a process is not, or not any more, in a namespace.
func (n *namespaces) isIn(pid int, id string) error {
	is, err := hostfs.NetNamespace(n.processes.path(pid, ""))
	if err == nil && is != id {
		err = errGone
	}
	return err
}

// list returns the namespaces in the order that they were given in.
func (n *namespaces) list() []*netns.Namespace {
	all := make([]*netns.Namespace, 0, len(n.inOrder))
	for _, one := range n.inOrder {
		all = append(all, &one.Namespace)
	}
	return all
}

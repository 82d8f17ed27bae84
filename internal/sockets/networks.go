package sockets

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxNetworks    = 256     // besides the host's
	networkSockets = 1 << 12 // of one of them
	othersSockets  = 1 << 14 // of all of them
	// networksTime is for how long tables of further namespaces are begun to be read
	// in one sample: for each the kernel walks its whole hash table of connections,
	// 6 ms a table on a machine with 24 GiB, whoever's they are. The first samples, which
	// may be all that a scan makes, have longer.
	networksTime = 100 * time.Millisecond
	eagerSamples = 3
	eagerness    = 10          // times as long
	networkTime  = time.Second // for one of them; what it costs is followed by a rest, see walkRest
)

var (
	errNetworks = fmt.Errorf("%w: there are more than %d network namespaces", hostfs.ErrLimit, maxNetworks)
	errSockets  = fmt.Errorf("%w: there are more than %d listening sockets in one network namespace, or %d in all but the host's", hostfs.ErrLimit, networkSockets, othersSockets)
	errGone     = fmt.Errorf("no process that was seen in the network namespace is left: %w", fs.ErrNotExist)
)

// network is what is kept of one network namespace.
type network struct {
	model.NetNamespace
	directory string // its tables: /proc/PID/net; "" if nothing could be read
	sockets   []model.Socket
	share     model.Share // of its tables
	looked    int         // the sample that read its tables; 0: none
	described int         // the sample that asked for its addresses; 0: none
	notBefore time.Time   // its tables are read again
}

// networks looks at the namespaces besides the host's.
type networks struct {
	sensor  *Sensor
	known   map[string]*network
	inOrder []*network // as they were told
	beyond  int        // those that are not looked at
	time    time.Duration
}

// update takes over which namespaces there are.
func (n *networks) update() {
	var told []model.NetNamespace
	if n.sensor.options.Namespaces != nil {
		told = n.sensor.options.Namespaces()
	}
	n.beyond = max(0, len(told)-maxNetworks)
	if n.beyond > 0 {
		n.sensor.failed(errNetworks)
		n.sensor.tell("the sockets of some network namespaces are not seen", errNetworks)
		told = told[:maxNetworks]
	}
	known := make(map[string]*network, len(told))
	n.inOrder = n.inOrder[:0]
	for _, namespace := range told {
		if namespace.ID == "" || known[namespace.ID] != nil {
			continue
		}
		kept := n.known[namespace.ID]
		if kept == nil {
			kept = &network{NetNamespace: model.NetNamespace{ID: namespace.ID}}
		}
		kept.PIDs = slices.Clone(namespace.PIDs)
		known[namespace.ID] = kept
		n.inOrder = append(n.inOrder, kept)
	}
	n.known = known
}

// read reads as many tables as there is time for, beginning with those that were
// not read for longest, and returns what is known of all.
func (n *networks) read(now time.Time) (sockets []model.Socket, share model.Share) {
	end := time.Now().Add(n.time)
	if n.sensor.samples <= eagerSamples {
		end = time.Now().Add(eagerness * n.time)
	}
	turns := slices.Clone(n.inOrder)
	slices.SortStableFunc(turns, func(a, b *network) int { return cmp.Compare(a.looked, b.looked) })
	held := 0
	for _, network := range turns {
		held += len(network.sockets)
	}
	for i, network := range turns {
		if i > 0 && time.Now().After(end) {
			break
		}
		if now.Before(network.notBefore) {
			continue
		}
		held -= len(network.sockets)
		n.readOne(now, network, min(networkSockets, othersSockets-held))
		held += len(network.sockets)
	}
	for _, network := range n.inOrder {
		sockets = append(sockets, network.sockets...)
		share.Readable += network.share.Readable
		share.Total += network.share.Total
		if network.looked == 0 {
			share.Total++
		}
	}
	share.Total += n.beyond
	return sockets, share
}

// readOne reads the tables of one namespace. If nobody is left in it, it has no
// sockets; if they cannot be read, what was known of it stays.
func (n *networks) readOne(now time.Time, network *network, most int) {
	s, began := n.sensor, time.Now()
	network.looked = s.samples
	err := errGone
	for _, pid := range network.PIDs {
		if err = n.isIn(pid, network.ID); err != nil {
			continue
		}
		directory := s.owners.path(pid, "net")
		sockets, share, readErr := s.read(directory, limits{sockets: max(0, most), end: began.Add(networkTime), mayVanish: true, empty: emptyTables(directory)})
		if err = n.isIn(pid, network.ID); err != nil {
			continue // perhaps it read another's
		}
		if share.Readable == 0 && hostfs.Vanished(readErr) {
			err = readErr
			continue
		}
		for i := range sockets {
			sockets[i].NetNS = network.ID
		}
		network.directory, network.sockets, network.share = directory, sockets, share
		break
	}
	switch {
	case err == nil:
	case hostfs.Vanished(err):
		network.directory, network.sockets, network.share = "", nil, model.Share{}
	default:
		network.share = model.Share{Total: 1}
		s.failed(err)
		s.tell("the sockets of a network namespace cannot be read", err)
	}
	if spent := time.Since(began); spent > cheapWalk {
		network.notBefore = now.Add(min(walkRest*spent, longestRest))
	}
}

// directoryOf returns where the tables of a namespace are, or "".
func (s *Sensor) directoryOf(id string) string {
	if id == "" {
		return s.hosts.directory
	}
	if network := s.networks.known[id]; network != nil {
		return network.directory
	}
	return ""
}

// namespaceID returns the number in `net:[4026531840]`.
func namespaceID(link string) string {
	return strings.TrimSuffix(strings.TrimPrefix(link, "net:["), "]")
}

// isIn fails if a process is not, or not any more, in a namespace.
func (n *networks) isIn(pid int, id string) error {
	target, err := os.Readlink(n.sensor.owners.path(pid, "ns/net"))
	if err == nil && target != "net:["+id+"]" {
		err = errGone
	}
	return err
}

// limits bound a read of socket tables.
type limits struct {
	sockets   int
	end       time.Time       // zero: it takes what it takes
	mayVanish bool            // that there is nothing to read is no failure
	empty     map[string]bool // tables that need not be read
}

// timedReader ends a file that is too long for the time there is.
type timedReader struct {
	file *os.File
	end  time.Time
}

func (r timedReader) Read(p []byte) (int, error) {
	if !r.end.IsZero() && time.Now().After(r.end) {
		return 0, hostfs.ErrTimeout
	}
	return r.file.Read(p)
}

// sameNamespace tells whether two processes, as named in proc, share a network
// namespace. The links tell it to who may ptrace them; to anybody else the inode
// of a file tells it, which is the namespace's own (proc_register, fs/proc/generic.c).
func sameNamespace(proc, a, b string) bool {
	linkA, errA := os.Readlink(proc + "/" + a + "/ns/net")
	linkB, errB := os.Readlink(proc + "/" + b + "/ns/net")
	if errA == nil && errB == nil {
		return linkA == linkB
	}
	if errors.Is(errA, fs.ErrNotExist) || errors.Is(errB, fs.ErrNotExist) {
		return false
	}
	fileA, errA := os.Stat(proc + "/" + a + "/net/tcp")
	fileB, errB := os.Stat(proc + "/" + b + "/net/tcp")
	return errA == nil && errB == nil && os.SameFile(fileA, fileB)
}

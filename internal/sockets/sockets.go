// Package sockets is the sensor of listening sockets: TCP in state LISTEN and
// UDP without a peer, of every network namespace, with their owners; of the ports
// that the host forwards into other namespaces; and of the connections of a few
// processes, and of the peers of a few services.
package sockets

import (
	"cmp"
	"context"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/sockets/forward"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/sockets/netns"
)

// Sensor looks at listening sockets. Sample is called by one goroutine.
type Sensor struct {
	model.Latest[model.SocketSnapshot]

	options     Options
	failures    *failures
	passes      *passes
	owners      *owners
	host        netns.Namespace // whose socket tables are read as pid 1 sees them
	hostIsOwn   bool            // the exporter is in it
	ownerless   map[uint64]bool // sockets of the host that the last pass did not have, by inode
	askAgain    time.Time       // the kernel has no sock_diag until then, see forward.UnsupportedRest
	others      *namespaces
	describer   *netns.Describer
	forwards    *forward.Finder
	established *established
}

// New returns a sensor. It reads nothing yet.
func New(o Options) *Sensor {
	o = o.withDefaults()
	failures := newFailures(o.Logger)
	processes := newProcessReader(o.Proc, failures)
	return &Sensor{
		options:     o,
		failures:    failures,
		passes:      &passes{read: o.Kernel.Sockets, noted: o.Kernel.Noted, cpuTime: o.CPUTime, failures: failures},
		owners:      newOwners(processes),
		host:        netns.Namespace{NetNamespace: model.NetNamespace{PIDs: []int{1}}},
		others:      newNamespaces(processes, failures),
		established: &established{processes: processes, failures: failures},
		forwards:    forward.New(forward.Options{Root: o.Root, Kernel: o.Kernel.Forwarding, Report: failures.report}),
		describer: netns.New(netns.Options{
			Proc: o.Proc, Root: o.Root, Routes: o.Kernel.Routes, Report: failures.report,
		}),
	}
}

// Name is the sensor's name, as in the label `sensor`.
func (*Sensor) Name() string { return "sockets" }

// Sample lists the sockets once and publishes them with what is known of
// the owners. It fails only if nothing could be listed; the last snapshot then
// stays. now should come from a clock that goes on between samples: what is expensive
// is put off by it.
func (s *Sensor) Sample(_ context.Context, now time.Time) error {
	began := time.Now()
	proc, watched := s.options.Proc, s.options.Watched()
	first, own := filepath.Join(proc, "1"), filepath.Join(proc, "self")
	s.host.Tables, s.hostIsOwn = filepath.Join(first, "net"), hostfs.ShareNetNamespace(first, own)
	catalogue := s.options.Catalogue()
	var sockets []model.Socket
	var share model.Share
	var owners map[uint64]holding
	seen, fresh := s.passes.take(now, hostNamespace(first, own, s.hostIsOwn), watched)
	if seen != nil {
		sockets, share = s.listByPass(now, seen, fresh)
		owners = s.owners.describe(seen, catalogue)
	} else {
		var err error
		if sockets, share, err = s.listByTables(now); err != nil {
			return err
		}
		owners = s.owners.find(now, sockets, catalogue)
	}
	proxies := s.identify(sockets, owners, catalogue)
	namespaces := s.describer.Describe(&s.host, s.hostIsOwn, s.others.list())
	forwards, unknown := s.forwards.Find(now, forward.Host{
		Tables: s.host.Tables, IsOwn: s.hostIsOwn, Proxies: proxies, Namespaces: namespaces,
	})
	connections, peers := s.established.read(now, watched, sockets, s.tables(), seen)
	var closed, open []model.Socket // before this sample
	if last := s.Snapshot(); last != nil {
		closed, open = last.RecentlyClosed, last.Sockets
	}
	if seen != nil {
		brief := slices.Clone(seen.brief)
		s.identify(brief, owners, catalogue)
		open = slices.Concat(brief, open)
	}
	snapshot := &model.SocketSnapshot{
		Meta: model.Meta{
			Time: now, Duration: time.Since(began), Interval: s.options.Interval,
			ReadErrors: maps.Clone(s.failures.counts),
			Visibility: map[model.Aspect]model.Share{model.AspectNetns: share, model.AspectFd: s.owners.share},
		},
		Apps:              catalogue.Apps(),
		Sockets:           sockets,
		RecentlyClosed:    recentlyClosed(closed, open, sockets),
		Connections:       connections,
		Namespaces:        namespaces,
		PortForwards:      forwards,
		ForwardingUnknown: unknown,
		PortRules:         s.forwards.PortRules(),
		Peers:             peers,
	}
	s.Publish(snapshot, &snapshot.Meta)
	level.Debug(s.options.Logger).Log("msg", "sampled sockets", "sockets", len(sockets), "duration", time.Since(began))
	return nil
}

// identify fills in the owners of sockets, and what they are called. It returns the ports
// that owners of the host's sockets forward.
func (s *Sensor) identify(
	sockets []model.Socket, owners map[uint64]holding, catalogue *catalogue.Catalogue,
) (proxies []model.PortForward) {
	for i := range sockets {
		socket := &sockets[i]
		var by owner
		if held := owners[socket.Inode].owner; held != nil {
			by = *held
			socket.Owner, socket.OwnerComm, socket.OwnerExe = by.identity, by.comm, by.exe
			socket.OwnedByExporter = by.identity.PID == s.options.OwnPID
		}
		socket.App, socket.Confidence = catalogue.Identify(socket.Protocol, socket.Port, by.exe, by.evidence)
		socket.InternalComponent = by.internal && socket.App == by.evidence
		if socket.Confidence == model.ConfidenceEvidence {
			socket.LogFile = by.logFile
		}
		if by.forwards != nil && socket.NetNS == "" {
			forwarded := *by.forwards
			forwarded.Owner = by.identity
			proxies = append(proxies, forwarded)
		}
	}
	return proxies
}

// tables are the directories of the socket tables that could be read, by the id of the
// namespace.
func (s *Sensor) tables() map[string]string {
	tables := map[string]string{"": s.host.Tables}
	for _, other := range s.others.list() {
		if other.Tables != "" {
			tables[other.ID] = other.Tables
		}
	}
	return tables
}

// unique keeps one socket of those that share an address in a namespace (SO_REUSEPORT), the
// one with the lowest inode, in a stable order.
func unique(sockets []model.Socket) []model.Socket {
	compare := func(a, b *model.Socket) int {
		return cmp.Or(
			cmp.Compare(a.NetNS, b.NetNS), // the host's is ""
			cmp.Compare(a.Protocol, b.Protocol),
			cmp.Compare(a.Port, b.Port),
			cmp.Compare(a.Address, b.Address))
	}
	slices.SortFunc(sockets, func(a, b model.Socket) int {
		return cmp.Or(compare(&a, &b), cmp.Compare(a.Inode, b.Inode))
	})
	return slices.CompactFunc(sockets, func(a, b model.Socket) bool { return compare(&a, &b) == 0 })
}

// Package sockets is the sensor of listening sockets: TCP in state LISTEN and
// UDP without a peer, of every network namespace, with their owners; of the ports
// that the host forwards into other namespaces; and of the connections of a few
// processes, and of the peers of a few services.
package sockets

import (
	"cmp"
	"context"
	"fmt"
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
	owners      *owners
	host        netns.Namespace // whose socket tables are read as pid 1 sees them
	hostIsOwn   bool            // the exporter is in it
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

// Sample reads the socket tables once and publishes them with what is known of
// the owners. It fails only if no table could be read; the last snapshot then
// stays. now should come from a clock that goes on between samples: an expensive
// search for owners is put off by it.
func (s *Sensor) Sample(_ context.Context, now time.Time) error {
	began := time.Now()
	sockets, share, err := s.readHost(now)
	if err != nil {
		return err
	}
	s.others.update(s.options.Namespaces())
	inOthers, othersShare := s.others.read(now)
	share.Readable += othersShare.Readable
	share.Total += othersShare.Total
	sockets = unique(append(sockets, inOthers...))

	catalogue := s.options.Catalogue()
	proxies := s.identify(sockets, s.owners.find(now, sockets, catalogue), catalogue)
	namespaces := s.describer.Describe(&s.host, s.hostIsOwn, s.others.list())
	forwards, unknown := s.forwards.Find(now, forward.Host{
		Tables: s.host.Tables, IsOwn: s.hostIsOwn, Proxies: proxies, Namespaces: namespaces,
	})
	connections, peers := s.established.read(now, s.options.Watched(), sockets, s.tables())
	var closed []model.Socket
	if last := s.Snapshot(); last != nil {
		closed = recentlyClosed(last.RecentlyClosed, last.Sockets, sockets)
	}
	snapshot := &model.SocketSnapshot{
		Meta: model.Meta{
			Time: now, Duration: time.Since(began), Interval: s.options.Interval,
			ReadErrors: maps.Clone(s.failures.counts),
			Visibility: map[model.Aspect]model.Share{model.AspectNetns: share, model.AspectFd: s.owners.share},
		},
		Apps:              catalogue.Apps(),
		Sockets:           sockets,
		RecentlyClosed:    closed,
		Connections:       connections,
		Namespaces:        namespaces,
		PortForwards:      forwards,
		ForwardingUnknown: unknown,
		Peers:             peers,
	}
	s.Publish(snapshot, &snapshot.Meta)
	level.Debug(s.options.Logger).Log("msg", "sampled sockets", "sockets", len(sockets), "duration", time.Since(began))
	return nil
}

// readHost reads the tables of pid 1, which is in the host's network namespace
// also when the exporter is not, or else those of the exporter's own.
func (s *Sensor) readHost(now time.Time) ([]model.Socket, model.Share, error) {
	proc := s.options.Proc
	s.host.Tables = filepath.Join(proc, "1/net")
	s.hostIsOwn = hostfs.ShareNetNamespace(filepath.Join(proc, "1"), filepath.Join(proc, "self"))
	if s.hostIsOwn && s.options.Kernel.Listeners != nil && !now.Before(s.askAgain) {
		var sockets []model.Socket
		err := s.options.Kernel.Listeners(func(socket model.Socket) { sockets = append(sockets, socket) })
		if err == nil {
			return sockets, model.Share{Readable: len(tables()), Total: len(tables())}, nil
		}
		s.askAgain = now.Add(forward.UnsupportedRest)
		s.failures.logOnce("the kernel does not list listening sockets by sock_diag, "+
			"they are read from /proc, which costs more", err)
	}
	most := limits{sockets: len(tables()) * maxSockets}
	sockets, share, err := readListeners(s.host.Tables, most, s.failures)
	if share.Readable > 0 {
		return sockets, share, nil
	}
	s.failures.logOnce("the socket tables of pid 1 cannot be read, "+
		"only this process' own network namespace is seen; run as root, without hidepid", err)
	s.host.Tables, s.hostIsOwn = filepath.Join(proc, "net"), true
	sockets, share, err = readListeners(s.host.Tables, most, s.failures)
	if share.Readable == 0 {
		err = fmt.Errorf("no socket table could be read below %s, is it a /proc (--path.procfs)?: %w", proc, err)
		return nil, share, err
	}
	return sockets, share, nil
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

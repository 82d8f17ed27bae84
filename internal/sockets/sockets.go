// Package sockets is the sensor of listening sockets: TCP in state LISTEN and
// UDP without a peer, of every network namespace, with their owners; of the ports
// that the host forwards into other namespaces; and of the connections of a few
// processes that are looked at closely.
package sockets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// Options are what the sensor needs.
type Options struct {
	Proc      string                      // --path.procfs
	Root      string                      // --path.rootfs
	Catalogue func() *catalogue.Catalogue // asked at each sample
	OwnPID    int                         // of the exporter, as Proc numbers it
	Watched   func() []model.Identity     // whose connections are looked for; nil: nobody's
	// Namespaces are those besides the host's: ID, and some of their oldest PIDs;
	// nil: there are none.
	Namespaces func() []model.NetNamespace
	// PeerPorts are the TCP ports whose remote ends are wanted; nil: none.
	PeerPorts func() []model.SocketKey
	Kernel    Kernel        // the zero Kernel: all is read from Proc
	Interval  time.Duration // between samples, published with each
	Logger    log.Logger
}

// Sensor looks at listening sockets. Sample is called by one goroutine.
type Sensor struct {
	options   Options
	owners    *owners
	errors    map[model.ReadError]uint64
	told      map[string]bool // what was logged already
	watched   connectionFinder
	samples   int
	hosts     *network  // the host's namespace
	hostIsOwn bool      // the exporter is in it
	deafUntil time.Time // it does without sock_diag, see deafRest
	networks  networks
	describer describer
	publisher publisher
	published atomic.Pointer[model.SocketSnapshot]
}

// New returns a sensor. It reads nothing yet.
func New(o Options) *Sensor {
	errors := map[model.ReadError]uint64{}
	s := &Sensor{options: o, owners: newOwners(o.Proc, errors), errors: errors, told: map[string]bool{}}
	s.watched.sensor = s
	s.hosts = &network{NetNamespace: model.NetNamespace{PIDs: []int{1}}}
	s.networks = networks{sensor: s, time: networksTime}
	s.describer = describer{sensor: s, names: newNameReader(o.Root, o.Proc), time: networksTime}
	s.publisher = newPublisher(s)
	return s
}

// Snapshot returns the last sample, or nil before the first. A sensor
// that is nil is off, and has none.
func (s *Sensor) Snapshot() *model.SocketSnapshot {
	if s == nil {
		return nil
	}
	return s.published.Load()
}

// Name is the sensor's name, as in the label `sensor`.
func (*Sensor) Name() string { return "sockets" }

// Meta is what the last sample says of itself, or nil before the first.
func (s *Sensor) Meta() *model.Meta {
	if snapshot := s.Snapshot(); snapshot != nil {
		return &snapshot.Meta
	}
	return nil
}

// Next is how long to wait for the next sample. It is asked after a sample.
func (s *Sensor) Next() time.Duration { return s.Snapshot().Interval }

// Sample reads the socket tables once and publishes them with what is known of
// the owners. It fails only if no table could be read; the last snapshot then
// stays. now should come from a clock that goes on between samples: an expensive
// search for owners is put off by it.
func (s *Sensor) Sample(_ context.Context, now time.Time) error {
	began := time.Now()
	s.samples++
	sockets, share, err := s.tables(now)
	if err != nil {
		return err
	}
	s.networks.update()
	others, otherShare := s.networks.read(now)
	share.Readable += otherShare.Readable
	share.Total += otherShare.Total
	sockets = unique(append(sockets, others...))
	catalogue := s.options.Catalogue()
	found := s.owners.find(now, sockets, catalogue)
	for i := range sockets {
		socket := &sockets[i]
		var exe string
		var told arguments
		if owner := found[socket.Inode].owner; owner != nil {
			socket.Owner, socket.OwnerComm, socket.OwnerExe = owner.identity, owner.comm, owner.exe
			socket.OwnedByExporter = owner.identity.PID == s.options.OwnPID
			exe, told = owner.exe, owner.arguments
		}
		socket.App, socket.Confidence = catalogue.Judge(socket.Protocol, socket.Port, exe, told.evidence)
		socket.InternalComponent = told.part && socket.App == told.evidence
		if socket.App == flinkApp && socket.Confidence == model.ConfidenceEvidence {
			socket.LogFile = told.logFile
		}
	}
	namespaces := s.describer.describe(s.hosts, s.networks.inOrder)
	publications, unpublished := s.publisher.find(now, sockets, found, namespaces)
	var peers []model.Peer
	if s.options.PeerPorts != nil {
		peers = s.peers(s.options.PeerPorts())
	}
	var past []model.Socket
	if last := s.Snapshot(); last != nil {
		past = remember(last.RecentlyClosed, last.Sockets, sockets)
	}
	var connections []model.Connection
	if s.options.Watched != nil {
		connections = s.watched.find(now, s.options.Watched(), sockets)
	}
	s.published.Store(&model.SocketSnapshot{
		Meta: model.Meta{
			Time: now, Duration: time.Since(began), Interval: s.options.Interval, ReadErrors: maps.Clone(s.errors),
			Visibility: map[model.Aspect]model.Share{model.AspectNetns: share, model.AspectFd: s.owners.share},
		},
		Apps:           catalogue.Apps(),
		Sockets:        sockets,
		RecentlyClosed: past,

		Connections: connections,

		Namespaces:        namespaces,
		PortForwards:      publications,
		ForwardingUnknown: unpublished,
		Peers:             peers,
	})
	level.Debug(s.options.Logger).Log("msg", "sampled sockets", "sockets", len(sockets), "duration", time.Since(began))
	return nil
}

// tables reads the tables of pid 1, which is in the host's network namespace
// also when the exporter is not, or else those of the exporter's own.
func (s *Sensor) tables(now time.Time) ([]model.Socket, model.Share, error) {
	s.hosts.directory = filepath.Join(s.options.Proc, "1", "net")
	s.hostIsOwn = sameNamespace(s.options.Proc, "1", "self")
	if s.hostIsOwn && s.options.Kernel.Listeners != nil && !now.Before(s.deafUntil) {
		var sockets []model.Socket
		err := s.options.Kernel.Listeners(func(socket model.Socket) { sockets = append(sockets, socket) })
		if err == nil {
			return sockets, model.Share{Readable: len(tables()), Total: len(tables())}, nil
		}
		s.deafUntil = now.Add(deafRest)
		s.tell("the kernel does not list listening sockets by sock_diag, they are read from /proc, which costs more", err)
	}
	sockets, share, err := s.read(s.hosts.directory, limits{sockets: len(tables()) * maxSockets})
	if share.Readable > 0 {
		return sockets, share, nil
	}
	s.tell("the socket tables of pid 1 cannot be read, only this process' own network namespace is seen; run as root, without hidepid", err)
	s.hosts.directory, s.hostIsOwn = filepath.Join(s.options.Proc, "net"), true
	sockets, share, err = s.read(s.hosts.directory, limits{sockets: len(tables()) * maxSockets})
	if share.Readable == 0 {
		return nil, share, fmt.Errorf("no socket table could be read below %s, is it a /proc (--path.procfs)?: %w", s.options.Proc, err)
	}
	return sockets, share, nil
}

// read reads the four tables. One of IPv6 that is not there is no failure: IPv6
// is off. A table that ends early still gives what was read of it.
func (s *Sensor) read(directory string, most limits) (sockets []model.Socket, share model.Share, err error) {
	beyond := false
	found := func(socket model.Socket) {
		if beyond = len(sockets) >= most.sockets; !beyond {
			sockets = append(sockets, socket)
		}
	}
	for _, table := range tables() {
		if most.empty[table.file] {
			share.Readable, share.Total = share.Readable+1, share.Total+1
			continue
		}
		name := filepath.Join(directory, table.file)
		readErr := readTable(name, table.protocol, most.end, found, func(lineErr error) {
			s.failed(lineErr)
			s.tell("a line of a socket table cannot be read and is left out", fmt.Errorf("%s: %w", name, lineErr))
		})
		if table.optional && errors.Is(readErr, fs.ErrNotExist) {
			continue
		}
		if readErr == nil && beyond {
			readErr = errSockets
		}
		share.Total++
		if readErr == nil {
			share.Readable++
			continue
		}
		err = fmt.Errorf("read %s: %w", name, readErr)
		if most.mayVanish && hostfs.Vanished(readErr) {
			continue
		}
		s.failed(readErr)
		s.tell("a socket table cannot be read in full", err)
	}
	return sockets, share, err
}

func (s *Sensor) failed(err error) {
	s.errors[model.ReadError{Aspect: model.AspectNetns, Reason: hostfs.ReasonOf(err)}]++
}

// tell logs a condition the first time it is met.
func (s *Sensor) tell(message string, err error) {
	if s.told[message] {
		return
	}
	s.told[message] = true
	level.Warn(s.options.Logger).Log("msg", message, "err", err)
}

// unique keeps one socket of those that share an address in a namespace (SO_REUSEPORT), the
// one with the lowest inode, in a stable order.
func unique(sockets []model.Socket) []model.Socket {
	sort.Slice(sockets, func(i, j int) bool {
		a, b := &sockets[i], &sockets[j]
		if a.NetNS != b.NetNS {
			return a.NetNS < b.NetNS // the host's is ""
		}
		if c := strings.Compare(string(a.Protocol), string(b.Protocol)); c != 0 {
			return c < 0
		}
		if a.Port != b.Port {
			return a.Port < b.Port
		}
		if a.Address != b.Address {
			return a.Address < b.Address
		}
		return a.Inode < b.Inode
	})
	return slices.CompactFunc(sockets, func(a, b model.Socket) bool {
		return a.NetNS == b.NetNS && a.Protocol == b.Protocol && a.Port == b.Port && a.Address == b.Address
	})
}

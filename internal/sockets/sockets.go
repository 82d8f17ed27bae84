// Package sockets is the sensor of listening sockets: TCP in state LISTEN and
// UDP without a peer, of the host's network namespace, with their owners.
package sockets

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/services"
)

const (
	stateListen = 0x0a // TCP_LISTEN, include/net/tcp_states.h
	stateClose  = 0x07 // TCP_CLOSE: what a UDP socket without a peer is in
)

// Options are what the sensor needs.
type Options struct {
	Proc      string                     // --path.procfs
	Catalogue func() *services.Catalogue // asked at each sample
	OwnPID    int
	Logger    log.Logger
}

// Sensor looks at listening sockets. Sample is called by one goroutine.
type Sensor struct {
	options   Options
	owners    *owners
	errors    map[host.ReadError]uint64
	published atomic.Pointer[host.SocketSnapshot]
}

// New returns a sensor.
func New(o Options) *Sensor {
	errors := map[host.ReadError]uint64{}
	return &Sensor{options: o, owners: newOwners(o.Proc, errors), errors: errors}
}

// Snapshot returns the last sample, or nil before the first.
func (s *Sensor) Snapshot() *host.SocketSnapshot { return s.published.Load() }

// Sample reads the socket tables once. It fails only if none could be read.
func (s *Sensor) Sample(now time.Time) error {
	began := time.Now()
	tables, share, err := s.tables()
	if err != nil {
		return err
	}
	sockets := unique(tables)
	inodes := make(map[uint64]bool, len(sockets))
	for i := range sockets {
		inodes[sockets[i].Inode] = true
	}
	found := s.owners.find(inodes)
	catalogue := s.options.Catalogue()
	for i := range sockets {
		socket := &sockets[i]
		if owner, ok := found[socket.Inode]; ok {
			socket.Owner, socket.OwnerComm, socket.OwnerExe = owner.identity, owner.comm, owner.exe
			socket.Own = owner.identity.PID == s.options.OwnPID
			socket.App, socket.Confidence = catalogue.Identify(socket.Protocol, socket.Port, owner.exe, owner.argv)
			continue
		}
		socket.App, socket.Confidence = catalogue.Identify(socket.Protocol, socket.Port, "", nil)
	}
	errors := make(map[host.ReadError]uint64, len(s.errors))
	for key, count := range s.errors {
		errors[key] = count
	}
	s.published.Store(&host.SocketSnapshot{
		Meta: host.Meta{
			Time: now, Duration: time.Since(began), ReadErrors: errors,
			Visibility: map[host.Aspect]host.Share{host.AspectNetns: share, host.AspectFd: s.owners.share},
		},
		Apps:    catalogue.Apps(),
		Sockets: sockets,
	})
	level.Debug(s.options.Logger).Log("msg", "sampled sockets", "sockets", len(sockets), "duration", time.Since(began))
	return nil
}

// tables reads the tables of pid 1, which is in the host's network namespace
// also when the exporter is not, or else those of the exporter's own.
func (s *Sensor) tables() ([]host.Socket, host.Share, error) {
	sockets, share, err := s.read(filepath.Join(s.options.Proc, "1"))
	if share.Readable == 0 {
		sockets, share, err = s.read(s.options.Proc)
	}
	if share.Readable == 0 {
		return nil, share, fmt.Errorf("no socket table could be read below %s: %w", s.options.Proc, err)
	}
	return sockets, share, nil
}

// read reads the four tables. A table of IPv6 that is not there is no failure:
// IPv6 is off.
func (s *Sensor) read(directory string) (sockets []host.Socket, share host.Share, err error) {
	proc, err := procfs.NewFS(directory)
	if err != nil {
		return nil, host.Share{Total: 1}, err
	}
	take := func(protocol host.Protocol, state uint64, ip net.IP, port, inode, socketState, remotePort uint64) {
		address, ok := netip.AddrFromSlice(ip)
		if !ok || socketState != state || remotePort != 0 && protocol == host.UDP || port > 65535 {
			return
		}
		sockets = append(sockets, host.Socket{
			Protocol: protocol, Address: address.String(), Port: uint16(port), Scope: scopeOf(address), Inode: inode,
		})
	}
	for _, table := range []struct {
		optional bool
		read     func() error
	}{
		{false, func() error {
			lines, err := proc.NetTCP() //nolint:staticcheck // netlink sees the exporter's own namespace only, this any
			for _, l := range lines {
				take(host.TCP, stateListen, l.LocalAddr, l.LocalPort, l.Inode, l.St, l.RemPort)
			}
			return err
		}},
		{true, func() error {
			lines, err := proc.NetTCP6() //nolint:staticcheck // as above
			for _, l := range lines {
				take(host.TCP, stateListen, l.LocalAddr, l.LocalPort, l.Inode, l.St, l.RemPort)
			}
			return err
		}},
		{false, func() error {
			lines, err := proc.NetUDP()
			for _, l := range lines {
				take(host.UDP, stateClose, l.LocalAddr, l.LocalPort, l.Inode, l.St, l.RemPort)
			}
			return err
		}},
		{true, func() error {
			lines, err := proc.NetUDP6()
			for _, l := range lines {
				take(host.UDP, stateClose, l.LocalAddr, l.LocalPort, l.Inode, l.St, l.RemPort)
			}
			return err
		}},
	} {
		readErr := table.read()
		if readErr != nil && table.optional && errors.Is(readErr, fs.ErrNotExist) {
			continue
		}
		share.Total++
		if readErr != nil {
			err = readErr
			s.errors[host.ReadError{Aspect: host.AspectNetns, Reason: reasonOf(readErr)}]++
			continue
		}
		share.Readable++
	}
	return sockets, share, err
}

// unique keeps one socket of those that share an address (SO_REUSEPORT), in a
// stable order.
func unique(sockets []host.Socket) []host.Socket {
	sort.Slice(sockets, func(i, j int) bool {
		a, b := &sockets[i], &sockets[j]
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
	return slices.CompactFunc(sockets, func(a, b host.Socket) bool {
		return a.Protocol == b.Protocol && a.Port == b.Port && a.Address == b.Address
	})
}

// carrierNAT is what RFC 6598 sets aside.
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

// scopeOf tells how far an address reaches. An IPv4 address within IPv6 is
// judged as what it is.
func scopeOf(address netip.Addr) host.Scope {
	address = address.Unmap()
	switch {
	case address.IsUnspecified():
		return host.ScopeAny
	case address.IsLoopback():
		return host.ScopeLoopback
	case address.IsPrivate(), address.IsLinkLocalUnicast(), carrierNAT.Contains(address):
		return host.ScopePrivate
	default:
		return host.ScopePublic
	}
}

func reasonOf(err error) host.Reason {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return host.ReasonPermission
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH):
		return host.ReasonVanished
	case errors.As(err, new(*fs.PathError)):
		return host.ReasonOther
	default:
		return host.ReasonParse
	}
}

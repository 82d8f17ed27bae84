package sockets

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxSockets    = 1 << 17 // of one table; more is an attack on our memory
	sockstatBytes = 4096
)

var (
	errMany    = fmt.Errorf("%w: the table has more than %d listening sockets", hostfs.ErrLimit, maxSockets)
	errSockets = fmt.Errorf("%w: too many sockets listen in network namespaces", hostfs.ErrLimit)
)

// table is a file in /proc/PID/net, see proc_pid_net(5).
type table struct {
	file     string
	protocol model.Protocol
	optional bool // not there while IPv6 is off
}

func tables() []table {
	return []table{
		{"tcp", model.TCP, false}, {"tcp6", model.TCP, true}, {"udp", model.UDP, false}, {"udp6", model.UDP, true},
	}
}

// limits bound a read of the tables of one namespace.
type limits struct {
	sockets   int
	end       time.Time       // zero: it takes what it takes
	mayVanish bool            // that there is nothing to read is no failure
	empty     map[string]bool // tables that need not be read
}

// readListeners reads the listening sockets of the four tables in a directory. One of
// IPv6 that is not there is no failure: IPv6 is off. A table that ends early still gives
// what was read of it; err is the last failure.
func readListeners(
	directory string, most limits, failed *failures,
) (sockets []model.Socket, share model.Share, err error) {
	found := func(socket model.Socket) error {
		if len(sockets) >= most.sockets {
			return fmt.Errorf("%w: %d are kept", errSockets, most.sockets)
		}
		sockets = append(sockets, socket)
		return nil
	}
	for _, table := range tables() {
		if most.empty[table.file] {
			share.Readable, share.Total = share.Readable+1, share.Total+1
			continue
		}
		name := filepath.Join(directory, table.file)
		broken, readErr := eachRowOf(name, most.end, listeners(table.protocol, found))
		for range broken {
			failed.report("a line of a socket table cannot be read and is left out",
				fmt.Errorf("%s: %w", name, errLine))
		}
		if table.optional && errors.Is(readErr, fs.ErrNotExist) {
			continue
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
		failed.report("a socket table cannot be read in full", err)
	}
	return sockets, share, err
}

// listeners visits rows and calls found for those that listen. Of a connection it looks at
// no more than the state.
func listeners(protocol model.Protocol, found func(model.Socket) error) func(row) error {
	want, count := stateListen, 0
	if protocol == model.UDP {
		want = stateClose
	}
	return func(r row) error {
		if string(r.state) != want {
			return nil
		}
		inode, err := r.inode()
		if err != nil {
			return err
		}
		local, err := parseAddress(r.local)
		if err != nil {
			return err
		}
		remote, err := parseAddress(r.remote)
		if err != nil || remote.Port() != 0 {
			return err
		}
		if count++; count > maxSockets {
			return errMany
		}
		return found(newSocket(protocol, local, inode))
	}
}

// newSocket makes a socket of what tables hold. An IPv4 address within IPv6 is the
// IPv4 address.
func newSocket(protocol model.Protocol, local netip.AddrPort, inode uint64) model.Socket {
	address := local.Addr().Unmap()
	return model.Socket{
		Protocol: protocol, Address: address.String(), Port: local.Port(), Scope: model.ScopeOf(address), Inode: inode,
	}
}

// emptyTables are those of TCP that have no line, by the count of sockets that the kernel
// keeps for each namespace (net/ipv4/proc.c, net/ipv6/proc.c). It costs a hundredth of
// reading the table. What cannot be read is not empty.
func emptyTables(directory string) map[string]bool {
	empty := map[string]bool{}
	for table, file := range map[string]string{"tcp": "sockstat", "tcp6": "sockstat6"} {
		content, err := hostfs.ReadStart(filepath.Join(directory, file), sockstatBytes)
		if err == nil && inUse(content, strings.ToUpper(table)+":") == "0" {
			empty[table] = true
		}
	}
	return empty
}

// inUse reads `TCP: inuse 0 orphan 0 tw 0 alloc 12 mem 3`, or `TCP6: inuse 0`. Those
// in TIME_WAIT are not in use, and nobody listens at one.
func inUse(content []byte, label string) string {
	for line := range bytes.Lines(content) {
		fields := bytes.Fields(line)
		if len(fields) >= 3 && string(fields[0]) == label && string(fields[1]) == "inuse" {
			return string(fields[2])
		}
	}
	return ""
}

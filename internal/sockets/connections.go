package sockets

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	stateEstablished = "01" // TCP_ESTABLISHED, include/net/tcp_states.h

	maxWatched     = 32   // processes whose connections are looked for
	maxDescriptors = 4096 // of one of them
	maxConnections = 64   // of one of them: a miner has one or two
	// connectionTime bounds the search in one sample.
	connectionTime = 2 * time.Second
)

// connectionFinder finds the established TCP connections of a few processes: those
// that burn CPU or run from suspicious places.
type connectionFinder struct {
	sensor *Sensor
	since  map[connectionKey]time.Time
}

// connectionKey is a connection as long as it lasts.
type connectionKey struct {
	owner         model.Identity
	local, remote netip.AddrPort
}

// namespaceTables are the processes that share one network namespace.
type namespaceTables struct {
	directory string                    // its tables: /proc/PID/net of one of them
	owners    map[uint64]model.Identity // by the inode of their sockets
}

// find returns what is established now, sorted by owner and remote address.
func (c *connectionFinder) find(now time.Time, watched []model.Identity, listening []model.Socket) []model.Connection {
	end := time.Now().Add(connectionTime)
	type place struct {
		namespace string
		port      uint16
	}
	ports := map[place]bool{} // another namespace's listener takes no connection of this one
	for i := range listening {
		if listening[i].Protocol == model.TCP {
			ports[place{listening[i].NetNS, listening[i].Port}] = true
		}
	}
	var found []model.Connection
	for name, namespace := range c.namespaces(watched, end) {
		id := namespaceID(name)
		if c.sensor.networks.known[id] == nil {
			id = "" // the host's, or not looked at
		}
		for _, file := range []string{"tcp", "tcp6"} {
			connections, err := readConnections(filepath.Join(namespace.directory, file), namespace.owners, end)
			if err != nil && !hostfs.Vanished(err) {
				c.sensor.failed(err)
				c.sensor.tell("the connections of a process cannot be read in full", err)
			}
			for i := range connections {
				connections[i].Outbound = !ports[place{id, connections[i].Local.Port()}]
			}
			found = append(found, connections...)
		}
	}
	slices.SortFunc(found, func(a, b model.Connection) int {
		if a.Owner.PID != b.Owner.PID {
			return a.Owner.PID - b.Owner.PID
		}
		return a.Remote.Compare(b.Remote)
	})
	since, count := make(map[connectionKey]time.Time, len(found)), map[model.Identity]int{}
	found = slices.DeleteFunc(found, func(connection model.Connection) bool {
		count[connection.Owner]++
		return count[connection.Owner] > maxConnections
	})
	for i := range found {
		connection := &found[i]
		key := connectionKey{connection.Owner, connection.Local, connection.Remote}
		connection.Since = now
		if known, ok := c.since[key]; ok {
			connection.Since = known
		}
		since[key] = connection.Since
	}
	c.since = since
	return found
}

// namespaces gathers the sockets of the watched processes by namespace.
func (c *connectionFinder) namespaces(watched []model.Identity, end time.Time) map[string]*namespaceTables {
	found := map[string]*namespaceTables{}
	owners := c.sensor.owners
	for _, process := range watched[:min(len(watched), maxWatched)] {
		if time.Now().After(end) {
			c.sensor.failed(fmt.Errorf("look for connections: %w", hostfs.ErrTimeout))
			break
		}
		_, start, err := owners.stat(process.PID)
		if err != nil || start != process.StartTime {
			continue // it has ended
		}
		name, err := os.Readlink(owners.path(process.PID, "ns/net"))
		if err != nil {
			name = owners.path(process.PID, "net")
		}
		namespace := found[name]
		if namespace == nil {
			namespace = &namespaceTables{owners.path(process.PID, "net"), map[uint64]model.Identity{}}
			found[name] = namespace
		}
		if err := socketsOf(owners.path(process.PID, "fd"), func(inode uint64) { namespace.owners[inode] = process }); err != nil && !hostfs.Vanished(err) {
			owners.failed(err)
		}
	}
	for name, namespace := range found {
		if len(namespace.owners) == 0 {
			delete(found, name)
		}
	}
	return found
}

// socketsOf calls found for each socket among the descriptors of a process.
func socketsOf(name string, found func(inode uint64)) error {
	directory, err := os.Open(name)
	if err != nil {
		return err
	}
	defer directory.Close()
	names, err := directory.Readdirnames(maxDescriptors)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for _, descriptor := range names {
		target, err := os.Readlink(name + "/" + descriptor)
		if errors.Is(err, os.ErrPermission) {
			return err
		}
		if inode, ok := parseSocketName(target); ok && err == nil {
			found(inode)
		}
	}
	return nil
}

// readConnections reads one table and keeps what belongs to the owners. A line
// that cannot be understood is none of theirs: the sensor's other reader counts it.
func readConnections(name string, owners map[uint64]model.Identity, end time.Time) ([]model.Connection, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var found []model.Connection
	reader := bufio.NewReaderSize(file, lineLimit)
	for lines := 0; ; lines++ {
		line, err := reader.ReadSlice('\n')
		if connection, ok := parseConnection(line, owners); ok {
			found = append(found, connection)
		}
		switch {
		case errors.Is(err, io.EOF):
			return found, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil:
			return found, err
		}
		if lines%1024 == 0 && time.Now().After(end) {
			return found, fmt.Errorf("%s: %w", name, hostfs.ErrTimeout)
		}
	}
}

// parseConnection reads a line as parseLine does.
func parseConnection(line []byte, owners map[uint64]model.Identity) (model.Connection, bool) {
	_, line = cutField(line)
	local, line := cutField(line)
	remote, line := cutField(line)
	state, line := cutField(line)
	if string(state) != stateEstablished {
		return model.Connection{}, false
	}
	for range 5 {
		_, line = cutField(line)
	}
	inode, ok := decimal(first(cutField(line)))
	owner, watched := owners[inode]
	if !ok || !watched || inode == 0 {
		return model.Connection{}, false
	}
	localAddress, localPort, errLocal := parseAddress(local)
	remoteAddress, remotePort, errRemote := parseAddress(remote)
	if errLocal != nil || errRemote != nil {
		return model.Connection{}, false
	}
	return model.Connection{
		Owner: owner, Local: netip.AddrPortFrom(localAddress.Unmap(), localPort), Remote: netip.AddrPortFrom(remoteAddress.Unmap(), remotePort),
	}, true
}

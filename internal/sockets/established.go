package sockets

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxWatched     = 32   // processes whose connections are looked for
	maxDescriptors = 4096 // of one of them
	maxConnections = 64   // of one of them: a miner has one or two
	maxPeers       = 64   // of one port
	maxPeerPorts   = 32
	// establishedTime bounds the search for connections and peers in one sample.
	establishedTime = 2 * time.Second
)

// peerStates are those of a connection that had a peer lately.
var peerStates = [...]string{stateEstablished, stateFinWait1, stateFinWait2, stateTimeWait, stateCloseWait}

// established reads who is connected: the connections of a few processes, those
// that burn CPU or run from suspicious places, and the remote ends at a few ports.
type established struct {
	processes *processReader
	failures  *failures
	last      []model.Connection
}

// connectionKey is a connection as long as it lasts.
type connectionKey struct {
	owner         model.Identity
	local, remote netip.AddrPort
}

func keyOf(c model.Connection) connectionKey { return connectionKey{c.Owner, c.Local, c.Remote} }

// wantedRows is what is looked for in the tables of one network namespace.
type wantedRows struct {
	directory string                    // of its tables: /proc/PID/net
	id        string                    // as sockets name the namespace
	owners    map[uint64]model.Identity // of connections, by the inode of their sockets
	ports     map[uint16]bool           // whose peers are kept

	listening   map[uint16]bool // ports of TCP: what comes in there is not outbound
	connections []model.Connection
	peers       map[model.Peer]bool
	peersAt     map[uint16]int
}

// read returns the connections of the watched processes, sorted by owner and remote address,
// and the peers at the ports of services with a log of submissions. Connections come from
// a pass if there is one, else from the tables. Each table is read once. tables are the
// directories of the namespaces, by their id.
func (e *established) read(
	now time.Time, watched []model.Identity, sockets []model.Socket, tables map[string]string, seen *pass,
) (connections []model.Connection, peers []model.Peer) {
	end := time.Now().Add(establishedTime)
	wanted := map[string]*wantedRows{}
	if seen != nil {
		connections = fromPass(seen, watched, sockets)
	} else {
		e.wantConnections(wanted, watched, tables, end)
	}
	wantPeers(wanted, sockets, tables)
	for i := range sockets {
		for _, rows := range wanted {
			if sockets[i].Protocol == model.TCP && sockets[i].NetNS == rows.id {
				rows.listening[sockets[i].Port] = true
			}
		}
	}
	for _, rows := range wanted {
		for _, file := range []string{"tcp", "tcp6"} {
			// Broken lines are counted where listening sockets are read.
			_, err := eachRowOf(filepath.Join(rows.directory, file), end, rows.visit)
			if err != nil && !hostfs.Vanished(err) {
				err = fmt.Errorf("read %s: %w", filepath.Join(rows.directory, file), err)
				e.failures.report("the connections of a process or service cannot be read in full", err)
			}
		}
		connections = append(connections, rows.connections...)
		for peer := range rows.peers {
			peers = append(peers, peer)
		}
	}
	slices.SortFunc(peers, func(a, b model.Peer) int {
		return cmp.Or(cmp.Compare(a.NetNS, b.NetNS), cmp.Compare(a.Port, b.Port), a.Remote.Compare(b.Remote))
	})
	return e.date(now, connections), peers
}

func (w *wantedRows) visit(r row) error {
	if len(w.ports) > 0 && slices.Contains(peerStates[:], string(r.state)) {
		if err := w.visitPeer(r); err != nil {
			return err
		}
	}
	if len(w.owners) == 0 || string(r.state) != stateEstablished {
		return nil
	}
	inode, err := r.inode()
	if err != nil {
		return err
	}
	owner, isWatched := w.owners[inode]
	if !isWatched {
		return nil
	}
	local, err := parseAddress(r.local)
	if err != nil {
		return err
	}
	remote, err := parseAddress(r.remote)
	if err != nil {
		return err
	}
	w.connections = append(w.connections, model.Connection{
		Owner: owner, Local: local, Remote: remote, Outbound: !w.listening[local.Port()],
	})
	return nil
}

func (w *wantedRows) visitPeer(r row) error {
	local, err := parseAddress(r.local)
	if err != nil || !w.ports[local.Port()] {
		return err
	}
	remote, err := parseAddress(r.remote)
	if err != nil {
		return err
	}
	peer := model.Peer{NetNS: w.id, Port: local.Port(), Remote: remote.Addr()}
	if !w.peers[peer] && w.peersAt[peer.Port] < maxPeers {
		w.peers[peer] = true
		w.peersAt[peer.Port]++
	}
	return nil
}

// fromPass takes the connections of the watched processes, each once.
func fromPass(seen *pass, watched []model.Identity, sockets []model.Socket) (connections []model.Connection) {
	type listener struct {
		netns string
		port  uint16
	}
	listening := map[listener]bool{}
	for i := range sockets {
		if sockets[i].Protocol == model.TCP {
			listening[listener{sockets[i].NetNS, sockets[i].Port}] = true
		}
	}
	taken := map[uint64]bool{}
	for _, held := range seen.connections {
		if taken[held.inode] || !slices.Contains(watched, held.owner) {
			continue
		}
		taken[held.inode] = true
		connections = append(connections, model.Connection{
			Owner: held.owner, Local: held.local, Remote: held.remote,
			Outbound: !listening[listener{held.netns, held.local.Port()}],
		})
	}
	return connections
}

// wantConnections adds the sockets of the watched processes.
func (e *established) wantConnections(
	wanted map[string]*wantedRows, watched []model.Identity, tables map[string]string, end time.Time,
) {
	hosts, hostsErr := hostfs.NetNamespace(filepath.Dir(tables[""]))
	for _, process := range watched[:min(len(watched), maxWatched)] {
		if time.Now().After(end) {
			e.failures.count(model.AspectNetns, fmt.Errorf("look for connections: %w", hostfs.ErrTimeout))
			return
		}
		_, start, err := e.processes.stat(process.PID)
		if err != nil || start != process.StartTime {
			continue // it has ended
		}
		directory := e.processes.path(process.PID, "net")
		var inodes []uint64
		err = e.processes.eachSocket(process.PID, maxDescriptors, end, func(inode uint64, _ string) error {
			inodes = append(inodes, inode)
			return nil
		})
		if err != nil && !hostfs.Vanished(err) && !errors.Is(err, errDescriptors) {
			e.processes.failed(err)
		}
		if len(inodes) == 0 {
			continue
		}
		key, id := directory, "" // a namespace that is not known counts as the host's
		link, err := hostfs.NetNamespace(e.processes.path(process.PID, ""))
		switch {
		case err != nil:
		case hostsErr == nil && link == hosts:
			key, directory = "", tables[""]
		case tables[link] != "":
			key, id = link, link
		default:
			key = link
		}
		rows := rowsIn(wanted, key, id, directory)
		for _, inode := range inodes {
			rows.owners[inode] = process
		}
	}
}

// wantPeers adds the ports whose peers are kept: those of services that log what is
// submitted to them, and that others may reach. Their logs do not say by whom.
func wantPeers(wanted map[string]*wantedRows, sockets []model.Socket, tables map[string]string) {
	ports := 0
	for i := range sockets {
		socket := &sockets[i]
		if socket.Protocol != model.TCP || socket.Scope == model.ScopeLoopback || socket.LogFile == "" {
			continue
		}
		directory := tables[socket.NetNS]
		if socket.InternalComponent || directory == "" || ports == maxPeerPorts {
			continue
		}
		if rows := rowsIn(wanted, socket.NetNS, socket.NetNS, directory); !rows.ports[socket.Port] {
			rows.ports[socket.Port] = true
			ports++
		}
	}
}

// rowsIn returns what is wanted in a namespace.
func rowsIn(wanted map[string]*wantedRows, key, id, directory string) *wantedRows {
	rows := wanted[key]
	if rows == nil {
		rows = &wantedRows{
			directory: directory, id: id, owners: map[uint64]model.Identity{}, ports: map[uint16]bool{},
			listening: map[uint16]bool{}, peers: map[model.Peer]bool{}, peersAt: map[uint16]int{},
		}
		wanted[key] = rows
	}
	return rows
}

// date sorts connections, keeps maxConnections of each owner, and fills in since when
// each is known.
func (e *established) date(now time.Time, found []model.Connection) []model.Connection {
	slices.SortFunc(found, func(a, b model.Connection) int {
		return cmp.Or(cmp.Compare(a.Owner.PID, b.Owner.PID), cmp.Compare(a.Owner.StartTime, b.Owner.StartTime), a.Remote.Compare(b.Remote))
	})
	count := map[model.Identity]int{}
	found = slices.DeleteFunc(found, func(connection model.Connection) bool {
		count[connection.Owner]++
		return count[connection.Owner] > maxConnections
	})
	since := map[connectionKey]time.Time{}
	for _, known := range e.last {
		since[keyOf(known)] = known.Since
	}
	for i := range found {
		found[i].Since = now
		if known, ok := since[keyOf(found[i])]; ok {
			found[i].Since = known
		}
	}
	e.last = found
	return found
}

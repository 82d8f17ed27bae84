package detect

import (
	"fmt"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

const (
	lastingSpan  = 5 * time.Minute
	maxPoolPeers = 4 // a miner speaks to one pool, and to one more while it changes
)

// poolConnection holds for a connection to a mining pool (T1496.001).
func poolConnection(v *view) (string, strength) {
	match, connection, strength := v.pool()
	if strength == absent {
		return "", absent
	}
	why := map[model.PoolMatch]string{
		model.PoolHost:    "an address of the list of pools",
		model.PoolPort:    "a port that mining pools use",
		model.PoolStratum: "its only connection, and a lasting one, of a program that only computes",
	}[match]
	return fmt.Sprintf("It is connected to %s, %s.", connection.Remote, why), strength
}

// pool finds the connection of a process that is most likely one to a pool.
func (v *view) pool() (model.PoolMatch, model.Connection, strength) {
	p := v.process
	var outbound []model.Connection
	peers := 0
	for _, connection := range v.snapshot.Sockets.ConnectionsOf(p.Identity) {
		switch {
		case !connection.Outbound:
			continue
		case v.policy.IsPool(connection.Remote):
			return model.PoolHost, connection, strong
		case len(outbound) == 0 || outbound[len(outbound)-1].Remote != connection.Remote: // they are sorted
			peers++
		}
		outbound = append(outbound, connection)
	}
	if peers == 0 || peers > maxPoolPeers {
		return "", model.Connection{}, absent
	}
	suspicious := p.Origin.Suspicious() || place.IsTemporary(p.Script) || place.IsHidden(p.Exe)
	for _, connection := range outbound {
		use := portUse(connection.Remote.Port())
		if use == noPools {
			continue
		}
		if suspicious || use == onlyPools && !isNearby(connection) {
			return model.PoolPort, connection, strong
		}
		return model.PoolPort, connection, weak
	}
	only := outbound[0]
	if peers == 1 && p.Cores >= sustainedCores && v.now.Sub(only.Since) >= lastingSpan && !isNearby(only) {
		return model.PoolStratum, only, weak
	}
	return "", model.Connection{}, absent
}

// isNearby tells whether a connection stays on this host, in a private network or in
// the host's own. Workers of Ray, Dask, Spark and NCCL speak to each other there, on
// ports that the kernel or they choose from a range that pools' ports lie in too
// (Ray's from 10002 to 19999, net.ipv4.ip_local_port_range from 32768).
func isNearby(connection model.Connection) bool {
	remote, local := connection.Remote.Addr().Unmap(), connection.Local.Addr().Unmap()
	if scope := model.ScopeOf(remote); scope != model.ScopePublic {
		return true
	}
	bits := 24
	if remote.Is6() {
		bits = 64
	}
	network, err := local.Prefix(bits)
	return err == nil && network.Contains(remote)
}

// use is what else speaks on a port that mining pools use.
type use int

const (
	noPools        use = iota
	onlyPools          // hardly anything else, between hosts that are far from each other
	poolsAndOthers     // other software, anywhere
)

// portUse knows the ports that the guides of miners and pools name.
func portUse(port uint16) use {
	switch port {
	case 3333, 3334, 10032, 10128, 10191, 10343, 13333, 14433, 14444, 18081, 20032, 20128, 33333, 37329, 45560, 45700:
		return onlyPools
	case 4444, 5555, 5556, 6666, 7777, 9999:
		return poolsAndOthers
	default:
		return noPools
	}
}

// Pools counts the connections to mining pools, as in cryptojack_pool_connections. A
// port that proves nothing, because of who uses it or where it leads, counts for none.
func Pools(s *model.Snapshot, settings policy.Policy) map[model.PoolMatch]int {
	counts := map[model.PoolMatch]int{}
	if s.Processes == nil || settings.Limits.Off(rules.PoolConnection) {
		return counts
	}
	e := &evaluation{snapshot: s, policy: settings, now: s.Time} // to find a pool takes no names and no lineage
	for _, p := range e.connected() {
		if match, _, strength := e.of(p).pool(); strength == strong || strength == weak && match != model.PoolPort {
			counts[match]++
		}
	}
	return counts
}

// connected are the processes with connections, besides the exporter.
func (e *evaluation) connected() []*model.Process {
	if e.snapshot.Sockets == nil {
		return nil
	}
	var found []*model.Process
	last := model.Identity{}
	for i := range e.snapshot.Sockets.Connections {
		owner := e.snapshot.Sockets.Connections[i].Owner
		if owner == last {
			continue
		}
		last = owner
		if p, ok := e.snapshot.Processes.Process(owner.PID); ok && p.Identity == owner && p.PID != e.policy.OwnPID {
			found = append(found, p)
		}
	}
	return found
}

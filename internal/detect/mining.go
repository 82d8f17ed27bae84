package detect

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
)

const (
	burnsCores     = 0.5
	lastingSpan    = 5 * time.Minute
	maxPoolPeers   = 4         // a miner speaks to one pool, and to one more while it changes
	hugePagesLeast = 256 << 10 // KiB: RandomX's cache
)

// randomXMemory holds for the memory map of RandomX (T1496.001): the size of its
// dataset, or of its cache with a scratchpad for each thread, is that of nothing
// else. Whoever renames, throttles or packs a miner leaves it.
func randomXMemory(v *view) (string, strength) {
	look := v.process.Inspection
	if look == nil || look.MemorySignature == "" {
		return "", absent
	}
	what := "the dataset of RandomX"
	if look.MemorySignature == model.SignatureRandomXLight {
		what = "the cache of RandomX, with a scratchpad for each thread"
	}
	return fmt.Sprintf("Its memory holds %s: one anonymous mapping of %d KiB.", what, look.MemorySignatureKiB), strong
}

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
	peers := map[netip.AddrPort]bool{}
	for _, connection := range v.connections[p.Identity] {
		if connection.Outbound {
			outbound = append(outbound, connection)
			peers[connection.Remote] = true
		}
	}
	for _, connection := range outbound {
		if v.policy.isPool(connection.Remote) {
			return model.PoolHost, connection, strong
		}
	}
	if len(peers) == 0 || len(peers) > maxPoolPeers {
		return "", model.Connection{}, absent
	}
	for _, connection := range outbound {
		suspicious, own := p.Origin.Suspicious() || place.IsTemporary(p.Script), connection.Remote.Addr().IsLoopback()
		switch portUse(connection.Remote.Port()) {
		case onlyPools:
			return model.PoolPort, connection, strong
		case poolsAndOwn:
			if suspicious || !own {
				return model.PoolPort, connection, strong
			}
			return model.PoolPort, connection, weak
		case poolsAndOthers:
			if suspicious {
				return model.PoolPort, connection, strong
			}
			return model.PoolPort, connection, weak
		}
	}
	only := outbound[0]
	if len(peers) == 1 && p.Cores >= sustainedCores && v.now.Sub(only.Since) >= lastingSpan && !only.Remote.Addr().IsLoopback() && !only.Remote.Addr().IsPrivate() {
		return model.PoolStratum, only, weak
	}
	return "", model.Connection{}, absent
}

// use is what else speaks on a port that mining pools use.
type use int

const (
	noPools        use = iota
	onlyPools          // hardly anything else
	poolsAndOwn        // services that people run on their own machine
	poolsAndOthers     // other software, anywhere
)

// portUse knows the ports that the guides of miners and pools name.
func portUse(port uint16) use {
	switch port {
	case 10032, 10128, 10191, 10343, 13333, 14433, 14444, 20032, 20128, 33333, 37329, 45560, 45700:
		return onlyPools
	case 3333, 3334, 18081:
		return poolsAndOwn
	case 4444, 5555, 5556, 6666, 7777, 9999:
		return poolsAndOthers
	default:
		return noPools
	}
}

// Pools counts the connections to mining pools, as in cryptojack_pool_connections.
func Pools(s *model.Snapshot, policy Policy) map[model.PoolMatch]int {
	counts := map[model.PoolMatch]int{}
	if s.Processes == nil || s.Sockets == nil || len(s.Sockets.Connections) == 0 {
		return counts
	}
	// To find a pool takes no names and no lineage, which cost on a large host.
	e := &evaluation{snapshot: s, policy: policy, now: s.Time, connections: connectionsOf(s.Sockets)}
	for i := range s.Processes.Processes {
		p := &s.Processes.Processes[i]
		if len(e.connections[p.Identity]) == 0 || p.PID == policy.OwnPID {
			continue
		}
		if match, _, strength := e.of(p).pool(); strength != absent {
			counts[match]++
		}
	}
	return counts
}

// msrAccess holds for a program that computes and holds the model-specific
// registers open: miners turn the prefetcher off there (T1496.001).
func msrAccess(v *view) (string, strength) {
	if v.process.Inspection == nil || !v.process.Inspection.MSR || v.process.Cores < burnsCores {
		return "", absent
	}
	return "It holds /dev/cpu/*/msr open and computes: miners set up the processor there.", strong
}

// hugePages notes those of a program that computes. Databases and virtual
// machines use them too.
func hugePages(v *view) (string, strength) {
	if v.process.Inspection == nil || v.process.Inspection.HugePagesKiB < hugePagesLeast || v.process.Cores < burnsCores {
		return "", absent
	}
	return fmt.Sprintf("It uses %d KiB of huge pages, as miners do.", v.process.Inspection.HugePagesKiB), weak
}

// equalThreads notes threads that all work alike, as of a miner, and of a
// training job.
func equalThreads(v *view) (string, strength) {
	if v.process.Inspection == nil || v.process.Inspection.EqualThreads == 0 {
		return "", absent
	}
	return fmt.Sprintf("%d of its threads work alike without a pause.", v.process.Inspection.EqualThreads), weak
}

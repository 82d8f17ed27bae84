package sockets

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/sockiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/sockets/forward"
)

const (
	// A pass longer than cheapPass is followed by a rest of passRest times as long: it
	// costs at most 2 % of one core, also where processes have millions of descriptors.
	cheapPass = 50 * time.Millisecond
	passRest  = 50
	maxBrief  = 64 // sockets of one sample that nobody saw open
	// startTick is the unit of start times in /proc/PID/stat, see sysconf(3): _SC_CLK_TCK,
	// 100 in a second wherever Go runs.
	startTick = 10 * time.Millisecond
)

var errNoted = fmt.Errorf("%w: more sockets began to listen than the kernel can note between two samples", hostfs.ErrLimit)

// pass is what the kernel gave in one pass over all open files.
type pass struct {
	sockets     []model.Socket            // that listen, each once; without owners
	owners      map[uint64]sockiter.Owner // by inode: of the processes that hold it, the oldest
	connections []heldConnection          // of watched processes

	brief       []model.Socket            // that began to listen since the pass before and were closed again
	briefOwners map[uint64]sockiter.Owner // by inode: who made them listen
}

// heldConnection is an established connection at a descriptor of a watched process.
type heldConnection struct {
	owner         model.Identity
	inode         uint64
	netns         string
	local, remote netip.AddrPort
}

// passes takes one pass at each sample, as far as that is cheap.
type passes struct {
	read      func(watched []int, each func(*sockiter.Socket) error) error // nil: there is no iterator
	noted     func(each func(*sockiter.Socket)) (all bool)                 // nil: nothing is noted
	cpuTime   func() time.Duration                                         // of the calling thread
	failures  *failures
	last      *pass
	notBefore time.Time // of the next pass
	failed    time.Time // it is not tried until then
}

// take returns a pass, or nil if the kernel does not give it. One that is not fresh is as
// old as the rest after it. hosts is the host's network namespace; "": it is not known.
func (p *passes) take(now time.Time, hosts string, watched []model.Identity) (taken *pass, fresh bool) {
	if p.read == nil || hosts == "" || now.Before(p.failed) {
		return nil, false
	}
	if p.last != nil && now.Before(p.notBefore) {
		return p.last, false
	}
	runtime.LockOSThread() // whose CPU time counts: on a busy host it may wait for long
	defer runtime.UnlockOSThread()
	began := p.cpuTime()
	gathered := newGathering(hosts)
	noted := p.takeNoted() // before the pass: what is closed is not in it
	pids := make([]int, 0, len(watched))
	for _, process := range watched {
		pids = append(pids, process.PID)
	}
	err := p.read(pids, gathered.add)
	if err != nil {
		p.last, p.failed = nil, now.Add(forward.UnsupportedRest)
		p.failures.logOnce("the kernel does not list the sockets of all processes, they are read from /proc, which costs more", err)
		return nil, false
	}
	if gathered.refused > 0 {
		p.failures.report("some listening sockets are not kept", fmt.Errorf("%w: %d sockets", errSockets, gathered.refused))
	}
	gathered.addNoted(noted)
	if spent := p.cpuTime() - began; spent > cheapPass {
		p.notBefore = now.Add(min(passRest*spent, longestRest))
	}
	p.last = gathered.pass
	return p.last, true
}

// takeNoted returns the sockets that began to listen since it was last called.
func (p *passes) takeNoted() (noted []sockiter.Socket) {
	if p.noted == nil {
		return nil
	}
	if all := p.noted(func(s *sockiter.Socket) { noted = append(noted, *s) }); !all {
		p.failures.report("some sockets that were open for a moment are not known", errNoted)
	}
	return noted
}

// gathering is a pass while it goes on.
type gathering struct {
	hosts         string
	pass          *pass
	inNamespace   map[uint32]int // listening sockets
	inOthers      int
	refused       int
	connectionsOf map[int]int
	names         map[uint32]string // of network namespaces
}

func newGathering(hosts string) *gathering {
	return &gathering{
		hosts:       hosts,
		pass:        &pass{owners: map[uint64]sockiter.Owner{}, briefOwners: map[uint64]sockiter.Owner{}},
		inNamespace: map[uint32]int{}, connectionsOf: map[int]int{}, names: map[uint32]string{},
	}
}

func (g *gathering) add(seen *sockiter.Socket) error {
	if seen.State == sockiter.Established {
		g.addConnection(seen)
		return nil
	}
	if holder, known := g.pass.owners[seen.Inode]; known {
		if older(&seen.Owner, &holder) {
			g.pass.owners[seen.Inode] = seen.Owner
		}
		return nil
	}
	netns := g.name(seen.NetNS)
	most := maxSockets
	if netns != "" {
		most = namespaceSockets
	}
	if g.inNamespace[seen.NetNS] >= most || netns != "" && g.inOthers >= othersSockets {
		g.refused++
		return nil
	}
	g.inNamespace[seen.NetNS]++
	if netns != "" {
		g.inOthers++
	}
	g.pass.sockets = append(g.pass.sockets, g.socket(seen))
	g.pass.owners[seen.Inode] = seen.Owner
	return nil
}

func (g *gathering) socket(seen *sockiter.Socket) model.Socket {
	protocol := model.TCP
	if seen.Protocol == unix.IPPROTO_UDP {
		protocol = model.UDP
	}
	socket := newSocket(protocol, seen.Local, seen.Inode)
	socket.NetNS = g.name(seen.NetNS)
	address := seen.Local.Addr()
	socket.DualStack = address.Is6() && address.IsUnspecified() && !seen.V6Only
	return socket
}

// addNoted keeps the newest of the sockets that others could reach and that the pass does
// not have, one of each owner and port.
func (g *gathering) addNoted(noted []sockiter.Socket) {
	type listener struct {
		owner model.Identity
		port  uint16
	}
	known := map[listener]bool{}
	for i := len(noted) - 1; i >= 0 && len(g.pass.brief) < maxBrief; i-- {
		seen := &noted[i]
		key := listener{identityOf(&seen.Owner), seen.Local.Port()}
		_, isOpen := g.pass.owners[seen.Inode]
		if isOpen || known[key] || model.ScopeOf(seen.Local.Addr().Unmap()) == model.ScopeLoopback {
			continue
		}
		known[key] = true
		g.pass.brief = append(g.pass.brief, g.socket(seen))
		g.pass.briefOwners[seen.Inode] = seen.Owner
	}
	slices.Reverse(g.pass.brief)
}

func (g *gathering) addConnection(seen *sockiter.Socket) {
	if g.connectionsOf[seen.Owner.PID]++; g.connectionsOf[seen.Owner.PID] > maxDescriptors {
		return
	}
	g.pass.connections = append(g.pass.connections, heldConnection{
		owner: identityOf(&seen.Owner), inode: seen.Inode, netns: g.name(seen.NetNS),
		local: unmapped(seen.Local), remote: unmapped(seen.Remote),
	})
}

// name is the id of a network namespace, "" for the host's.
func (g *gathering) name(netns uint32) string {
	if name, known := g.names[netns]; known {
		return name
	}
	name := strconv.FormatUint(uint64(netns), 10)
	if name == g.hosts {
		name = ""
	}
	g.names[netns] = name
	return name
}

func older(a, b *sockiter.Owner) bool {
	return a.Start < b.Start || a.Start == b.Start && a.PID < b.PID
}

func identityOf(o *sockiter.Owner) model.Identity {
	return model.Identity{PID: o.PID, StartTime: uint64(o.Start / startTick)}
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// hostNamespace is the id of the network namespace of the first process, or of this one where
// that is the same, or where the first cannot be seen (hidepid); "" if it cannot be told.
func hostNamespace(first, own string, same bool) string {
	id, err := hostfs.NetNamespace(first)
	if err != nil && (same || hostfs.Vanished(err)) {
		id, err = hostfs.NetNamespace(own)
	}
	if err != nil {
		return ""
	}
	return id
}

package model

import (
	"net/netip"
	"time"
)

// NetNamespace is a network namespace that sockets were looked for in.
type NetNamespace struct {
	ID        string       // inode number of /proc/PID/ns/net; "" for the host's, which is that of pid 1
	Name      string       // that ip-netns(8) knows it by, or ""
	PIDs      []int        // some processes in it, the oldest first
	Addresses []netip.Addr // that it has, beyond loopback
	Complete  bool         // Addresses are all that it has
	// Dial are those of its addresses, loopback too, at which this program meets
	// nobody but this namespace: it is its own, or the way there is a virtual link
	// into it. Outward addresses come first. Empty where that is not certain.
	Dial []netip.Addr
}

// PortForward is a port of the host that is forwarded into another namespace.
type PortForward struct {
	Protocol Protocol
	Host     netip.AddrPort // where others reach it; the address is 0.0.0.0 or :: for all of the host's
	Target   netip.AddrPort // in the other namespace
	Via      Forwarder
	Owner    Identity // of a proxy; zero for a rule of the kernel
}

// Forwarder is what publishes a port.
type Forwarder string

// The forwarders that can be told.
const (
	ForwarderDockerProxy Forwarder = "docker-proxy"
	ForwarderNftables    Forwarder = "nftables"
	ForwarderIptables    Forwarder = "iptables"
	ForwarderCNI         Forwarder = "cni"
)

// SocketKey names a listening socket for as long as it is open.
type SocketKey struct {
	NetNS    string
	Protocol Protocol
	Address  string
	Port     uint16
	Inode    uint64
}

// Key names the socket.
func (s *Socket) Key() SocketKey {
	return SocketKey{NetNS: s.NetNS, Protocol: s.Protocol, Address: s.Address, Port: s.Port, Inode: s.Inode}
}

// Answer is what a service said when it was asked whether it lets anybody in.
type Answer struct {
	Time     time.Time
	Asked    netip.AddrPort
	App      string // whose way of answering it is; "" if it told nothing of that
	OtherApp bool   // it answered, and not as the app does that it was taken for
	Auth     Auth
	Version  string // as the service says; printable, at most 32 bytes
	Lowered  string // a sentence on why an open door gives less than usual; "" if it does not
	Failure  string // a sentence on why Auth is unknown; ""
}

// FlinkEvent is a kind of line in the log of a Flink JobManager.
type FlinkEvent string

// The events.
const (
	FlinkJarUpload     FlinkEvent = "jar_upload"
	FlinkJarRun        FlinkEvent = "jar_run"
	FlinkRESTException FlinkEvent = "rest_exception"
)

// FlinkEvents lists every event.
func FlinkEvents() []FlinkEvent { return []FlinkEvent{FlinkJarUpload, FlinkJarRun, FlinkRESTException} }

// FlinkLog is what one JobManager's log tells.
type FlinkLog struct {
	Owner   Identity // the JVM
	Path    string   // raw bytes, as the JVM calls it
	Failure string   // why it cannot be read now; ""
	Recent  []FlinkEntry
}

// FlinkEntry is one event of a log.
type FlinkEntry struct {
	Event FlinkEvent
	Time  time.Time
	Text  string       // of the line, raw, at most 256 bytes
	Peers []netip.Addr // that were connected to the REST port about then, as far as was seen; at most 4
}

// ServiceSnapshot is what was learnt of the services behind sockets.
type ServiceSnapshot struct {
	Meta
	Probing     bool     // services are asked
	Apps        []string // of the catalogue, that there is a question for
	Answers     map[SocketKey]Answer
	Waiting     map[SocketKey]time.Time // since when a socket waits to be asked for the first time
	FlinkEvents map[FlinkEvent]uint64   // since the exporter started
	FlinkLogs   []FlinkLog              // sorted by pid
}

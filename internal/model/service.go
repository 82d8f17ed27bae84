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

// Forwarder is what forwards a port.
type Forwarder string

// The forwarders that can be told apart.
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

// Answer is what the probe of a service found out: whether it lets anybody in.
type Answer struct {
	Time     time.Time
	Asked    netip.AddrPort
	App      string // that answers in this way; "" if the answer does not show it
	OtherApp bool   // it answered, and not as the app does that it was taken for
	Auth     Auth
	Version  string // as the service says; printable, at most 32 bytes
	Lowered  string // why whoever gets in can do less than usual, a sentence; ""
	Failure  string // why Auth is unknown, a sentence; ""
}

// SubmissionEvent is what happened in a submission to a service.
type SubmissionEvent string

// The events.
const (
	SubmissionUpload  SubmissionEvent = "jar_upload"     // a program was sent
	SubmissionRun     SubmissionEvent = "jar_run"        // a program that was sent was started
	SubmissionFailure SubmissionEvent = "rest_exception" // a request failed or was cut off, as those of scanners are
)

// SubmissionEvents lists every event.
func SubmissionEvents() []SubmissionEvent {
	return []SubmissionEvent{SubmissionUpload, SubmissionRun, SubmissionFailure}
}

// SubmissionLog is the log in which a service writes down what was submitted to it.
type SubmissionLog struct {
	App     string       // of the catalogue
	Owner   Identity     // the process that writes it
	Path    string       // raw bytes, as the owner calls it
	Failure string       // why it cannot be read now, a sentence; ""
	Recent  []Submission // the newest of each event, the oldest first
}

// Submission is one event of a log.
type Submission struct {
	Event SubmissionEvent
	Time  time.Time
	Text  string       // of the line, or the name of what was sent; raw, at most 256 bytes
	Peers []netip.Addr // that were connected to the service about then, as far as was seen; at most 4
}

// ServiceSnapshot is what is known of the services behind sockets.
type ServiceSnapshot struct {
	Meta
	Probing        bool     // services are probed
	Apps           []string // of the catalogue, that can be probed
	Answers        map[SocketKey]Answer
	Waiting        map[SocketKey]time.Time    // since when a socket waits for its first probe
	Submissions    map[SubmissionEvent]uint64 // since the exporter started
	SubmissionLogs []SubmissionLog            // sorted by the owner's pid
}

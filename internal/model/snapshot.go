// Package model holds the facts that the sensors gather: plain types, handed on
// by value or as snapshots that nobody changes after they were published.
package model

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// Aspect is a kind of fact that may be out of reach.
type Aspect string

// The aspects of the visibility ratio.
const (
	AspectStat   Aspect = "stat"
	AspectExe    Aspect = "exe"
	AspectFd     Aspect = "fd"
	AspectCgroup Aspect = "cgroup"
	AspectTemp   Aspect = "temp"
	AspectNetns  Aspect = "netns"

	AspectPersistence   Aspect = "persistence" // files that start programs
	AspectSubmissionLog Aspect = "flink_log"   // logs of what was submitted to services
	AspectContainer     Aspect = "container"   // what containers are called
	AspectHost          Aspect = "host"        // parts of the host that no namespace of the exporter's own replaces
)

// Reason is why a read failed. The set is closed.
type Reason string

// The reasons of a failed read.
const (
	ReasonPermission Reason = "permission"
	ReasonVanished   Reason = "vanished"
	ReasonParse      Reason = "parse"
	ReasonTimeout    Reason = "timeout"
	ReasonPanic      Reason = "panic" // a defect of the exporter, contained
	ReasonOther      Reason = "other"
)

// Share counts how many of the things looked at could be read.
type Share struct {
	Readable, Total int
}

// ReadError keys a count of failed reads.
type ReadError struct {
	Aspect Aspect
	Reason Reason
}

// Meta is what every sensor says of its own sample.
type Meta struct {
	Time       time.Time
	Interval   time.Duration // until the next sample
	Duration   time.Duration // wall-clock time the sample took
	Visibility map[Aspect]Share
	ReadErrors map[ReadError]uint64 // since the exporter started
}

// Visibility adds up what all sensors could read of each aspect. An aspect that none
// of them looks at is left out.
func Visibility(metas []Meta) map[Aspect]Share {
	shares := map[Aspect]Share{}
	for _, meta := range metas {
		for aspect, share := range meta.Visibility {
			sum := shares[aspect]
			shares[aspect] = Share{Readable: sum.Readable + share.Readable, Total: sum.Total + share.Total}
		}
	}
	return shares
}

// FileReason is why a file is suspicious. A file counts once, under the
// strongest reason, in the order of FileReasons.
type FileReason string

// The reasons, strongest first.
const (
	FileRunning    FileReason = "running"     // an executable file that a process runs now
	FileKnownMiner FileReason = "known_miner" // an executable file with the name, hash or content of a miner
	FileHidden     FileReason = "hidden"      // an executable file with a hidden name or in a hidden directory
	FileELF        FileReason = "elf"         // an ELF program
	FileScript     FileReason = "script"      // starts with #! and may be run
)

// FileReasons lists every reason, so that metrics can exist at 0.
func FileReasons() []FileReason {
	return []FileReason{FileRunning, FileKnownMiner, FileHidden, FileELF, FileScript}
}

// File is a suspicious file in a watched directory.
type File struct {
	Path           string // raw bytes
	Directory      string // the watched directory it was found in
	Reason         FileReason
	KnownMiner     bool   // name, hash or content of a miner, whatever Reason says
	MinerContent   bool   // its content is that of a miner, whatever it is called
	Hidden         bool   // hidden name or directory, and none of a development tool's, whatever Reason says
	Container      string // container id (12 hex) or mount namespace of a file that the host itself does not see; ""
	ContainerTitle string // what people call that container; "" if no name is known
	User           string // owner
	SHA256         string // 64 hex, of the first 64 MiB; "" if not yet or never read
	Modified       time.Time
	SizeBytes      int64
	Mode           uint32 // permission bits
	ID             FileID
}

// FileCount is the number of suspicious files of one directory, also of those
// beyond the detail limit.
type FileCount struct {
	Directory string
	Reason    FileReason
}

// FileSnapshot is the state of the watched directories.
type FileSnapshot struct {
	Meta
	Directories []string
	Counts      map[FileCount]int
	Files       []File          // strongest reason first, at most 1,024; SetFiles sets them
	Truncated   map[string]bool // directory -> not all of it has been looked at, or not again since events were lost
	Watching    bool            // inotify is active
	EventsLost  uint64          // times that there were more events of inotify than there was room for

	runs    map[FileID]bool // of Files, whether they are said to run
	running int             // how many are
}

// Scope is how far a listening socket's address reaches.
type Scope string

// The scopes.
const (
	ScopeLoopback Scope = "loopback"
	ScopePrivate  Scope = "private" // RFC 1918, ULA, CGNAT, link-local
	ScopeAny      Scope = "any"     // wildcard
	ScopePublic   Scope = "public"
)

// Scopes lists every scope.
func Scopes() []Scope { return []Scope{ScopeLoopback, ScopePrivate, ScopeAny, ScopePublic} }

// Protocol of a listening socket.
type Protocol string

// The protocols.
const (
	TCP Protocol = "tcp"
	UDP Protocol = "udp"
)

// Protocols lists both protocols.
func Protocols() []Protocol { return []Protocol{TCP, UDP} }

// Confidence tells why a socket is called by an app's name.
type Confidence string

// The confidences.
const (
	ConfidenceEvidence Confidence = "evidence" // the owner's executable or command line says so
	ConfidenceAnswer   Confidence = "answer"   // it answered as that app does
	ConfidencePort     Confidence = "port"     // only the port number says so
)

// Auth tells whether an exposed service asks who one is.
type Auth string

// The answers of a probe. Without a probe it is AuthUnknown.
const (
	AuthNone     Auth = "none"
	AuthRequired Auth = "required"
	AuthUnknown  Auth = "unknown"
)

// Socket is a listening TCP or bound UDP socket.
type Socket struct {
	Protocol          Protocol
	NetNS             string // NetNamespace.ID
	Address           string // textual, without zone, an IPv4 address as such: "0.0.0.0", "::", "127.0.0.1"
	Port              uint16
	Scope             Scope
	Inode             uint64
	Owner             Identity   // zero if unknown
	OwnerComm         string     // raw bytes
	OwnerExe          string     // raw bytes
	App               string     // of the catalogue, or ""
	Confidence        Confidence // "" without App
	DualStack         bool       // of IPv6, and takes IPv4 too; false if that is not known
	OwnedByExporter   bool       // the exporter's own
	InternalComponent bool       // of a process that belongs to App and is not exposed by itself
	LogFile           string     // in which App writes down submissions, as the owner's command line says: absolute, raw, at most 4,096 bytes; ""
}

// Exposed tells whether the socket is a catalogued service that other machines
// may reach. A host firewall is not looked at.
func (s *Socket) Exposed() bool { return s.App != "" && s.Scope != ScopeLoopback && !s.OwnedByExporter }

// ExposedKey is the label set of an exposed service.
type ExposedKey struct {
	App   string
	Scope Scope
	Auth  Auth
}

// SocketSnapshot is one sample of the listening sockets.
type SocketSnapshot struct {
	Meta
	Apps           []string // every app of the catalogue, so that metrics can exist at 0
	Sockets        []Socket // the host's namespace first, then sorted by protocol, port, address
	RecentlyClosed []Socket // of TCP, beyond loopback and of a known owner; closed since, the newest last; also what opened and closed between two samples, where the kernel notes it

	Connections []Connection // of the processes that were asked about, at most 64 of each, sorted by owner (pid, then start) and remote

	Namespaces   []NetNamespace // the host's first
	PortForwards []PortForward
	// ForwardingUnknown says why some of PortForwards may be missing; "" if all can be seen.
	ForwardingUnknown string
	PortRules         []PortRule // of the host's nftables, as far as they are understood; at most 256
	// Peers are the remote ends of connections, open ones or closed lately, to the ports of
	// services with a log of submissions: at most 64 of each of 32 ports.
	Peers []Peer
}

// PortAction is what a rule of the firewall does with packets.
type PortAction string

// The actions that keep packets from whoever listens.
const (
	PortDrops   PortAction = "drops"   // or rejects
	PortDiverts PortAction = "diverts" // to another port or address
)

// PortRule is a rule of the firewall about packets that come in for TCP ports which it names.
// Other conditions of it, such as the sender, are not looked at.
type PortRule struct {
	Address     netip.Addr // the packets' destination; invalid: any
	First, Last uint16
	Action      PortAction
}

// Peer is a remote end of a connection to a listening port, as seen in one sample.
type Peer struct {
	NetNS  string
	Port   uint16
	Remote netip.Addr
}

// Connection is an established TCP connection of a process that is looked at
// closely.
type Connection struct {
	Owner    Identity
	Remote   netip.AddrPort
	Local    netip.AddrPort
	Outbound bool      // the process does not listen on the local port
	Since    time.Time // of the first sample that saw it
}

// ConnectionsOf are the connections of one process. It may be asked of nil.
func (s *SocketSnapshot) ConnectionsOf(id Identity) []Connection {
	if s == nil {
		return nil
	}
	from, _ := slices.BinarySearchFunc(s.Connections, id, func(c Connection, id Identity) int {
		return cmp.Or(cmp.Compare(c.Owner.PID, id.PID), cmp.Compare(c.Owner.StartTime, id.StartTime))
	})
	to := from
	for to < len(s.Connections) && s.Connections[to].Owner == id {
		to++
	}
	return s.Connections[from:to:to]
}

// PoolMatch is why a connection counts as one to a mining pool.
type PoolMatch string

// The matches, strongest first.
const (
	PoolHost    PoolMatch = "host"    // on the user's list
	PoolPort    PoolMatch = "port"    // a port that pools use
	PoolStratum PoolMatch = "stratum" // by behaviour: the one lasting connection of a program that burns
)

// PoolMatches lists every match.
func PoolMatches() []PoolMatch { return []PoolMatch{PoolHost, PoolPort, PoolStratum} }

// Snapshot is all that detection sees. A part is nil while its sensor is off or
// has not finished its first sample.
type Snapshot struct {
	Time      time.Time
	Processes *ProcessSnapshot
	Files     *FileSnapshot
	Sockets   *SocketSnapshot
	Services  *ServiceSnapshot

	Persistence *PersistenceSnapshot
	Packages    *PackageSnapshot
	Self        *SelfSnapshot
}

// suspectID gives 12 hex digits.
func suspectID(contentSHA256 string, uid uint32, exe, comm string) string {
	if len(contentSHA256) >= 12 {
		return contentSHA256[:12]
	}
	sum := sha256.Sum256([]byte(strconv.FormatUint(uint64(uid), 10) + "\x00" + exe + "\x00" + comm))
	return hex.EncodeToString(sum[:6])
}

package model

import "net/netip"

// Forwarded tells whether others reach a socket in another network namespace than
// the host's through a port of the host.
type Forwarded string

// What can be said of it. A socket of the host's namespace has none of these.
const (
	ForwardedYes     Forwarded = "yes"
	ForwardedNo      Forwarded = "no"      // all forwarding was seen, and none leads there
	ForwardedUnknown Forwarded = "unknown" // some forwarding cannot be seen
)

// Exposure is a service of the catalogue that others may reach: one, with however
// many sockets it listens.
type Exposure struct {
	App        string
	Confidence Confidence
	Scope      Scope    // the widest of its endpoints'
	Socket     Socket   // the one that Scope comes from
	Endpoints  []string // ADDRESS:PORT of all, sorted; those of the host where it is published

	Reach       []netip.Addr // what a wildcard address reaches; nil if that is not known
	Namespace   NetNamespace // of Socket
	ContainerID string       // of the owner, 12 hex; ""
	Container   *Container   // of the owner; nil for none
	Unit        string       // of the owner; ""
	User        string       // of the owner: a name, or a number where it has none; ""
	Forwarded   Forwarded
	Forwarders  []Forwarder // where Published is PublishedYes

	Auth     Auth
	Answer   *Answer        // what it said; nil if it was not asked
	RunsCode bool           // who gets in can run programs
	Remedy   string         // how to close it, a sentence of the catalogue
	Common   bool           // found on most hosts
	Log      *SubmissionLog // of what was submitted to it; nil
}

package model

import "time"

// SelfSnapshot is what the exporter knows of itself: what of the host is out of its
// sight, when it could not look, and what somebody has done to it.
type SelfSnapshot struct {
	Meta
	// Contained tells that procfs is that of a container: the processes of the host are out of sight.
	Contained bool
	Lacks     []string // a sentence for each part of the host that it does not see, with the way to mend it; escaped
	Gaps      map[GapReason]uint64
	LastGaps  []Gap // of the last hour, the newest last, at most 16

	Changes []SelfChange // what was done to it since it started, sorted by kind and subject
}

// GapReason is why no sensor could look for a while. The set is closed.
type GapReason string

// The reasons of gaps.
const (
	GapStopped   GapReason = "stopped"   // neither ran nor waited for a CPU: SIGSTOP, a debugger, a frozen cgroup
	GapStarved   GapReason = "starved"   // waited for a CPU
	GapSuspended GapReason = "suspended" // the whole machine slept
	GapClock     GapReason = "clock"     // the time of day was set: nothing was missed, but times are not what they seem
)

// GapReasons lists every reason, so that metrics can exist at 0.
func GapReasons() []GapReason {
	return []GapReason{GapStopped, GapStarved, GapSuspended, GapClock}
}

// Gap is a time in which no sensor could look.
type Gap struct {
	Reason GapReason
	End    time.Time
	Length time.Duration // of GapClock how far the clock was set, which may be back
	Signal bool          // it was a signal that had it go on (SIGCONT)
	// Terminal tells that the exporter runs at somebody's terminal, where a key stops programs.
	Terminal bool
}

// SelfChangeKind is what was done to the exporter.
type SelfChangeKind string

// The kinds of changes.
const (
	ProgramDeleted  SelfChangeKind = "program_deleted"
	ProgramReplaced SelfChangeKind = "program_replaced" // by what is no exporter of ours
	ProgramUpgraded SelfChangeKind = "program_upgraded" // by another build of the exporter

	ConfigDeleted SelfChangeKind = "config_deleted"
	ConfigChanged SelfChangeKind = "config_changed" // and not read since

	UnitMasked   SelfChangeKind = "unit_masked"
	UnitDisabled SelfChangeKind = "unit_disabled"
	UnitDeleted  SelfChangeKind = "unit_deleted"
	UnitChanged  SelfChangeKind = "unit_changed"  // its file or a drop-in
	UnitCrippled SelfChangeKind = "unit_crippled" // by a drop-in that takes from it what it needs

	PortShared   SelfChangeKind = "port_shared"   // another process listens on it too (SO_REUSEPORT)
	PortDiverted SelfChangeKind = "port_diverted" // a rule of the firewall sends its packets elsewhere
	PortBlocked  SelfChangeKind = "port_blocked"  // a rule of the firewall drops its packets
)

// SelfChange is one thing that was done to the exporter.
type SelfChange struct {
	Kind    SelfChangeKind
	Subject string // raw: a path, a unit, a port
	Detail  string // a sentence, escaped; ""
}

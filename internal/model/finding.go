package model

import "time"

// Severity of a finding.
type Severity string

// The severities.
const (
	Critical Severity = "critical"
	Warning  Severity = "warning"
	Info     Severity = "info"
)

// Severities lists every severity, worst first.
func Severities() []Severity { return []Severity{Critical, Warning, Info} }

// Worse tells whether a severity is worse than another.
func (s Severity) Worse(other Severity) bool {
	for _, severity := range Severities() {
		if s == severity || other == severity {
			return s == severity && other != severity
		}
	}
	return false
}

// Family is a kind of evidence. Signals of two families are independent.
type Family string

// The families of evidence about a process.
const (
	FamilyIndicator Family = "indicator"
	FamilyMining    Family = "mining"
	FamilyLoad      Family = "load" // a busy CPU, which any computation shows
	FamilyPlace     Family = "place"
	FamilyDisguise  Family = "disguise"
	FamilySurvival  Family = "survival"
	FamilyEntry     Family = "entry" // it burns below an exposed service that lets anybody in, and is not part of it
)

// Signal is one piece of evidence about one subject.
type Signal struct {
	Rule      string // a name of rules.All
	Family    Family
	Technique string // MITRE ATT&CK id
	Evidence  string // a sentence; names in it are escaped
	Weak      bool   // it explains, and counts for nothing alone: much that is benign shows it too
}

// Relation of a guardian to the suspect that it keeps alive.
type Relation string

// The relations that are looked for.
const (
	RelationParent   Relation = "parent"
	RelationAncestor Relation = "ancestor"
	RelationCgroup   Relation = "cgroup"
	RelationCron     Relation = "cron"
	RelationUnit     Relation = "unit"
)

// Guardian is what brings a suspect back.
type Guardian struct {
	Relation Relation
	PID      int // 0 if it does not run
	Comm     string
	Exe      string
	Origin   Origin // "" if it does not run
	User     string
	Unit     string // for RelationUnit
	Path     string // of the file that names the suspect: a crontab, a unit
	Line     int    // in Path, from 1; 0 for the whole file
	Starts   int    // instances of the suspect that it was seen to start
}

// Entry is the exposed service that a suspect descends from.
type Entry struct {
	App     string // of the catalogue, or "" for a listener that is in none
	Process string // executable's base name
	PID     int
	Address string
	Port    uint16
	Alive   bool

	Run       *Submission   // what was last submitted to the service and run before the suspect's tree began; nil
	RunBefore time.Duration // how long before
}

// Finding is one verdict about one subject, with all that a person needs.
type Finding struct {
	ID        string // stable: rule and subject
	Rule      string
	Severity  Severity
	Technique string // MITRE ATT&CK id; "" for what is no attack
	Title     string // one sentence
	Evidence  []string
	Exempted  string // why the severity was lowered

	Exemption Exemption // the kind of Exempted

	Suspect *Suspect
	File    *File

	Exposure *Exposure

	Persistence   *PersistenceEntry
	MoreOfFile    int // suspicious entries of the same file that have no finding of their own
	MoreElsewhere int // those of other files

	FirstSeen time.Time
	LastSeen  time.Time
}

// Suspect is an executable under suspicion with the process that burns most.
type Suspect struct {
	ID         string
	Process    Process // the representative instance
	PIDs       []int   // all living instances, at most 32
	Instances  int
	Running    bool // false while the finding outlives its last instance
	Signals    []Signal
	Guardian   *Guardian
	Entry      *Entry
	Package    PackageFact // of the representative instance's program; zero if nobody has asked
	Respawns   uint64      // since the exporter started
	CPUSeconds float64     // of all instances since the exporter started; never goes back

	RespawnsBefore uint64 // those of earlier starts, as far as they were kept (--state.dir)
}

// Findings is the published result of detection.
type Findings struct {
	Time   time.Time
	Active []Finding               // worst first
	Raised map[RuleSeverity]uint64 // since the exporter started

	Exempted map[Exemption]uint64 // findings that were lowered, since the exporter started
	Pools    map[PoolMatch]int    // connections to mining pools now

	Held Slots // findings that have no evidence any more, and stay for a while

	Exposures []Exposure // every service that others may reach now, sorted by app
}

// Exemption is why a finding is lowered. The set is closed.
type Exemption string

// The exemptions.
const (
	ExemptAllowList        Exemption = "allow_list"        // the user's own
	ExemptTerminal         Exemption = "terminal"          // somebody who is logged in works at a terminal
	ExemptBuildTool        Exemption = "build_tool"        // a build or package tool, or a scheduler of jobs, started what it had made
	ExemptContainerRuntime Exemption = "container_runtime" // it runs from a copy of itself in memory
	ExemptAppImage         Exemption = "appimage"
	ExemptDormant          Exemption = "dormant"    // a program in memory that has been idle since long
	ExemptRuleLimit        Exemption = "rule_limit" // the user's own limit of a rule
)

// Exemptions lists every exemption.
func Exemptions() []Exemption {
	return []Exemption{ExemptAllowList, ExemptTerminal, ExemptBuildTool, ExemptContainerRuntime, ExemptAppImage, ExemptDormant, ExemptRuleLimit}
}

// RuleSeverity keys a count of findings.
type RuleSeverity struct {
	Rule     string
	Severity Severity
}

// Verdict is the worst severity of the active findings, or "".
func (f *Findings) Verdict() Severity {
	for _, severity := range Severities() {
		for i := range f.Active {
			if f.Active[i].Severity == severity {
				return severity
			}
		}
	}
	return ""
}

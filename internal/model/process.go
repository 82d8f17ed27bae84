package model

import (
	"fmt"
	"time"
)

// Origin tells where the executable of a process lies. It is the first match
// in the order of Origins.
type Origin string

// The origins, in order of precedence.
const (
	OriginMemfd      Origin = "memfd"      // memfd_create(2): never had a path
	OriginDeleted    Origin = "deleted"    // unlinked, and lay in temp or home
	OriginTemp       Origin = "temp"       // /tmp /var/tmp /dev/shm /run/user /dev
	OriginHome       Origin = "home"       // /home /root
	OriginWeb        Origin = "web"        // /var/www /srv
	OriginLocal      Origin = "local"      // /usr/local /opt
	OriginSystem     Origin = "system"     // /usr /bin /sbin /lib*
	OriginKernel     Origin = "kernel"     // kernel threads (PF_KTHREAD)
	OriginUnreadable Origin = "unreadable" // /proc/PID/exe cannot be read
	OriginOther      Origin = "other"
)

// Origins lists every origin, so that metrics can exist at 0.
func Origins() []Origin {
	return []Origin{
		OriginMemfd, OriginDeleted, OriginTemp, OriginHome, OriginWeb, OriginLocal,
		OriginSystem, OriginKernel, OriginUnreadable, OriginOther,
	}
}

// Suspicious tells whether no program that was installed runs from there: from a
// temporary directory, from a file that was deleted there or in a home, or from
// memory.
func (o Origin) Suspicious() bool {
	return o == OriginTemp || o == OriginDeleted || o == OriginMemfd
}

// Isolation tells whether a process belongs to the host or to a container.
type Isolation string

// The namespaces.
const (
	IsolationHost      Isolation = "host"
	IsolationContainer Isolation = "container"
)

// Isolations lists both.
func Isolations() []Isolation { return []Isolation{IsolationHost, IsolationContainer} }

// Identity names one process for as long as the machine runs: a pid is reused,
// the pair is not. StartTime is field 22 of /proc/PID/stat in clock ticks since
// boot (proc_pid_stat(5)).
type Identity struct {
	PID       int
	StartTime uint64
}

// FileID is a file, whatever its name: st_dev and st_ino of stat(2).
type FileID struct {
	Dev, Inode uint64
}

// String is what find(1) and ls(1) tell of a file without a name.
func (f FileID) String() string {
	major, minor := f.Dev>>8&0xfff, f.Dev&0xff|f.Dev>>12&^0xff // new_encode_dev() in the kernel's linux/kdev_t.h
	return fmt.Sprintf("inode %d on device %d:%d", f.Inode, major, minor)
}

// Hiding is how a process that the kernel lists is hidden in /proc.
type Hiding string

// The ways to hide.
const (
	HiddenByMount   Hiding = "mount"     // something is mounted over its directory
	HiddenDirectory Hiding = "directory" // it has no directory that can be opened
	HiddenListing   Hiding = "listing"   // it has one, which the list of /proc leaves out
)

// Writers says who may change a file.
type Writers string

// The writers. That of a file which could not be looked at is "".
const (
	WritersRoot   Writers = "root"   // root alone
	WritersOwner  Writers = "owner"  // an owner who is not root, alone
	WritersOthers Writers = "others" // the group or everybody
)

// FileOwner is whose a file is.
type FileOwner struct {
	UID     uint32
	Writers Writers
	Changed time.Time // st_ctime of stat(2), which nobody can set: not before its content, mode or name were last changed
}

// Ancestor is what stays known of a parent, also after it has exited.
type Ancestor struct {
	Identity
	Comm    string
	Exe     string
	User    string
	Origin  Origin
	Started time.Time
	Alive   bool      // still running at the sample; filled in for the processes of findings
	Parent  *Ancestor // nil at the top, or where nothing more is known
	Depth   int       // number of ancestors above this one
}

// Process is one living process as last sampled. Names and arguments are raw:
// any byte may be in them.
type Process struct {
	Identity
	PPID        int
	Comm        string // at most 15 bytes, set by the process itself
	Exe         string // target of /proc/PID/exe without " (deleted)"; "" if unknown
	ExeDeleted  bool   // the file behind Exe has no name any more
	ExeReplaced bool   // ExeDeleted, and another file has taken the name (a package upgrade, a rebuild)
	ExeFile     FileID // zero if unknown
	ExeOwner    FileOwner
	ExeSource   string     // what Exe really is, where only the mount namespace of the process has it under that path: a path of the host, or a type of file system, as tmpfs; "" else
	ExeFUSE     bool       // the file lies on a FUSE file system; looked at in suspicious places only
	CopyOf      string     // of a program in memory: an installed file that only root may change and that has the same content; ""
	Argv        []string   // at most 4 KiB in all
	UID         uint32     // effective
	User        string     // name, or the number where it has none
	Cgroup      string     // path in the unified or the systemd hierarchy
	Unit        string     // systemd unit of Cgroup, or ""
	ContainerID string     // first 12 hex of the container id in Cgroup, or ""
	Container   *Container // that it belongs to; nil for none, and where names are not looked up
	Origin      Origin
	Isolation   Isolation
	Group       string       // the label `process`: basename, or DIRECTORY#HASH6
	SHA256      string       // of the executable's content (the first 64 MiB), 64 hex; "" if not yet or never read
	Content     ContentFacts // of the executable; all false where SHA256 is ""
	Parent      *Ancestor    // as it was when the process was first seen; shared, never changed
	Ancestors   []Ancestor   // nearest first, at most 16; filled in for the processes of findings
	Started     time.Time
	CPUSeconds  float64       // user + system since birth
	Cores       float64       // mean use over CoresSpan
	CoresSpan   time.Duration // about 60 s of own samples; less for a younger process; the whole life of one first seen older than that
	Threads     int
	TTY         int // device number of the controlling terminal (tty_nr of proc_pid_stat(5)); 0 for none
	Session     int // pid of the session's leader (setsid(2)), who may have ended
	RSSBytes    uint64
	Hiding      Hiding // how it is hidden from whoever looks into /proc; "" if it is not
	HiddenBy    string // what is mounted over its directory in /proc; "" if nothing

	Script        string        // absolute path of the file that an interpreter, or the dynamic loader, runs; "" for all else
	ArgvErased    bool          // the memory of its arguments holds nothing but NUL bytes
	ArgvIsExe     bool          // its first argument is another name, which root gave to the file that it runs: a link
	MountNS       string        // target of /proc/PID/ns/mnt if it is not the host's; "" else
	NetNS         string        // inode number of /proc/PID/ns/net if it is not the host's; "" else
	ConstantCores float64       // mean use over ConstantSpan
	ConstantSpan  time.Duration // how long each minute's use has been within a third of ConstantCores; 0 below 0.15 core
	GPU           *GPUUse       // what it does with GPUs; nil if it holds none, or was not looked at yet. Never changed
	Inspection    *Inspection   // what was seen when it was inspected; nil for what gave no cause for it
	MemoryHangs   time.Duration // for how long its memory has not answered a read, as that of a FUSE file that never does; 0 if it does
}

// InspectionPart is a part of a process that is read by itself, in words for people.
type InspectionPart string

// The parts of an inspection.
const (
	PartArguments   InspectionPart = "arguments"
	PartEnvironment InspectionPart = "environment"
	PartMemoryMap   InspectionPart = "memory map"
	PartThreads     InspectionPart = "threads"
	PartHugePages   InspectionPart = "use of huge pages"
	PartOpenFiles   InspectionPart = "open files"
	PartProgram     InspectionPart = "program's head"

	PartExecutableMemory InspectionPart = "executable memory"
)

// Inspection is what the expensive look at a process showed. It is taken of those
// that use CPU and of those from suspicious places only. What could not be read is
// zero, and listed in Unread.
type Inspection struct {
	Memory       MemoryShape
	EqualThreads int    // threads that each used at least half a core, within a tenth of each other; 0 for less than two
	HugePagesKiB uint64 // HugetlbPages of /proc/PID/status
	MSR          bool   // holds /dev/cpu/N/msr open
	Preload      string // its variables LD_PRELOAD and LD_AUDIT
	Packed       bool   // the executable was packed by UPX
	Static       bool   // the executable has no interpreter and no symbol table
	CodeScanned  bool   // its executable memory was scanned for RandomX's constants, at least once
	Library      string // a file from a temporary or hidden directory, or one that was deleted, that is mapped as code and is not its program; "" if there is none
	Runtime      bool   // it runs programs of another language: a JVM, a browser
	RandomXIn    string // which executable memory holds the constants of RandomX: a file, or what kind of memory; "" if none was found

	Unread map[InspectionPart]Reason // what could not be read, and why; nil if all could. Never changed
}

// Suspect is the stable name of what a process runs: 12 hex of the content
// hash, or, where the content could not be read, of user and path.
//
// What an interpreter runs is told apart by user and script: its own content is
// that of all the others.
func (p *Process) Suspect() string {
	if p.Script != "" {
		return suspectID("", p.UID, p.Exe, p.Script)
	}
	return suspectID(p.SHA256, p.UID, p.Exe, p.Comm)
}

// FirstArgument is what the process was called by whoever started it, "" if its
// arguments are not known.
func (p *Process) FirstArgument() string {
	if len(p.Argv) == 0 {
		return ""
	}
	return p.Argv[0]
}

// Subject is what a person calls the process.
func (p *Process) Subject() string {
	if p.Exe != "" {
		return p.Exe
	}
	return p.Comm
}

// PathOnHost is where the executable lies on the host: in a mount namespace of his own
// anybody has any path he likes.
func (p *Process) PathOnHost() string {
	if p.ExeSource != "" {
		return p.ExeSource
	}
	return p.Exe
}

// CPUTotals are the counters of one (origin, isolation). None ever goes back.
type CPUTotals struct {
	CPUSeconds float64
	Starts     uint64
	Respawns   uint64
	Processes  int
}

// OriginKey is a pair of closed sets: 20 at most.
type OriginKey struct {
	Origin    Origin
	Isolation Isolation
}

// GroupKey is the label set of a process group, already fit for a label.
type GroupKey struct {
	Process string
	Origin  Origin
	User    string
}

// GroupTotals are the counters of a group while it holds a slot.
type GroupTotals struct {
	GroupKey
	CPUTotals
	TopPID    int // the instance that used most CPU in the last sample; 0 if none runs
	Sanitized int // of Process and User, how many had to be escaped or cut to be fit for a label
}

// Starter is a process that started instances of an executable.
type Starter struct {
	Ancestor
	Count int // instances seen started by it
}

// Respawn is the history of one executable that ended and came back, keyed by
// Process.SHA256, by path for system and local origins, or by PolymorphicKey.
type Respawn struct {
	Key      string
	Count    uint64        // since the exporter started
	Killed   uint64        // of these, how often a signal had ended the instance before; known with the proc connector only
	Recent   []time.Time   // starts that were respawns, newest last, at most 16
	LastGap  time.Duration // between the end of an instance and the next start, as seen
	Starters []Starter     // most first, at most 4
}

// Within counts the recent respawns, at most 16.
func (r *Respawn) Within(span time.Duration, now time.Time) (count int) {
	for _, at := range r.Recent {
		if now.Sub(at) <= span {
			count++
		}
	}
	return count
}

// PolymorphicKey is the Respawn.Key of what one process starts from one directory, whatever
// the content: some guardians change it at each start.
func PolymorphicKey(guardian Identity, directory string) string {
	return fmt.Sprintf("%d@%d %s", guardian.PID, guardian.StartTime, directory)
}

// Source feeds the process table.
type Source string

// The sources.
const (
	SourcePoll         Source = "poll"           // /proc, on the sensor's clock
	SourceConnector    Source = "proc_connector" // fork, exec and exit as they happen, by the proc connector or by BPF programs in its place
	SourceTaskstats    Source = "taskstats"      // what each process has used that exits, by taskstats or by BPF programs in its place
	SourceTaskIterator Source = "task_iterator"  // the kernel's table of tasks, on the sensor's clock; what is lost of it are events of the BPF programs
	SourceInotify      Source = "inotify"        // what changes in watched directories; it feeds no processes
)

// Sources lists every source.
func Sources() []Source {
	return []Source{SourcePoll, SourceConnector, SourceTaskstats, SourceTaskIterator}
}

// SendsEvents tells whether the kernel sends what it knows by itself, so that it may be lost.
func (s Source) SendsEvents() bool {
	return s == SourceConnector || s == SourceTaskstats || s == SourceTaskIterator
}

// Slots tells how full a bounded table is.
type Slots struct {
	Used, Limit int
	Refused     uint64
}

// UnattributedRate is CPU time of the last minute that no visible process used.
type UnattributedRate struct {
	Cores          float64
	Span           time.Duration // that Cores is the mean of; about 60 s, less after the start
	ExitsPerSecond float64       // of threads: the kernel's own work for each has no owner
	Complete       bool          // the kernel reported every exit in that time
	Exact          bool          // Complete, and run times were the kernel's own, in ns
}

// ProcessSnapshot is one sample of the process table. It is never changed after
// it was published.
type ProcessSnapshot struct {
	Meta
	BootID           string
	Sources          map[Source]bool   // whether each is active
	EventsLost       map[Source]uint64 // reports of loss since the exporter started, of those that send events
	Execs            ExecTotals
	ShortLived       []ShortLived // at most 64, of which a process has just ended
	CPUs             int
	BusySeconds      float64 // user + nice + system of /proc/stat since the exporter started
	Unattributed     float64 // running maximum of busy - attributed, seconds
	UnattributedRate UnattributedRate
	Origins          map[OriginKey]CPUTotals
	Groups           []GroupTotals // at most 32, and one `other` for each origin
	GroupSlots       Slots
	GPU              *GPUTotals          // nil on a host that has no GPU
	Processes        []*Process          // sorted by pid. One about which nothing changed is the same pointer as in the last snapshot
	Loads            map[ProgramKey]Load // of programs that use a tenth of a core or more, whether their processes live or have ended
	Respawns         map[string]Respawn
}

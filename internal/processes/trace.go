package processes

import (
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/inspect"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/procdir"
)

const (
	// maxTraces bounds the processes that are followed, and those that ended
	// since the last sample. Beyond it they are counted as lost.
	maxTraces = 1 << 17
	// traceSlack is how far the time of a fork's event may be from the start time
	// in /proc/PID/stat, in clock ticks of 10 ms: the event is later, on a busy host
	// by some slices of CPU time.
	traceSlack = 50
	// earlySlack is by how many ticks it may seem to be earlier, for rounding and the two clocks. What is earlier
	// by more is of another process, which had the pid before.
	earlySlack = 2
	// patience is the last samples of how many rounds in a row may miss a process before its trace is
	// dropped: the report of its end may be on the way.
	patience = 3
)

// image is the program that a process runs. Forks share it.
type image struct {
	procdir.Executable
	origin    model.Origin
	directory string
	known     hostfs.Content // if it was when it was inherited
}

// owner is what a child inherits from its parent.
type owner struct {
	uid                             uint32
	user, cgroup, unit, containerID string
	container                       *model.Container
	isolation                       model.Isolation
}

// legacy is what the children of a process that a sample has seen take over, which share it.
type legacy struct {
	of     *model.Process
	parent *model.Ancestor
	image  *image
	owner  *owner
}

// trace is what the event sources have reported of one process.
type trace struct {
	pid    int
	comm   string
	born   time.Duration // CLOCK_BOOTTIME of the fork, if it was seen
	forked bool          // so its parent, and all its threads, are known
	older  bool          // a sample saw it before the first report
	parent *model.Ancestor
	image  *image // nil: it could not be read
	owner  *owner
	execs  int

	argv     []string // of the last exec; nil if they were not read
	script   string   // that it runs, if argv was read
	interest model.Interest
	taken    bool // a sample has counted its end: it is not changed any more

	threads   int           // living, if forked
	cpu       time.Duration // of the threads that have exited
	accounted bool          // the account of its last thread has come
	ending    bool          // the kernel has noted its end, and may note more
	exitCode  uint32
	ended     time.Duration // CLOCK_BOOTTIME; 0: its end was lost
	unseen    int           // last samples of rounds that missed it, in a row
}

// startTime is field 22 of /proc/PID/stat, give or take traceSlack.
func (t *trace) startTime() uint64 { return uint64(t.born / (time.Second / userHz)) }

// is reports whether a trace may belong to the process with this start time.
func (t *trace) is(startTime uint64) bool {
	return t.born == 0 || t.startTime()+earlySlack >= startTime && near(t.startTime(), startTime)
}

func near(a, b uint64) bool { return max(a, b)-min(a, b) <= traceSlack }

// ancestor is what the children of a traced process remember of it.
func (t *trace) ancestor(boot time.Time) *model.Ancestor {
	a := &model.Ancestor{
		Identity: model.Identity{PID: t.pid, StartTime: t.startTime()}, Comm: t.comm,
		Origin: model.OriginUnreadable, Started: boot.Add(t.born),
	}
	if t.image != nil {
		a.Exe, a.Origin = t.image.Path, t.image.origin
	}
	if t.owner != nil {
		a.User = t.owner.user
	}
	if t.parent != nil {
		a.Parent = trim(t.parent, maxAncestors)
		a.Depth = a.Parent.Depth + 1
	}
	return a
}

// imageOfPID reads which program a process runs, or returns nil.
func imageOfPID(r *procdir.Reader, pid int) *image {
	target, err := r.Link(pid, false)
	if err != nil {
		return nil
	}
	file, err := hostfs.Within(r.Guard, inspect.ReadTime, func() (procdir.File, error) { return r.Executable(pid, target) })
	exe := file.Named(target, err)
	if err != nil {
		exe = procdir.Executable{Path: exe.Path, Deleted: exe.Deleted}
	}
	found := &image{Executable: exe}
	found.origin, found.directory = place.Origin(exe.Path, exe.Deleted)
	return found
}

// give says of a process that it runs this program.
func (i *image) give(process *model.Process) {
	process.Exe, process.ExeDeleted, process.ExeReplaced = i.Path, i.Deleted, i.Replaced
	process.ExeFile, process.ExeOwner, process.Origin = i.File, i.Owner, i.origin
}

func imageOf(p *model.Process) *image {
	_, directory := place.Origin(p.Exe, p.ExeDeleted)
	return &image{
		Executable: procdir.Executable{Path: p.Exe, Deleted: p.ExeDeleted, Replaced: p.ExeReplaced, File: p.ExeFile, Owner: p.ExeOwner},
		origin:     p.Origin, directory: directory, known: hostfs.Content{SHA256: p.SHA256, Facts: p.Content},
	}
}

func ownerOf(p *model.Process) *owner {
	return &owner{uid: p.UID, user: p.User, cgroup: p.Cgroup, unit: p.Unit, containerID: p.ContainerID, container: p.Container, isolation: p.Isolation}
}

// commOf is what the kernel calls a program that it has just started: at most
// 15 bytes of its base name.
func commOf(path string) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	return name[:min(len(name), 15)]
}

// give hands down to a process. Without an owner the process counts as the host's.
func (o *owner) give(process *model.Process) {
	process.Isolation = model.IsolationHost
	if o == nil {
		return
	}
	process.UID, process.User, process.Cgroup = o.uid, o.user, o.cgroup
	process.Unit, process.ContainerID, process.Container, process.Isolation = o.unit, o.containerID, o.container, o.isolation
}

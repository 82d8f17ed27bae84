package processes

import (
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/cpu"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/respawn"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// sight tells whether it could be seen what a process runs.
type sight uint8

const (
	notAsked sight = iota // a kernel thread, or a zombie from the first
	readable
	unreadable
)

// entry is what is kept of a process as long as it lives, and of one that has exited for a sample more. There may be
// tens of thousands of them, most at rest: what is looked at in every sample comes first, what few have is a pointer.
type entry struct {
	process    *model.Process // see change
	sample     int            // the last that saw it
	published  bool           // process was handed out
	rests      bool           // nothing about it changes: see sample.rest
	dead       bool           // a zombie: it ended and nobody has waited for it
	hidden     bool           // what /proc shows of it, if anything, belongs to something else
	partial    bool           // user or cgroup could not be read
	suspicious bool           // its origin is
	sight      sight
	gone       bool // it is not in the table any more
	unlisted   bool // the names in /proc lacked it at the last look
	unopened   bool // it had no directory in /proc at the last look

	newImage      bool // its program has not been counted as a start yet
	counted       bool // it began after the exporter did
	unreadCounted bool // the failure to read exe was counted
	argumentsDue  bool // its arguments could not be read in time
	copySought    bool // it was looked for what its program in memory is a copy of
	fileDue       bool // the file that it runs could not be read in time
	accounted     bool // the account of its last thread was counted
	sanitized     bool // the group's name had to be changed to be fit for a label

	task      taskiter.Task // as the last sample saw it
	hiding    model.Hiding  // how it is hidden, if it is
	target    string        // of /proc/PID/exe when it was last read
	directory string        // names the group of a process in temp
	firstName string        // of which Process.ArgvIsExe tells; "" for none
	content   hostfs.ContentKey
	cpu       cpu.Process
	living    cpu.Instance
	instance  respawn.Instance
	program   model.ProgramKey // that its time counted for last; zero if it has used none

	imageStarted time.Time // when this program began: the process' start, or the sample that saw the exec
	inspected    *inspected
	gpu          *gpuUser
	ended        *endedChildren  // nil if no child of it ended with an account
	asAncestor   *model.Ancestor // what its children remember of it; nil if it has none
	ancestorOf   *model.Ancestor // the parent that asAncestor was made with
	uncredited   float64         // seconds of CPU in this round, which count for its program at the end of it
	missing      int             // the round whose samples did not see it any more, its account not having come; 0: it was seen
}

// endedChildren are the children of a process that have ended and whose accounts were counted, in this round and in the
// one before.
type endedChildren struct {
	now, before []*entry
}

// maxEnded bounds the children of one process that are kept to share what the kernel used to end them.
const maxEnded = 4096

// childEnded notes that a child has ended. Its parent may have waited for it in the round before.
func (e *entry) childEnded(child *entry, late bool) {
	if e.ended == nil {
		e.ended = &endedChildren{}
	}
	list := &e.ended.now
	if late {
		list = &e.ended.before
	}
	if len(*list) < maxEnded {
		*list = append(*list, child)
	}
}

// change returns the process to change it. What was published stays as it is: then a copy takes its place.
func (e *entry) change() *model.Process {
	if e.published {
		changed := *e.process
		e.process, e.published = &changed, false
	}
	return e.process
}

// group is the label set that this process counts for, and how many of its texts had
// to be changed to be fit for a label. They are changed here, before CPU time is
// counted for them: two names that become the same text must count as one.
func (e *entry) group() (key model.GroupKey, sanitized int) {
	key = model.GroupKey{Process: e.process.Group, Origin: e.process.Origin, User: text.Label(e.process.User)}
	if e.sanitized {
		sanitized++
	}
	if key.User != e.process.User {
		sanitized++
	}
	return key, sanitized
}

func (e *entry) origin() model.OriginKey {
	return model.OriginKey{Origin: e.process.Origin, Isolation: e.process.Isolation}
}

// rename sets the group after the content or the path became known.
func (e *entry) rename() {
	p := e.change()
	e.suspicious = p.Origin.Suspicious()
	name := cpu.GroupName(p.Origin, e.directory, p.Exe, p.SHA256)
	p.Group = text.Label(name)
	e.sanitized = p.Group != name
}

// ancestor is what children will remember of the process. Chains are kept
// short, so that a program that forks and exits for ever does not fill memory.
func (e *entry) ancestor() *model.Ancestor {
	p, known := e.process, e.asAncestor
	if known == nil || known.Identity != p.Identity || known.Comm != p.Comm || known.Exe != p.Exe || known.User != p.User ||
		known.Origin != p.Origin || !known.Started.Equal(p.Started) || e.ancestorOf != p.Parent {
		e.asAncestor, e.ancestorOf = ancestorOf(p), p.Parent
	}
	return e.asAncestor
}

func ancestorOf(p *model.Process) *model.Ancestor {
	parent := p.Parent
	depth := 0
	if parent != nil {
		parent = trim(parent, maxAncestors)
		depth = parent.Depth + 1
	}
	return &model.Ancestor{
		Identity: p.Identity, Comm: p.Comm, Exe: p.Exe, User: p.User, Origin: p.Origin,
		Started: p.Started, Parent: parent, Depth: depth,
	}
}

// maxAncestors is how long a chain of ancestors may grow before it is copied
// without its far end.
const maxAncestors = 16

func trim(ancestor *model.Ancestor, limit int) *model.Ancestor {
	if ancestor.Depth < 4*limit {
		return ancestor
	}
	var chain []model.Ancestor
	for a := ancestor; a != nil && len(chain) < limit; a = a.Parent {
		chain = append(chain, *a)
	}
	var parent *model.Ancestor
	for depth, a := range slices.Backward(chain) {
		a.Parent, a.Depth = parent, len(chain)-1-depth
		parent = &a
	}
	return parent
}

// startTime converts field 22 of /proc/PID/stat.
func startTime(boot time.Time, ticks uint64) time.Time {
	return boot.Add(time.Duration(ticks) * (time.Second / userHz))
}

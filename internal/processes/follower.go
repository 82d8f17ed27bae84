package processes

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/procevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/procdir"
)

// follower keeps the traces. Its handlers (event, account, lost) are called by the
// goroutines of the event sources, all else by the goroutine that samples. The lock is
// held for moments only: a sample must not hold up the sources, whose buffers would fill.
type follower struct {
	reader    *procdir.Reader
	userName  func(uid uint32) string
	published func() *model.ProcessSnapshot // what is known of older processes
	now       func() time.Duration          // CLOCK_BOOTTIME
	boot      time.Time
	sleep     time.Duration // CLOCK_BOOTTIME less CLOCK_MONOTONIC: time in suspend
	watch     *execWatch

	mu        sync.Mutex
	sources   map[model.Source]source
	connector bool // which sources are active
	accounts  bool
	noted     bool // that is the kernel's own notes
	traces    map[int]*trace
	threads   map[int]int       // process of each thread that is not its first
	legacy    legacy            // of the last parent: most forks in a row are of one
	exited    []*trace          // ended since the last take, in the order of their end
	ends      [2]map[int]*trace // the same by pid since the round began, and those of the round before
	lossy     bool              // something was lost since the last take
	dropped   uint64            // for lack of room here
	exits     uint64            // threads that have ended
	ending    []*trace          // ended since the last take, so far as the kernel's notes tell

	known        *knownPrograms // of the kernel's notes
	starting     model.Process  // that note tells of
	threadsEnded func() uint64  // that are in no event; nil if there are none
}

func newFollower(r *procdir.Reader, userName func(uint32) string, published func() *model.ProcessSnapshot) *follower {
	return &follower{
		reader: r, userName: userName, published: published, now: func() time.Duration { return clock(unix.CLOCK_BOOTTIME) },
		traces: map[int]*trace{}, threads: map[int]int{}, sources: map[model.Source]source{},
		ends: [2]map[int]*trace{{}, {}},
	}
}

// setClock sets when the host was booted, and returns CLOCK_BOOTTIME. Events
// carry CLOCK_MONOTONIC, which stands still in suspend.
func (f *follower) setClock(boot time.Time) time.Duration {
	sinceBoot, running := clock(unix.CLOCK_BOOTTIME), clock(unix.CLOCK_MONOTONIC)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.boot, f.sleep = boot, sinceBoot-running
	return sinceBoot
}

func clock(id int32) time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(id, &now); err != nil {
		return 0 // cannot fail with these clocks
	}
	return time.Duration(now.Nano())
}

func (f *follower) hasAccounts() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.accounts
}

// event takes one message of the proc connector.
func (f *follower) event(e procevents.Event) {
	switch e.Kind {
	case procevents.Fork:
		f.fork(e)
	case procevents.Exec:
		f.exec(e)
	case procevents.UID:
		f.mu.Lock()
		defer f.mu.Unlock()
		f.setUser(f.traces[e.TGID], e.UID)
	case procevents.Exit:
		f.exit(e)
	}
}

// setUser sets whose a traced process is. Forks share what they took over, so it is changed in a copy.
func (f *follower) setUser(t *trace, uid uint32) {
	if t == nil || t.owner == nil || t.owner.uid == uid {
		return
	}
	changed := *t.owner
	changed.uid, changed.user = uid, userOf(uid, changed.isolation, f.userName)
	t.owner = &changed
}

// fork begins the trace of a new process, or counts a new thread.
func (f *follower) fork(e procevents.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.PID == e.TGID {
		f.begin(e.PID, e.ParentTGID, e.Time+f.sleep)
		return
	}
	if t := f.traces[e.TGID]; t != nil && t.forked && len(f.threads) < maxTraces {
		t.threads++
		f.threads[e.PID] = e.TGID
	}
}

// begin begins the trace of a new process. The caller holds the lock.
func (f *follower) begin(pid, parentPID int, born time.Duration) {
	delete(f.threads, pid)
	old := f.traces[pid]
	if old != nil && (old.forked || old.older) {
		f.finish(old) // its exit was lost: the pid belongs to another process now
		old = nil
	}
	if len(f.traces) >= maxTraces {
		f.dropped++
		f.lossy = true
		return
	}
	t := &trace{pid: pid, born: born, forked: true, threads: 1}
	if parent := f.parent(parentPID); parent != nil && parent.forked {
		t.parent, t.image, t.owner, t.comm = parent.ancestor(f.boot), parent.image, parent.owner, parent.comm
	} else if known := f.lastSeen(parentPID); known != nil {
		if f.legacy.of != known {
			f.legacy = legacy{of: known, parent: ancestorOf(known), image: imageOf(known), owner: ownerOf(known)}
		}
		t.parent, t.image, t.owner, t.comm = f.legacy.parent, f.legacy.image, f.legacy.owner, known.Comm
	}
	if old != nil { // its account came before this event
		t.cpu, t.accounted, t.ended, t.exitCode = old.cpu, old.accounted, old.ended, old.exitCode
		t.threads += old.threads
	}
	f.traces[pid] = t
}

// exec notes that a process runs another program. It is looked at at once: the process may
// be gone within a millisecond.
func (f *follower) exec(e procevents.Event) {
	found := imageOfPID(f.reader, e.TGID)
	process := &model.Process{}
	t := f.begun(e.TGID, process)
	interest := model.InterestNone
	if found != nil {
		process.Comm = commOf(found.Path)
		found.give(process)
		interest = f.watch.look(process)
	}
	execs := 0
	if t != nil {
		execs = f.setProgram(t, found, process, interest)
	}
	if found != nil {
		f.reactTo(process, t, execs, found, interest)
	}
}

// reactTo has a program looked at that asks for it, and one from a suspicious place read.
func (f *follower) reactTo(process *model.Process, t *trace, execs int, found *image, interest model.Interest) {
	stillRuns := func() bool { return t == nil || f.runs(t, execs) }
	f.watch.react(process, interest, stillRuns)
	f.watch.readContent(process.PID, found, func(content hostfs.Content) {
		withContent := *process
		withContent.SHA256, withContent.Content = content.SHA256, content.Facts
		if more := f.watch.interest(&withContent); more > interest {
			f.watch.react(process, more, stillRuns)
		}
	})
}

// begun returns the trace of a process that runs another program, and fills in what was known of it before. Where the
// process is older than its trace there is none: the next sample sees what it runs.
func (f *follower) begun(pid int, process *model.Process) *trace {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.traces[pid]; t != nil && t.forked {
		process.Identity, process.Started, process.Parent = model.Identity{PID: pid, StartTime: t.startTime()}, f.boot.Add(t.born), t.parent
		t.owner.give(process)
		return t
	}
	process.PID = pid
	if known := f.lastSeen(pid); known != nil {
		process.Identity, process.Started, process.Parent = known.Identity, known.Started, known.Parent
		ownerOf(known).give(process)
	}
	return nil
}

// setProgram sets what a traced process runs from now on, unless a sample has counted its end by now.
func (f *follower) setProgram(t *trace, found *image, process *model.Process, interest model.Interest) (execs int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t.taken {
		return 0
	}
	t.execs++
	t.image = found
	if found != nil {
		t.comm, t.argv, t.script, t.interest = process.Comm, process.Argv, process.Script, interest
	}
	return t.execs
}

// runs tells whether a process runs what it ran after so many execs.
func (f *follower) runs(t *trace, execs int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.traces[t.pid] == t && t.execs == execs
}

// exit counts a thread that has ended. If the kernel sends accounts, they say more, and
// come earlier (do_exit in kernel/exit.c).
func (f *follower) exit(e procevents.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.accounts {
		if t := f.traces[e.TGID]; t != nil && t.accounted && t.forked {
			f.finish(t)
		}
		return
	}
	t := f.traceOf(e.TGID)
	if t == nil {
		return
	}
	f.threadEnded(t, e.PID, e.ExitCode)
	// How many threads an older process has is not known: it counts as ended when its first thread has.
	ended := t.threads <= 0
	if !t.forked {
		ended = e.PID == e.TGID
	}
	if ended {
		t.ended = e.Time + f.sleep
		f.finish(t)
	}
}

// account takes the account of a thread that has ended.
func (f *follower) account(a procevents.Account) {
	f.mu.Lock()
	defer f.mu.Unlock()
	tgid, last := a.TGID, a.Last
	if tgid == 0 { // a kernel before 5.19, whose accounts do not name the process
		if tgid = f.threads[a.PID]; tgid == 0 {
			tgid = a.PID
		}
		t := f.traces[tgid]
		if t == nil || !t.forked {
			return
		}
		last = t.threads <= 1
	}
	t := f.traceOf(tgid)
	if t == nil {
		return
	}
	f.threadEnded(t, a.PID, a.ExitCode)
	t.cpu += a.CPU
	if a.PID == tgid {
		t.comm = a.Comm
	}
	if last {
		t.accounted, t.ended = true, f.now()
		if t.forked || t.older || !f.connector {
			f.finish(t)
		} // else it was so short that the event of its fork has not come yet
	}
}

func (f *follower) threadEnded(t *trace, pid int, code uint32) {
	f.exits++
	delete(f.threads, pid)
	t.threads--
	if pid == t.pid || t.exitCode == 0 {
		t.exitCode = code
	}
}

// traceOf returns the trace of a process, and begins one for an older process.
func (f *follower) traceOf(tgid int) *trace {
	t := f.traces[tgid]
	if t == nil {
		if len(f.traces) >= maxTraces {
			f.dropped++
			f.lossy = true
			return nil
		}
		t = &trace{pid: tgid, older: f.lastSeen(tgid) != nil}
		f.traces[tgid] = t
	}
	return t
}

func (f *follower) finish(t *trace) {
	delete(f.traces, t.pid)
	if len(f.exited) >= maxTraces {
		f.dropped++
		f.lossy = true
		return
	}
	f.exited = append(f.exited, t)
	f.ends[0][t.pid] = t
}

// parent finds the trace of the process that forked. It may have ended already, as its account comes
// before the event of the fork: a double fork takes less than a millisecond.
func (f *follower) parent(pid int) *trace {
	for _, traces := range []map[int]*trace{f.traces, f.ends[0], f.ends[1]} {
		if t := traces[pid]; t != nil {
			return t
		}
	}
	return nil
}

// lost is called when the kernel has dropped messages.
func (f *follower) lost() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lossy = true
}

// exitCount is how many threads have ended since the exporter started.
func (f *follower) exitCount() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.threadsEnded != nil {
		return f.exits + f.threadsEnded()
	}
	return f.exits
}

// take returns the processes that have ended since it was last called, and whether
// these are all.
func (f *follower) take(endsRound bool) (exited []*trace, complete bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.finishEnding()
	if f.lossy {
		for _, t := range f.traces {
			if t.accounted {
				f.finish(t)
			}
		}
	}
	exited, complete = f.exited, f.accounts && !f.lossy
	for _, t := range exited {
		t.taken = true
	}
	f.exited, f.lossy = nil, false
	if endsRound {
		f.ends = [2]map[int]*trace{{}, f.ends[0]}
	}
	return exited, complete
}

// trace returns a copy of what is known of a living process, or nil.
func (f *follower) trace(pid int) *trace {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.traces[pid]
	if t == nil {
		return nil
	}
	found := *t
	return &found
}

// imageOf returns the program that a process was seen to start, or nil.
func (f *follower) imageOf(pid int) *image {
	if t := f.trace(pid); t != nil && t.execs > 0 {
		return t.image
	}
	return nil
}

// forget drops the traces of processes whose end was lost. Either the last samples of patience rounds in a row did not see
// them, or their pid belongs to another process. before is CLOCK_BOOTTIME when this sample began: it cannot
// have seen a younger process.
func (f *follower) forget(seenNow func(pid int) seen, before time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for pid, t := range f.traces {
		now := seenNow(pid)
		switch {
		case t.ending, t.born >= before, now.ok && t.is(now.startTime):
			t.unseen = 0
		case t.unseen < patience && !t.accounted && !now.ok:
			t.unseen++
		default:
			delete(f.traces, pid)
		}
	}
}

// lastSeen finds a process in the last sample.
func (f *follower) lastSeen(pid int) *model.Process {
	p, _ := f.published().Process(pid)
	return p
}

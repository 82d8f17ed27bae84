// Package inspect takes the expensive look at one process: its memory map,
// threads, open files, environment, arguments and the head of its program. All of
// it may be hostile, so every read is bounded in bytes and in time.
package inspect

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	// ReadTime is how long one read is waited for.
	ReadTime = 500 * time.Millisecond

	maxStuck         = 64 // reads that never came back, each of which holds a thread
	maxStuckOfUser   = 16 // those of one user's processes
	firstPause       = time.Minute
	longestPause     = time.Hour
	sampleTime       = time.Second // that one sample waits for reads of processes, and again for those of files
	sampleTimeOfUser = sampleTime / 2
	shortestWait     = 50 * time.Millisecond
	// swift is how long a read may take that is not held up by anybody.
	swift = 5 * time.Millisecond
)

var (
	// ErrPaused is the answer for a read that hung before and is not tried again yet.
	ErrPaused = fmt.Errorf("it hung before and is not asked yet: %w", hostfs.ErrTimeout)
	// ErrPostponed is the answer for a read that must wait for the next sample: the
	// time that reads may take in this one is used up.
	ErrPostponed = fmt.Errorf("the time for one sample is used up: %w", hostfs.ErrTimeout)
)

// Subject is the process that a read is about.
type Subject struct {
	model.Identity
	UID uint32 // who may have made it hang
}

// Kind is what a read can be held up by. One that hangs does not keep the others
// from being tried.
type Kind uint8

// The kinds of reads.
const (
	Kernel    Kind = iota // nothing but the kernel's locks: threads, open files
	MemoryMap             // the lock of the process' memory
	Memory                // a page of it: arguments, environment
	File                  // the file that it runs
	kinds
)

// budget is which of two budgets of time a read counts for: that of processes, or
// that of files.
func (k Kind) budget() int {
	if k == File {
		return 1
	}
	return 0
}

// spent is the time that reads have taken in one sample, by budget.
type spent [2]time.Duration

// Reads runs the reads that a hostile process can hold up for ever. It remembers
// which did: those are asked again after a pause that grows from a minute to an
// hour, and never while the last read is still waiting. It limits how many wait
// for one user's processes, so that nobody can use up the threads for all others,
// and how long one sample waits in all: 1 s for processes and 1 s for the files that
// they run, half of it for one user.
// It may be used by several goroutines.
type Reads struct {
	guard *hostfs.Guard

	mu    sync.Mutex
	now   time.Time
	used  spent
	users map[uint32]*userReads
	hung  map[readKey]*hungRead
}

type userReads struct {
	guard *hostfs.Guard
	used  spent
}

type readKey struct {
	model.Identity
	kind Kind
}

// hungRead is a read that did not come back in time.
type hungRead struct {
	until time.Time     // when it is tried again
	pause time.Duration // the last; 0 if it was not waited for long enough to tell
	since time.Time     // of the first read that hung, and was followed by no good one; zero if none did
	back  *atomic.Bool  // it has come back since
}

// NewReads returns a Reads that nothing hangs in.
func NewReads() *Reads {
	return &Reads{guard: hostfs.NewGuard(maxStuck), users: map[uint32]*userReads{}, hung: map[readKey]*hungRead{}}
}

// Guard is the guard of all these reads, for those about no known process.
func (r *Reads) Guard() *hostfs.Guard { return r.guard }

// Begin starts the time of a new sample.
func (r *Reads) Begin(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now, r.used = now, spent{}
	for uid, user := range r.users {
		user.used = spent{}
		if user.guard.Stuck() == 0 {
			delete(r.users, uid)
		}
	}
}

// Forget ends a sample: what is known of processes that have ended is dropped.
func (r *Reads) Forget(lives func(model.Identity) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.hung {
		if !lives(key.Identity) {
			delete(r.hung, key)
		}
	}
}

// Renew is called for a process that runs another program now, in other memory: it
// may be asked at once. The pauses still grow, so that nothing is won by it.
func (r *Reads) Renew(id model.Identity) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for kind := range kinds {
		key := readKey{id, kind}
		if earlier := r.hung[key]; earlier != nil {
			hung := &hungRead{until: r.now, pause: earlier.pause, back: &atomic.Bool{}}
			hung.back.Store(true)
			r.hung[key] = hung
		}
	}
}

// Hung is a read that did not come back in time.
type Hung struct {
	model.Identity
	Kind Kind
}

// Hung lists the reads that did not come back in time when they were last tried.
func (r *Reads) Hung() []Hung {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Hung
	for key, hung := range r.hung {
		if !hung.since.IsZero() {
			all = append(all, Hung{key.Identity, key.kind})
		}
	}
	return all
}

// MemoryHangs tells for how long a process' memory has not answered, or 0. One
// late answer is that of a busy host and does not count, a second one does.
func (r *Reads) MemoryHangs(id model.Identity) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	var longest time.Duration
	for _, kind := range []Kind{MemoryMap, Memory} {
		hung := r.hung[readKey{id, kind}]
		if hung == nil || hung.since.IsZero() {
			continue
		}
		if late := hung.back.Load() && hung.pause <= firstPause; !late {
			longest = max(longest, r.now.Sub(hung.since))
		}
	}
	return longest
}

// Within is hostfs.Within for a read about a process. Errors are those of read,
// ErrTimeout, ErrRefused, ErrPanic, ErrPaused and ErrPostponed.
func Within[T any](r *Reads, of Subject, kind Kind, limit time.Duration, read func() (T, error)) (T, error) {
	var none T
	guard, wait, err := r.enter(of, kind, limit)
	if err != nil {
		return none, err
	}
	back := &atomic.Bool{}
	began := time.Now()
	value, err := hostfs.Within(guard, wait, func() (T, error) {
		defer back.Store(true)
		return read()
	})
	if errors.Is(err, hostfs.ErrRefused) {
		return none, err
	}
	timedOut := errors.Is(err, hostfs.ErrTimeout)
	r.leave(of, kind, time.Since(began), timedOut, timedOut && wait < limit, back)
	return value, err
}

// enter says with which guard a read may begin, and how long it is waited for.
func (r *Reads) enter(of Subject, kind Kind, limit time.Duration) (*hostfs.Guard, time.Duration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if hung := r.hung[readKey{of.Identity, kind}]; hung != nil && (r.now.Before(hung.until) || !hung.back.Load()) {
		return nil, 0, ErrPaused
	}
	user := r.users[of.UID]
	if user == nil {
		user = &userReads{guard: r.guard.Share(maxStuckOfUser)}
		r.users[of.UID] = user
	}
	wait := min(limit, sampleTime-r.used[kind.budget()], sampleTimeOfUser-user.used[kind.budget()])
	if wait < shortestWait {
		return nil, 0, ErrPostponed
	}
	return user.guard, wait, nil
}

// leave accounts for a read. One that was cut short by the time of the sample is
// not known to hang: it is tried again as soon as it has come back.
func (r *Reads) leave(of Subject, kind Kind, took time.Duration, timedOut, cut bool, back *atomic.Bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if took > swift {
		r.used[kind.budget()] += took
		if user := r.users[of.UID]; user != nil {
			user.used[kind.budget()] += took
		}
	}
	key := readKey{of.Identity, kind}
	if !timedOut {
		delete(r.hung, key)
		return
	}
	hung := &hungRead{until: r.now, back: back}
	if earlier := r.hung[key]; earlier != nil {
		hung.pause, hung.since = earlier.pause, earlier.since
	}
	if !cut {
		hung.pause = min(max(firstPause, 2*hung.pause), longestPause)
		hung.until = r.now.Add(hung.pause)
		if hung.since.IsZero() {
			hung.since = r.now
		}
	}
	r.hung[key] = hung
}

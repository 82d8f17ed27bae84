// Package taskevents is told by BPF programs what happens to processes: at each fork, exec and end the kernel writes a
// record into memory that it shares with this program (BPF_MAP_TYPE_RINGBUF, Linux 5.8 with BTF). Reading a thousand of
// them costs one wake-up, where each message of the proc connector and of taskstats is a system call; and what a
// program was started with is in the record, so nothing has to be read before the process ends.
package taskevents

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/rounds"
)

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -target bpfel -cc clang -no-global-types -type head -type fork -type exec -type exit -type gone -type program object events.bpf.c -- -O2 -Wall -Wextra -Werror

// Kind is what happened to a process.
type Kind uint16

// The kinds of events, as events.bpf.c numbers them.
const (
	Fork Kind = iota + 1 // a process began
	Exec                 // it runs another program now
	Exit                 // its last thread has ended; twice where the last two end at once
	Gone                 // the kernel has nothing left to do for it; of a zombie only when its parent has waited for it
)

// Event is one thing that happened to a process. Numbers of processes are those of the first pid namespace.
type Event struct {
	Kind  Kind
	PID   int
	Start time.Duration // of the process, since the boot; exact, so that it tells processes with one pid apart
	Time  time.Duration // since the boot, suspended time included

	Parent      int // Fork: the process that it is a child of
	ParentStart time.Duration

	Program   Program // Exec
	Known     bool    // Exec: whether Know was called for Program
	Arguments []byte  // Exec: as /proc/PID/cmdline shows them, at most ArgumentsLimit bytes; valid until the next event
	Truncated bool    // Exec: there were more arguments, or they could not be read

	CPU      time.Duration // Exit: what its threads have run, but for what the last ones did since the last tick; Gone: all of it
	ExitCode uint32        // Exit: status as of wait(2)
	UID      uint32        // Exec, Exit: effective, in the initial user namespace
	Comm     [16]byte      // Exec, Exit: raw bytes up to the first 0
}

// Name is the event's comm, raw bytes.
func (e *Event) Name() string {
	for i, b := range e.Comm {
		if b == 0 {
			return string(e.Comm[:i])
		}
	}
	return string(e.Comm[:])
}

// ringBytes is how much room there is for records: of some 10,000 short processes.
const ringBytes = 4 << 20

// ArgumentsLimit is how much of the arguments an event has, in bytes.
const ArgumentsLimit = 1024

// Program is a file that is executed, by one of its names and through one of its mounts. Its content is the same for
// as long as the kernel's time of change is.
type Program struct {
	Inode     uint64
	Changed   time.Duration // st_ctim since 1970; 0 if it is not known which file it is
	Directory uint64        // inode number
	Device    uint32        // the kernel's number of the file system
	Name      uint32        // a hash
	Mount     uint32        // tells mounts of a namespace apart
	MountNS   uint32        // inode number
}

// Ring is where the kernel's records wait. Drain, Lost, ThreadsEnded and Know may be called by any goroutine.
type Ring struct {
	objects  objectObjects
	links    []link.Link
	reader   *ringbuf.Reader
	rounds   rounds.Rounds
	epoll    int
	record   ringbuf.Record
	event    Event
	lostSeen uint64

	mu     sync.Mutex // of what uses descriptors that Close closes
	closed bool
	missed uint64 // records that were not written as another program ran, as of the last look
}

// New loads the programs and attaches them, which takes CAP_BPF, CAP_PERFMON, Linux 5.8 and the kernel's BTF, and the
// first pid namespace. The error says what to give. They go on when the capabilities are dropped; before Linux 5.19
// Know needs CAP_BPF for good where kernel.unprivileged_bpf_disabled is set.
func New() (*Ring, error) {
	r, err := open(ringBytes)
	if err != nil {
		return nil, fmt.Errorf("have the kernel note processes in memory: %w", err)
	}
	return r, nil
}

// firstPIDNamespace is PROC_PID_INIT_INO of the kernel's include/linux/proc_ns.h.
const firstPIDNamespace = "pid:[4026531836]"

func open(bytes uint32) (*Ring, error) {
	if bits.UintSize != 64 {
		return nil, errors.New("a 32-bit program cannot read it; use the exporter for 64 bits if the kernel has them")
	}
	if namespace, err := os.Readlink("/proc/self/ns/pid"); err != nil || namespace != firstPIDNamespace {
		return nil, errors.Join(errors.New("it numbers processes as the host's first pid namespace does, run it there (--pid=host)"), err)
	}
	r := &Ring{epoll: -1}
	spec, err := loadObject()
	if err != nil {
		return nil, err
	}
	spec.Maps[objectMapEvents].MaxEntries = bytes
	err = spec.LoadAndAssign(&r.objects, nil)
	if errors.Is(err, unix.EPERM) && rlimit.RemoveMemlock() == nil {
		// Before 5.11 programs counted as locked memory.
		err = spec.LoadAndAssign(&r.objects, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("load (it takes CAP_BPF, CAP_PERFMON and Linux 5.8 with BTF): %w", err)
	}
	for _, program := range r.programs() {
		attached, err := link.AttachTracing(link.TracingOptions{Program: program})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("attach: %w", err), r.Close())
		}
		r.links = append(r.links, attached)
	}
	if r.reader, err = ringbuf.NewReader(r.objects.Events); err == nil {
		r.reader.SetDeadline(time.Unix(1, 0)) // it never waits
		err = r.openEpoll()
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// openEpoll makes what the ring and those who ask are waited for with.
func (r *Ring) openEpoll() (err error) {
	if r.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("make an epoll instance: %w", err)
	}
	if err := r.rounds.Open(); err != nil {
		return err
	}
	for fd, events := range map[int]uint32{r.objects.Events.FD(): unix.EPOLLIN | unix.EPOLLET, r.rounds.Bell(): unix.EPOLLIN} {
		if err := unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
			return fmt.Errorf("wait for the kernel's records: %w", err)
		}
	}
	return nil
}

func (r *Ring) programs() []*ebpf.Program {
	return []*ebpf.Program{r.objects.NoteFork, r.objects.NoteExec, r.objects.NoteExit, r.objects.NoteGone}
}

// Close ends it; the kernel removes the programs. Run does it by itself.
func (r *Ring) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	var errs []error
	for _, l := range r.links {
		errs = append(errs, l.Close())
	}
	if r.reader != nil {
		errs = append(errs, r.reader.Close())
	}
	if r.epoll >= 0 {
		errs = append(errs, unix.Close(r.epoll))
		r.epoll = -1
	}
	return errors.Join(append(errs, r.objects.Close())...)
}

// Lost is how many records there was no room for, or were not written as another program of ours ran in that moment.
func (r *Ring) Lost() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var missed uint64
	for _, program := range r.programs() {
		if r.closed {
			break
		}
		if stats, err := program.Stats(); err == nil {
			missed += stats.RecursionMisses
		}
	}
	r.missed = max(r.missed, missed)
	return r.lostRecords() + r.missed
}

func (r *Ring) lostRecords() (lost uint64) {
	_ = r.objects.Lost.Get(&lost) // it is memory of ours
	return lost
}

// Drain waits until all is handled that happened before it was called. It returns false if that takes longer than
// limit.
func (r *Ring) Drain(limit time.Duration) bool { return r.rounds.Drain(limit) }

// ThreadsEnded is how many threads have ended since New.
func (r *Ring) ThreadsEnded() uint64 {
	var ended uint64
	_ = r.objects.ThreadsEnded.Get(&ended)
	return ended
}

// Know has the kernel wake nobody up for this program, until Forget.
func (r *Ring) Know(p *Program) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return os.ErrClosed
	}
	return r.objects.Known.Put(p.key(), uint8(1))
}

// Forget undoes Know.
func (r *Ring) Forget(p *Program) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	if err := r.objects.Known.Delete(p.key()); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return err
	}
	return nil
}

func (p *Program) key() *objectProgram {
	return &objectProgram{
		Inode: p.Inode, Changed: uint64(p.Changed), Directory: p.Directory, Device: p.Device, Name: p.Name, Mount: p.Mount, MountNs: p.MountNS,
	}
}

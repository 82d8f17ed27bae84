package taskevents

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// pause is for how long records are collected that nothing hangs on: a thousand cost one wake-up.
	pause = 100 * time.Millisecond

	headSize  = int(unsafe.Sizeof(objectHead{}))
	forkSize  = int(unsafe.Sizeof(objectFork{}))
	execSize  = int(unsafe.Sizeof(objectExec{}))
	exitSize  = int(unsafe.Sizeof(objectExit{}))
	goneSize  = int(unsafe.Sizeof(objectGone{}))
	ringSlack = 8 // bytes of the header that each record has in the ring
)

// errRecord is for what events.bpf.c does not write.
var errRecord = errors.New("a record of the kernel is none of ours")

// Run calls handle for each event, in the order of the kernel's records, and lost when some were lost, until the context
// ends. What handle is given is valid until it returns. It closes the ring.
func (r *Ring) Run(ctx context.Context, handle func(*Event), lost func()) error {
	defer func() { _ = r.Close() }()
	defer r.rounds.End()
	defer context.AfterFunc(ctx, func() { r.rounds.Ask() })()
	for idle := 0; ; {
		rings, err := r.wait(idle)
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		end := r.rounds.Begin(rings)
		count, err := r.read(handle)
		if now := r.lostRecords(); now != r.lostSeen {
			r.lostSeen = now
			lost()
		}
		end()
		if err != nil {
			return err
		}
		if idle++; count > 0 {
			idle = 0
		}
	}
}

// wait waits for as long as records may be collected. idle is how many rounds before found none.
func (r *Ring) wait(idle int) (rings bool, err error) {
	limit := pause
	switch {
	case idle == 1:
		// What is written in this very moment may not see that its reader sleeps, so it does not yet sleep for good.
		err = r.objects.Sleeping.Set(uint32(1))
	case idle > 1:
		limit = -1
	}
	if err != nil {
		return false, fmt.Errorf("tell the kernel to wake us up: %w", err)
	}
	woken, rings, err := r.poll(limit)
	if err != nil || rings || !woken || idle == 0 || r.isUrgent() {
		return rings, err
	}
	_, rings, err = r.poll(pause) // it was the first record
	return rings, err
}

// isUrgent tells whether a program has begun that has to be looked at while it runs.
func (r *Ring) isUrgent() bool {
	var urgent uint32
	_ = r.objects.Urgent.Get(&urgent) // it is memory of ours
	return urgent != 0
}

// poll waits until the kernel wakes us up, or somebody rings. A negative limit is none. As records wake us up only
// where they ask for it, what counts is the waking (EPOLLET), not that there are some.
func (r *Ring) poll(limit time.Duration) (woken, rings bool, err error) {
	milliseconds := int(limit.Milliseconds())
	if limit < 0 {
		milliseconds = -1
	}
	var ready [2]unix.EpollEvent
	count, err := unix.EpollWait(r.epoll, ready[:], milliseconds)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return false, false, fmt.Errorf("wait for records of the kernel: %w", err)
	}
	for _, event := range ready[:max(0, count)] {
		if int(event.Fd) == r.rounds.Bell() {
			rings = true
		} else {
			woken = true
		}
	}
	return woken, rings, nil
}

// read handles the records that are there, and not those that come meanwhile.
func (r *Ring) read(handle func(*Event)) (count int, err error) {
	if err := r.objects.Urgent.Set(uint32(0)); err != nil {
		return 0, fmt.Errorf("read records of the kernel: %w", err)
	}
	for left := r.reader.AvailableBytes(); left > 0; count++ {
		if err := r.reader.ReadInto(&r.record); err != nil {
			return count, fmt.Errorf("read records of the kernel: %w", err)
		}
		left -= ringSlack + (len(r.record.RawSample)+7)&^7
		if err := r.event.decode(r.record.RawSample); err != nil {
			return count, err
		}
		handle(&r.event)
	}
	return count, nil
}

// decode reads a record. Arguments stay in it.
func (e *Event) decode(record []byte) error {
	if len(record) < headSize {
		return errRecord
	}
	head := (*objectHead)(unsafe.Pointer(&record[0]))
	*e = Event{Kind: Kind(head.Kind), PID: int(head.Pid), Start: time.Duration(head.StartTime), Time: time.Duration(head.Time)}
	switch size := len(record); {
	case e.Kind == Fork && size >= forkSize:
		fork := (*objectFork)(unsafe.Pointer(&record[0]))
		e.Parent, e.ParentStart = int(fork.Parent), time.Duration(fork.ParentStartTime)
	case e.Kind == Exec && size >= execSize:
		exec := (*objectExec)(unsafe.Pointer(&record[0]))
		p := &exec.Program
		e.Program = Program{
			Inode: p.Inode, Changed: time.Duration(p.Changed), Directory: p.Directory, Device: p.Device, Name: p.Name, Mount: p.Mount, MountNS: p.MountNs,
		}
		e.Known, e.UID, e.Comm = exec.Known != 0, exec.Uid, exec.Comm
		e.Arguments = record[execSize:]
		if length := int(exec.ArgumentsLength); length <= len(e.Arguments) {
			e.Arguments = e.Arguments[:length]
		} else {
			e.Truncated = true
		}
	case e.Kind == Exit && size >= exitSize:
		exit := (*objectExit)(unsafe.Pointer(&record[0]))
		e.CPU, e.ExitCode, e.UID, e.Comm = time.Duration(exit.RunTime), exit.ExitCode, exit.Uid, exit.Comm
	case e.Kind == Gone && size >= goneSize:
		e.CPU = time.Duration((*objectGone)(unsafe.Pointer(&record[0])).RunTime)
	default:
		return errRecord
	}
	return nil
}

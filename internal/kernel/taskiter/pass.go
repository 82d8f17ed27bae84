package taskiter

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"unsafe"
)

// The kinds of records, as in tasks.bpf.c.
const (
	kindProcess = 1
	kindThread  = 2

	headSize    = int(unsafe.Sizeof(tasksHead{}))
	processSize = int(unsafe.Sizeof(tasksProcess{}))

	// bufferSize is more than the kernel gives at once where pages have 4 KiB (eight of them).
	bufferSize = 64 << 10
)

// pass puts the records of one pass together. Its slices are used again in the next one.
type pass struct {
	pageSize uint64
	each     func(*Task)

	buffer   []byte
	task     Task        // the one that is given
	last     int32       // the pid of the last process
	threaded []Task      // processes with more than one thread, by pid; RunTime is still without ThreadsEnded
	threads  []tasksHead // those that were not of the last process
}

func newPass(pageSize int) *pass {
	return &pass{pageSize: uint64(pageSize), buffer: make([]byte, bufferSize)}
}

// read takes everything from the kernel, and gives each process once: those with one
// thread at once, the others when all threads are known.
func (p *pass) read(from io.Reader, each func(*Task)) error {
	p.each, p.last, p.threaded, p.threads = each, 0, p.threaded[:0], p.threads[:0]
	defer func() { p.each = nil }()
	filled := 0
	for {
		n, err := from.Read(p.buffer[filled:])
		filled += n
		rest, malformed := p.take(p.buffer[:filled])
		if malformed != nil {
			return malformed
		}
		filled = copy(p.buffer, rest)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the kernel's tasks: %w", err)
		}
	}
	if filled > 0 {
		return fmt.Errorf("read the kernel's tasks: the last record is cut off after %d bytes", filled)
	}
	p.finish()
	return nil
}

// take reads the records that are whole, and returns what is left.
func (p *pass) take(data []byte) ([]byte, error) {
	for len(data) >= headSize {
		head := (*tasksHead)(unsafe.Pointer(&data[0]))
		size := int(head.Size)
		switch {
		case head.Kind == kindThread && size == headSize:
			p.thread(head)
		case head.Kind == kindProcess && size == processSize:
			if len(data) < size {
				return data, nil
			}
			if err := p.process((*tasksProcess)(unsafe.Pointer(&data[0]))); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("read the kernel's tasks: a record of kind %d with %d bytes is none of ours", head.Kind, size)
		}
		data = data[size:]
	}
	return data, nil
}

func (p *pass) process(r *tasksProcess) error {
	if r.Head.Pid <= p.last {
		return fmt.Errorf("read the kernel's tasks: process %d comes after %d, so threads cannot be told apart", r.Head.Pid, p.last)
	}
	p.last = r.Head.Pid
	if r.Threads > 1 {
		p.threaded = append(p.threaded, Task{})
		p.threaded[len(p.threaded)-1].decode(r, p.pageSize)
		return nil
	}
	p.task.decode(r, p.pageSize)
	p.give(&p.task)
	return nil
}

func (p *pass) thread(head *tasksHead) {
	if n := len(p.threaded); n > 0 && p.threaded[n-1].PID == head.Pid {
		p.threaded[n-1].add(head)
		return
	}
	p.threads = append(p.threads, *head)
}

// finish adds the threads that came before their process, or after another one, and gives
// the processes that have threads. A thread whose process is not there is left out: it
// began or ended during the pass.
func (p *pass) finish() {
	for i := range p.threads {
		head := &p.threads[i]
		at, found := slices.BinarySearchFunc(p.threaded, head.Pid, func(t Task, pid int32) int { return cmp.Compare(t.PID, pid) })
		if found {
			p.threaded[at].add(head)
		}
	}
	for i := range p.threaded {
		p.give(&p.threaded[i])
	}
}

func (p *pass) give(t *Task) {
	t.RunTime += t.ThreadsEnded
	p.each(t)
}

// add counts a thread. A thread that ends during the pass is in what ThreadsEnded is
// afterwards, and may have been counted as living before: so the first counts.
func (t *Task) add(head *tasksHead) {
	t.RunTime += head.RunTime
	t.ThreadsEnded = min(t.ThreadsEnded, head.ThreadsEnded)
}

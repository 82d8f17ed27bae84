package sockiter

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
)

// noted are the sockets that the kernel has noted when they began to listen, until they are
// read. They wait in memory that the kernel shares with this process, 64 KiB.
type noted struct {
	link    link.Link
	objects notingObjects
	reader  *ringbuf.Reader
	record  ringbuf.Record
}

// notingObjects is the part of the object that NoteListeners loads.
type notingObjects struct {
	NoteListener *ebpf.Program `ebpf:"note_listener"`
	Began        *ebpf.Map     `ebpf:"began"`
}

// NoteListeners makes the kernel note each TCP socket that begins to listen, from the first Read
// on. It follows a tracepoint that comes at each change of state of a TCP socket, of which it
// passes over the others. It needs what New needs.
func (i *Iterator) NoteListeners() error {
	spec, err := loadObject()
	if err != nil {
		return fmt.Errorf("read the program that notes listeners: %w", err)
	}
	n := &noted{}
	// The pid namespace of the reader is in the variables that both programs share.
	shared := &ebpf.CollectionOptions{MapReplacements: map[string]*ebpf.Map{".bss": i.objects.Variables}}
	if err := spec.LoadAndAssign(&n.objects, shared); err != nil {
		return fmt.Errorf("load the program that notes listeners: %w", err)
	}
	if n.link, err = link.AttachTracing(link.TracingOptions{Program: n.objects.NoteListener}); err == nil {
		if n.reader, err = ringbuf.NewReader(n.objects.Began); err == nil {
			n.reader.SetDeadline(time.Unix(1, 0)) // it never waits
			i.noted = n
			return nil
		}
	}
	return errors.Join(fmt.Errorf("attach the program that notes listeners: %w", err), n.close())
}

func (n *noted) close() error {
	var errs []error
	if n.reader != nil {
		errs = append(errs, n.reader.Close())
	}
	if n.link != nil {
		errs = append(errs, n.link.Close())
	}
	return errors.Join(append(errs, n.objects.NoteListener.Close(), n.objects.Began.Close())...)
}

// Noted calls each for the TCP sockets that began to listen since the last call, in the order
// of their listen(2), also if they are closed by now. It is false if there were more than
// memory holds, some 600. The socket is valid until each returns.
func (i *Iterator) Noted(each func(*Socket)) (all bool) {
	if i.noted == nil {
		return true
	}
	n := i.noted
	waiting := n.reader.AvailableBytes()
	// Each record has a header of 8 bytes. What comes in meanwhile is for the next call.
	const size = recordSize + 8
	var socket Socket
	for range waiting / size {
		if err := n.reader.ReadInto(&n.record); err != nil || len(n.record.RawSample) < recordSize {
			break // nothing is left
		}
		socket.decode((*[recordSize]byte)(n.record.RawSample))
		each(&socket)
	}
	return waiting <= n.reader.BufferSize()-size
}

package procevents

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// batch is how many datagrams are taken with one system call.
	batch = 16
	// datagramBytes is room for the longest, which is a process' last account: two struct taskstats of about
	// 600 bytes. The kernel cuts off what is longer, and says so.
	datagramBytes = 4096
)

// errClosed is for a socket that was closed by Run.
var errClosed = errors.New("the socket is closed")

// inbox takes what the kernel sends to a netlink socket: several datagrams with one system call, into memory that
// is used again. It waits in poll(2) and not in Go's poller, whose search for other work costs more than a message.
type inbox struct {
	counter
	raw   syscall.RawConn
	pause time.Duration // between the first datagram and a look at all there are
	busy  atomic.Bool   // what was taken is not handled yet
}

// datagrams is where the kernel puts them.
type datagrams struct {
	headers [batch]header
	vectors [batch]unix.Iovec
	bytes   [batch][datagramBytes]byte
}

// header is struct mmsghdr of recvmmsg(2).
type header struct {
	unix.Msghdr
	length uint32
}

func newDatagrams() *datagrams {
	d := &datagrams{}
	for i := range d.headers {
		d.vectors[i].Base = &d.bytes[i][0]
		d.vectors[i].SetLen(datagramBytes)
		d.headers[i].Iov = &d.vectors[i]
		d.headers[i].SetIovlen(1)
	}
	return d
}

// Drained reports whether nothing waits to be read, and all that was read is handled.
func (i *inbox) Drained() bool {
	waiting := false
	err := i.raw.Control(func(fd uintptr) {
		ready, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		waiting = ready > 0
	})
	// In this order: the reader says that it is busy before it takes anything.
	return err != nil || !waiting && !i.busy.Load()
}

// run hands the data of each message to handle, which keeps none of it, and calls lost when the kernel has dropped
// some, until the context ends or the socket fails.
func (i *inbox) run(ctx context.Context, handle func(data []byte) error, lost func()) error {
	stopped, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("make an eventfd: %w", err)
	}
	defer func() { _ = unix.Close(stopped) }()
	told := make(chan struct{})
	forget := context.AfterFunc(ctx, func() {
		defer close(told)
		_, _ = unix.Write(stopped, binary.NativeEndian.AppendUint64(nil, 1)) // cannot fail: it is the first
	})
	defer func() {
		if !forget() {
			<-told // it is done with the eventfd
		}
	}()
	err = errClosed
	_ = i.raw.Control(func(fd uintptr) {
		err = i.follow(ctx, int(fd), stopped, handle, lost)
	})
	return err
}

func (i *inbox) follow(ctx context.Context, fd, stopped int, handle func(data []byte) error, lost func()) error {
	defer i.busy.Store(false)
	d := newDatagrams()
	wait := []unix.PollFd{{Fd: int32(stopped), Events: unix.POLLIN}, {Fd: int32(fd), Events: unix.POLLIN}}
	for full := false; ctx.Err() == nil; {
		if !full {
			if err := poll(wait, -1); err != nil {
				return err
			}
			if i.pause > 0 {
				if err := poll(wait[:1], i.pause); err != nil {
					return err
				}
			}
		}
		i.busy.Store(true)
		taken, err := d.take(fd)
		switch {
		case errors.Is(err, unix.ENOBUFS):
			i.lost.Add(1)
			lost()
		case err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR):
			return err
		}
		for n := range taken {
			i.messages(d.datagram(n), handle)
		}
		i.busy.Store(false)
		full = taken == batch || errors.Is(err, unix.ENOBUFS)
	}
	return nil
}

// poll waits until something has come. A negative limit is none.
func poll(wait []unix.PollFd, limit time.Duration) error {
	milliseconds := int(limit.Milliseconds())
	if limit < 0 {
		milliseconds = -1
	}
	if _, err := unix.Poll(wait, milliseconds); err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for messages: %w", err)
	}
	return nil
}

// take receives the datagrams that are there. An error that comes after some of them is kept by the kernel for the
// next call.
func (d *datagrams) take(fd int) (taken int, err error) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&d.headers[0])), batch, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// datagram returns one of those that were taken, or nil if it was cut off.
func (d *datagrams) datagram(n int) []byte {
	if d.headers[n].Flags&unix.MSG_TRUNC != 0 {
		return nil
	}
	return d.bytes[n][:d.headers[n].length]
}

// messages goes through the netlink messages of a datagram.
func (i *inbox) messages(datagram []byte, handle func(data []byte) error) {
	for first := true; first || len(datagram) > 0; first = false {
		if len(datagram) < unix.NLMSG_HDRLEN {
			i.lost.Add(1)
			return
		}
		length := binary.NativeEndian.Uint32(datagram)
		if length < unix.NLMSG_HDRLEN || uint64(length) > uint64(len(datagram)) {
			i.lost.Add(1)
			return
		}
		if handle(datagram[unix.NLMSG_HDRLEN:length]) != nil {
			i.lost.Add(1)
		}
		datagram = datagram[min(aligned(int(length)), len(datagram)):]
	}
}

// aligned is how much room netlink gives to so many bytes (NLMSG_ALIGN, NLA_ALIGN).
func aligned(length int) int { return (length + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }

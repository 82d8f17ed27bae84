package procevents

import (
	"encoding/binary"
	"errors"
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

// inbox takes what the kernel sends to a netlink socket: several datagrams with one system call, into memory that
// is used again.
type inbox struct {
	headers [batch]header
	vectors [batch]unix.Iovec
	bytes   [batch][datagramBytes]byte
}

// header is struct mmsghdr of recvmmsg(2).
type header struct {
	unix.Msghdr
	length uint32
}

func newInbox() *inbox {
	i := &inbox{}
	for n := range i.headers {
		i.vectors[n].Base = &i.bytes[n][0]
		i.vectors[n].SetLen(datagramBytes)
		i.headers[n].Iov = &i.vectors[n]
		i.headers[n].SetIovlen(1)
	}
	return i
}

// receive hands the data of each message that is there to handle, which keeps none of it. dropped tells whether
// the kernel has dropped some; failed counts those that could not be read.
func (i *inbox) receive(fd int, handle func(data []byte) error) (dropped bool, failed uint64, err error) {
	for {
		taken, err := i.take(fd)
		switch {
		case errors.Is(err, unix.ENOBUFS):
			dropped = true
			continue
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return dropped, failed, nil
		case err != nil:
			return dropped, failed, err
		}
		for n := range taken {
			failed += messages(i.datagram(n), handle)
		}
	}
}

// take receives the datagrams that are there. An error that comes after some of them is kept by the kernel for the
// next call.
func (i *inbox) take(fd int) (taken int, err error) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&i.headers[0])), batch, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// datagram returns one of those that were taken, or nil if it was cut off.
func (i *inbox) datagram(n int) []byte {
	if i.headers[n].Flags&unix.MSG_TRUNC != 0 {
		return nil
	}
	return i.bytes[n][:i.headers[n].length]
}

// messages goes through the netlink messages of a datagram.
func messages(datagram []byte, handle func(data []byte) error) (failed uint64) {
	for first := true; first || len(datagram) > 0; first = false {
		if len(datagram) < unix.NLMSG_HDRLEN {
			return failed + 1
		}
		length := binary.NativeEndian.Uint32(datagram)
		if length < unix.NLMSG_HDRLEN || uint64(length) > uint64(len(datagram)) {
			return failed + 1
		}
		if handle(datagram[unix.NLMSG_HDRLEN:length]) != nil {
			failed++
		}
		datagram = datagram[min(aligned(int(length)), len(datagram)):]
	}
	return failed
}

// aligned is how much room netlink gives to so many bytes (NLMSG_ALIGN, NLA_ALIGN).
func aligned(length int) int { return (length + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }

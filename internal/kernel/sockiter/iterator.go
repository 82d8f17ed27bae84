// Package sockiter reads the sockets of every network namespace, with the processes that
// hold them, in one pass over the open files of all processes: a BPF iterator (iter/task_file,
// Linux 5.11) that the kernel runs, so nothing below /proc is opened.
package sockiter

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -target bpfel -cc clang -no-global-types object sockiter.bpf.c -- -O2 -Wall -Werror

const (
	// MaxWatched is for how many processes connections are given too (MAX_WATCHED).
	MaxWatched = 32

	recordSize = 96       // struct socket_record
	bufferSize = 64 << 10 // the kernel gives 32 KiB at once
	commSize   = 16       // TASK_COMM_LEN
)

// The states of include/net/tcp_states.h that a Socket may be in.
const (
	Established = 1
	Close       = 7 // a UDP socket without a peer
	Listen      = 10
)

// Owner is a process as the kernel knows it while it holds a socket. Equal owners are the
// same process with the same program and name.
type Owner struct {
	PID   int           // of the process (thread group) in the pid namespace of the reader
	Start time.Duration // since boot, in the initial time namespace
	Execs uint64        // changes with each execve
	Comm  [commSize]byte
}

// Name is the owner's comm, raw bytes.
func (o *Owner) Name() string {
	for i, b := range o.Comm {
		if b == 0 {
			return string(o.Comm[:i])
		}
	}
	return string(o.Comm[:])
}

// Socket is one descriptor of a socket: TCP that listens, UDP that is bound and has no
// peer, or an established connection of a watched process. A socket that several processes
// or descriptors share is given once for each.
type Socket struct {
	Owner      Owner
	Descriptor uint32
	Inode      uint64 // as /proc/net/tcp and the links in /proc/PID/fd show it
	NetNS      uint32 // the inode number of its network namespace, as in /proc/PID/ns/net
	Protocol   uint16 // unix.IPPROTO_TCP, also for MPTCP, or unix.IPPROTO_UDP
	State      uint8
	V6Only     bool           // it takes no IPv4
	Local      netip.AddrPort // IPv4 within IPv6 as it is written
	Remote     netip.AddrPort // of connections
}

// Iterator reads sockets. It goes on after the capabilities that New needs were
// dropped, unless an older kernel forbids (see Read). It is used by one goroutine.
type Iterator struct {
	link    *link.Iter
	objects iteratorObjects
	buffer  *bufio.Reader
	watched [MaxWatched]uint32
	noted   *noted // nil: nothing is noted
}

// iteratorObjects is the part of the object that New loads.
type iteratorObjects struct {
	DumpSockets  *ebpf.Program  `ebpf:"dump_sockets"`
	Watched      *ebpf.Variable `ebpf:"watched"`
	WatchedCount *ebpf.Variable `ebpf:"watched_count"`
	Variables    *ebpf.Map      `ebpf:".bss"` // that the two lie in
}

func (o *iteratorObjects) close() error {
	return errors.Join(o.DumpSockets.Close(), o.Variables.Close())
}

// New loads the program and attaches it. It needs CAP_BPF and CAP_PERFMON, BTF of the kernel
// and Linux 5.11 (bpf_sock_from_file); what is missing is in the error.
func New() (*Iterator, error) {
	spec, err := loadObject()
	if err != nil {
		return nil, fmt.Errorf("read the iterator over sockets: %w", err)
	}
	return load(spec)
}

func load(spec *ebpf.CollectionSpec) (*Iterator, error) {
	i := &Iterator{buffer: bufio.NewReaderSize(nil, bufferSize)}
	if err := spec.LoadAndAssign(&i.objects, nil); err != nil {
		return nil, fmt.Errorf("load the iterator over sockets, which needs Linux 5.11 with BTF (CONFIG_DEBUG_INFO_BTF), CAP_BPF and CAP_PERFMON: %w", err)
	}
	attached, err := link.AttachIter(link.IterOptions{Program: i.objects.DumpSockets})
	if err != nil {
		_ = i.objects.close() // nothing was written
		return nil, fmt.Errorf("attach the iterator over sockets: %w", err)
	}
	i.link = attached
	return i, nil
}

// Close gives the program back to the kernel.
func (i *Iterator) Close() error {
	err := errors.Join(i.link.Close(), i.objects.close())
	if i.noted != nil {
		err = errors.Join(err, i.noted.close())
	}
	return err
}

// Read calls each for every socket of every process of the reader's pid namespace, the lowest
// pids first, until each fails, and returns its error. Of processes in watched (the first
// MaxWatched of them) connections are given too. The socket is valid until each returns.
//
// A kernel before 5.19 refuses without CAP_BPF if kernel.unprivileged_bpf_disabled is set.
func (i *Iterator) Read(watched []int, each func(*Socket) error) error {
	if err := i.watch(watched); err != nil {
		return fmt.Errorf("say whose connections to read: %w", err)
	}
	reader, err := i.link.Open()
	if err != nil {
		return fmt.Errorf("start a pass over the sockets: %w", err)
	}
	defer reader.Close()
	i.buffer.Reset(retrying{reader})
	defer i.buffer.Reset(nil)
	var raw [recordSize]byte
	var socket Socket
	for {
		_, err := io.ReadFull(i.buffer, raw[:])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read sockets: %w", err)
		}
		socket.decode(&raw)
		if err := each(&socket); err != nil {
			return err
		}
	}
}

func (i *Iterator) watch(pids []int) error {
	pids = pids[:min(len(pids), MaxWatched)]
	for n, pid := range pids {
		i.watched[n] = uint32(pid)
	}
	return errors.Join(i.objects.Watched.Set(&i.watched), i.objects.WatchedCount.Set(uint32(len(pids))))
}

// retrying goes on where the kernel has looked at a million files and found nothing to give
// (MAX_ITER_OBJECTS in kernel/bpf/bpf_iter.c).
type retrying struct{ io.Reader }

func (r retrying) Read(p []byte) (int, error) {
	for {
		n, err := r.Reader.Read(p)
		if !errors.Is(err, unix.EAGAIN) {
			return n, err
		}
	}
}

// decode reads a struct socket_record.
func (s *Socket) decode(raw *[recordSize]byte) {
	native := binary.NativeEndian
	s.Inode = native.Uint64(raw[0:])
	s.Owner.Start = time.Duration(native.Uint64(raw[8:]))
	s.Owner.Execs = native.Uint64(raw[16:])
	s.Owner.PID = int(native.Uint32(raw[24:]))
	s.Descriptor = native.Uint32(raw[28:])
	s.NetNS = native.Uint32(raw[32:])
	s.Protocol = native.Uint16(raw[36:])
	family := raw[42]
	s.State = raw[43]
	s.V6Only = raw[44] != 0
	s.Local = netip.AddrPortFrom(address(family, raw[48:64]), native.Uint16(raw[38:]))
	s.Remote = netip.AddrPortFrom(address(family, raw[64:80]), native.Uint16(raw[40:]))
	copy(s.Owner.Comm[:], raw[80:])
}

func address(family uint8, raw []byte) netip.Addr {
	if family == unix.AF_INET {
		return netip.AddrFrom4([4]byte(raw))
	}
	return netip.AddrFrom16([16]byte(raw))
}

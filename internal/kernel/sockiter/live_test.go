package sockiter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf/asm"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// roleVariable makes this test binary look for its own listener and print what it finds.
const roleVariable = "SOCKITER_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) == "" {
		goleak.VerifyTestMain(m)
	}
	if err := findOwnListener(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// findOwnListener gives up every capability between loading and reading.
func findOwnListener() error {
	iterator, err := New()
	if err != nil {
		return err
	}
	defer iterator.Close()
	noting := iterator.NoteListeners()
	runtime.LockOSThread() // capabilities belong to a thread
	none := [2]unix.CapUserData{}
	if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
		return err
	}
	if err := iterator.Read(nil, func(*Socket) error { return nil }); err != nil {
		return err
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	found := false
	err = iterator.Read(nil, func(s *Socket) error {
		found = found || s.Owner.PID == os.Getpid() && s.Local.String() == listener.Addr().String()
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("pid %d has no listener at %s", os.Getpid(), listener.Addr())
	}
	if err := errors.Join(err, noting); err != nil {
		return err
	}
	found = false
	iterator.Noted(func(s *Socket) {
		found = found || s.Owner.PID == os.Getpid() && s.Local.String() == listener.Addr().String()
	})
	if !found {
		return fmt.Errorf("nothing is noted of pid %d", os.Getpid())
	}
	return nil
}

// open returns an iterator, or skips the test where the kernel has none.
func open(t testing.TB) *Iterator {
	t.Helper()
	iterator, err := New()
	if err != nil {
		if os.Getuid() == 0 && runtime.GOARCH == "amd64" && !errors.Is(err, os.ErrPermission) {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := iterator.Close(); err != nil {
			t.Error(err)
		}
	})
	return iterator
}

// own returns what the iterator gives of this process, by the inodes of sockets.
func own(t *testing.T, iterator *Iterator, watched ...int) map[uint64]Socket {
	t.Helper()
	found := map[uint64]Socket{}
	if err := iterator.Read(watched, func(s *Socket) error {
		if s.Owner.PID == os.Getpid() {
			found[s.Inode] = *s
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return found
}

type connection interface {
	SyscallConn() (syscall.RawConn, error)
}

// inode is what names a socket in /proc/PID/fd.
func inode(t *testing.T, socket any) uint64 {
	t.Helper()
	raw, err := socket.(connection).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var stat unix.Stat_t
	if err := errors.Join(raw.Control(func(fd uintptr) { err = unix.Fstat(int(fd), &stat) }), err); err != nil {
		t.Fatal(err)
	}
	return stat.Ino
}

func networkNamespace(t *testing.T, process string) uint32 {
	t.Helper()
	var stat unix.Stat_t
	if err := unix.Stat("/proc/"+process+"/ns/net", &stat); err != nil {
		t.Fatal(err)
	}
	return uint32(stat.Ino)
}

// TestListeners opens sockets of each kind in this namespace and in another.
func TestListeners(t *testing.T) {
	t.Parallel()
	iterator := open(t)
	type want struct {
		protocol uint16
		local    string
		v6Only   bool
		netns    uint32
	}
	wanted := map[uint64]want{}
	hasV6 := func() bool { _, err := os.Stat("/proc/net/tcp6"); return err == nil }()
	listen := func(network, address string, multipath, v6Only bool, netns uint32) {
		t.Helper()
		if strings.HasSuffix(network, "6") && !hasV6 {
			return
		}
		var socket any
		var local net.Addr
		config := net.ListenConfig{}
		config.SetMultipathTCP(multipath)
		if v6Only {
			config.Control = func(_, _ string, raw syscall.RawConn) (err error) {
				return errors.Join(raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1) }), err)
			}
		}
		if strings.HasPrefix(network, "tcp") {
			listener, err := config.Listen(context.Background(), network, address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { listener.Close() })
			socket, local = listener, listener.Addr()
		} else {
			packets, err := config.ListenPacket(context.Background(), network, address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { packets.Close() })
			socket, local = packets, packets.LocalAddr()
		}
		protocol := uint16(unix.IPPROTO_TCP)
		if strings.HasPrefix(network, "udp") {
			protocol = unix.IPPROTO_UDP
		}
		wanted[inode(t, socket)] = want{protocol, local.String(), v6Only, netns}
	}
	here := networkNamespace(t, "self")
	for _, multipath := range []bool{false, true} {
		listen("tcp4", "127.0.0.1:0", multipath, false, here)
		listen("tcp4", "0.0.0.0:0", multipath, false, here)
		listen("tcp6", "[::1]:0", multipath, true, here)
		listen("tcp6", "[::]:0", multipath, true, here)
	}
	listen("udp4", "127.0.0.1:0", false, false, here)
	listen("udp6", "[::1]:0", false, true, here)
	dual, err := net.Listen("tcp", "[::]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer dual.Close()
	if hasV6 {
		wanted[inode(t, dual)] = want{unix.IPPROTO_TCP, dual.Addr().String(), false, here}
	}
	done := make(chan struct{})
	go func() { // in a namespace of its own, whose thread ends with it
		defer close(done)
		runtime.LockOSThread()
		if os.Getuid() != 0 || unix.Gettid() == os.Getpid() || unix.Unshare(unix.CLONE_NEWNET) != nil {
			return
		}
		listen("tcp4", "0.0.0.0:0", false, false, networkNamespace(t, "thread-self"))
		listen("udp4", "0.0.0.0:0", false, false, networkNamespace(t, "thread-self"))
	}()
	<-done

	found := own(t, iterator)
	for number, one := range wanted {
		socket, ok := found[number]
		if !ok {
			t.Errorf("%+v is missing", one)
			continue
		}
		got := want{socket.Protocol, socket.Local.String(), socket.V6Only, socket.NetNS}
		if got != one {
			t.Errorf("%+v, want %+v", got, one)
		}
		state := uint8(Listen)
		if one.protocol == unix.IPPROTO_UDP {
			state = Close
		}
		if socket.State != state || socket.Remote.Port() != 0 {
			t.Errorf("%+v", socket)
		}
		target, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", socket.Descriptor))
		if err != nil || target != fmt.Sprintf("socket:[%d]", number) {
			t.Errorf("descriptor %d is %s, %v", socket.Descriptor, target, err)
		}
	}
}

// TestNoListeners opens sockets that do not listen.
func TestNoListeners(t *testing.T) {
	t.Parallel()
	iterator := open(t)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialed, err := net.Dial("tcp4", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialed.Close()
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	connected, err := net.Dial("udp4", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer connected.Close()
	others := map[string]uint64{"connected UDP": inode(t, connected)}
	for name, kind := range map[string][2]int{
		"unbound UDP": {unix.SOCK_DGRAM, unix.IPPROTO_UDP}, "unbound TCP": {unix.SOCK_STREAM, unix.IPPROTO_TCP},
		"raw UDP": {unix.SOCK_RAW, unix.IPPROTO_UDP},
	} {
		fd, err := unix.Socket(unix.AF_INET, kind[0]|unix.SOCK_CLOEXEC, kind[1])
		if errors.Is(err, os.ErrPermission) {
			continue // a raw one
		}
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		var stat unix.Stat_t
		if err := unix.Fstat(fd, &stat); err != nil {
			t.Fatal(err)
		}
		others[name] = stat.Ino
	}
	found := own(t, iterator)
	for name, number := range others {
		if socket, ok := found[number]; ok {
			t.Errorf("%s: %+v", name, socket)
		}
	}
	for _, socket := range found {
		if socket.State == Established {
			t.Errorf("a connection of a process that is not watched: %+v", socket)
		}
	}
	// The same process is watched, as the last of as many as there can be.
	watched := make([]int, MaxWatched)
	watched[MaxWatched-1] = os.Getpid()
	found = own(t, iterator, watched...)
	for _, side := range []net.Conn{dialed, accepted} {
		socket := found[inode(t, side)]
		if socket.State != Established || socket.Local.String() != side.LocalAddr().String() || socket.Remote.String() != side.RemoteAddr().String() {
			t.Errorf("%v: %+v", side.LocalAddr(), socket)
		}
	}
	if found := own(t, iterator, append(make([]int, MaxWatched), os.Getpid())...); slices.ContainsFunc(slices.Collect(values(found)), func(s Socket) bool { return s.State == Established }) {
		t.Error("more processes are watched than can be")
	}
}

func values(sockets map[uint64]Socket) func(yield func(Socket) bool) {
	return func(yield func(Socket) bool) {
		for _, socket := range sockets {
			if !yield(socket) {
				return
			}
		}
	}
}

// TestOwner compares what is said of the owner with /proc.
func TestOwner(t *testing.T) {
	t.Parallel()
	iterator := open(t)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	owner := own(t, iterator)[inode(t, listener)].Owner
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil || owner.Name()+"\n" != string(comm) {
		t.Errorf("%q, want %q, %v", owner.Name(), comm, err)
	}
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')'):]))
	const tick = 10 * time.Millisecond // USER_HZ is 100
	if got := fmt.Sprint(int64(owner.Start / tick)); got != fields[20] {
		t.Errorf("started at tick %s, want %s", got, fields[20])
	}
	if owner.Execs == 0 {
		t.Error("this program was not executed")
	}
}

// TestWithoutCapabilities reads as a process that has given up all it had, here and as the
// first process of a pid namespace, whose numbers count.
func TestWithoutCapabilities(t *testing.T) {
	t.Parallel()
	open(t)
	for name, flags := range map[string]uintptr{"here": 0, "pid namespace": unix.CLONE_NEWPID} {
		command := exec.Command("/proc/self/exe")
		command.Env = append(os.Environ(), roleVariable+"=1")
		command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
		if output, err := command.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, output)
		}
	}
}

// TestReadEnds ends with the first error.
func TestReadEnds(t *testing.T) {
	t.Parallel()
	iterator := open(t)
	for range 2 {
		listener, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
	}
	calls := 0
	errStop := errors.New("stop")
	if err := iterator.Read(nil, func(*Socket) error { calls++; return errStop }); !errors.Is(err, errStop) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

// TestOldKernel loads a program that calls a helper which this kernel does not have either.
func TestOldKernel(t *testing.T) {
	t.Parallel()
	open(t)
	spec, err := loadObject()
	if err != nil {
		t.Fatal(err)
	}
	const sockFromFile, none = 162, 1 << 20
	changed := 0
	program := spec.Programs[objectProgDumpSockets]
	for i := range program.Instructions {
		instruction := &program.Instructions[i]
		if instruction.OpCode.JumpOp() == asm.Call && instruction.Constant == sockFromFile {
			instruction.Constant = none
			changed++
		}
	}
	if changed != 1 {
		t.Fatalf("%d calls of bpf_sock_from_file", changed)
	}
	if _, err := load(spec); err == nil || !strings.Contains(err.Error(), "needs Linux 5.11") {
		t.Errorf("%v", err)
	} else {
		t.Log(err)
	}
}

// TestDecode reads records as the program lays them out.
func TestDecode(t *testing.T) {
	t.Parallel()
	var raw [recordSize]byte
	raw[42] = unix.AF_INET6
	copy(raw[48:], netip.MustParseAddr("::ffff:1.2.3.4").AsSlice())
	copy(raw[80:], "sixteen bytes...")
	var socket Socket
	socket.decode(&raw)
	if socket.Local.String() != "[::ffff:1.2.3.4]:0" || socket.Owner.Name() != "sixteen bytes..." {
		t.Errorf("%+v", socket)
	}
}

// BenchmarkRead is one pass over this machine.
func BenchmarkRead(b *testing.B) {
	iterator := open(b)
	for b.Loop() {
		if err := iterator.Read(nil, func(*Socket) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

// TestNoted has a listener that is closed before anybody looks.
func TestNoted(t *testing.T) {
	t.Parallel()
	iterator := open(t)
	if err := iterator.NoteListeners(); err != nil {
		t.Fatal(err)
	}
	own(t, iterator) // it says in which pid namespace it reads
	var want []string
	for _, multipath := range []bool{false, true} {
		config := net.ListenConfig{}
		config.SetMultipathTCP(multipath)
		listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("%d %s %d", inode(t, listener), listener.Addr(), networkNamespace(t, "self")))
		listener.Close()
	}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	var got []string
	if !iterator.Noted(func(s *Socket) {
		if line := fmt.Sprintf("%d %s %d", s.Inode, s.Local, s.NetNS); s.Owner.PID == os.Getpid() && slices.Contains(want, line) {
			got = append(got, line)
			if s.State != Listen || s.Protocol != unix.IPPROTO_TCP || s.Owner.Name() == "" || s.Owner.Start == 0 {
				t.Errorf("%+v", s)
			}
		}
	}) {
		t.Error("some are lost")
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	iterator.Noted(func(s *Socket) {
		if line := fmt.Sprintf("%d %s %d", s.Inode, s.Local, s.NetNS); slices.Contains(want, line) {
			t.Errorf("%s a second time", line)
		}
	})
	// More than memory holds.
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for range 1000 {
		if err := errors.Join(unix.Listen(fd, 1), unix.Shutdown(fd, unix.SHUT_RD)); err != nil { // which ends listening
			t.Fatal(err)
		}
	}
	count := 0
	if iterator.Noted(func(*Socket) { count++ }) || count < 500 || count > 1000 {
		t.Errorf("%d of 1,000 are noted", count)
	}
	if !iterator.Noted(func(*Socket) {}) {
		t.Error("there is no room again")
	}
}

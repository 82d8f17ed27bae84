package sockets

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/sockiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// playKinds opens sockets of every kind in its namespace, says so and goes with its input.
func playKinds() {
	err := func() error {
		loopback, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		if err := netlink.LinkSetUp(loopback); err != nil {
			return err
		}
		for _, kind := range []struct {
			family, kind, port int
			reuse, v6Only      bool
		}{
			{unix.AF_INET, unix.SOCK_STREAM, 8081, false, false},
			{unix.AF_INET6, unix.SOCK_STREAM, 8082, false, false},
			{unix.AF_INET6, unix.SOCK_STREAM, 8083, false, true},
			{unix.AF_INET, unix.SOCK_STREAM, 8084, true, false},
			{unix.AF_INET, unix.SOCK_STREAM, 8084, true, false},
			{unix.AF_INET, unix.SOCK_DGRAM, 8085, false, false},
			{unix.AF_INET6, unix.SOCK_DGRAM, 8086, false, true},
		} {
			fd, err := unix.Socket(kind.family, kind.kind, 0)
			if err != nil {
				return err
			}
			var address unix.Sockaddr = &unix.SockaddrInet4{Port: kind.port}
			if kind.family == unix.AF_INET6 {
				address = &unix.SockaddrInet6{Port: kind.port}
			}
			if kind.reuse {
				err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			}
			if kind.v6Only {
				err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
			}
			if err = errors.Join(err, unix.Bind(fd, address)); err == nil && kind.kind == unix.SOCK_STREAM {
				err = unix.Listen(fd, 1)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}()
	fmt.Println("answer", err)
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// playReceiver takes a socket that comes over descriptor 3, and holds it.
func playReceiver() {
	control := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(3, make([]byte, 1), control, 0)
	if err == nil && n == 0 {
		err = errors.New("nothing came")
	}
	fmt.Println("answer", err)
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// startRole starts this test binary in a role, with further descriptors from 3 on. answered
// waits until it has said how it went.
func startRole(t testing.TB, role string, flags uintptr, files ...*os.File) (pid int, answered func()) {
	t.Helper()
	command := exec.Command("/proc/self/exe")
	command.Env = append(os.Environ(), roleVariable+"="+role)
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
	command.ExtraFiles = files
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Skipf("no namespace can be made here: %v", err)
	}
	t.Cleanup(func() { input.Close(); _ = command.Wait() })
	return command.Process.Pid, func() {
		t.Helper()
		if answer, err := bufio.NewReader(output).ReadString('\n'); err != nil || answer != "answer <nil>\n" {
			t.Fatalf("%s: %q %v", role, answer, err)
		}
	}
}

// openIterator skips the test where the kernel has none.
func openIterator(t testing.TB) *sockiter.Iterator {
	t.Helper()
	iterator, err := sockiter.New()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { iterator.Close() })
	return iterator
}

// pair is a connected pair of unix sockets.
func pair(t *testing.T) (a, b *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, b = os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b")
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// give sends a listener away and closes it, and returns its port.
func give(t *testing.T, to *os.File) uint16 {
	t.Helper()
	listener := listenOnAnyPort(t)
	file, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Sendmsg(int(to.Fd()), []byte{1}, unix.UnixRights(int(file.Fd())), nil, 0); err != nil {
		t.Fatal(err)
	}
	file.Close()
	listener.Close()
	return uint16(listener.Addr().(*net.TCPAddr).Port)
}

func listenOnAnyPort(t *testing.T) *net.TCPListener {
	t.Helper()
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// TestPassEqualsTables compares what comes from a pass with what comes from sock_diag and
// /proc, in the host's namespace and in two others, for sockets of every kind.
func TestPassEqualsTables(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root makes network namespaces")
	}
	iterator := openIterator(t)
	first, ready := startRole(t, "kinds", unix.CLONE_NEWNET)
	ready()
	second, ready := startRole(t, "kinds", unix.CLONE_NEWNET|unix.CLONE_NEWPID)
	ready()
	networks := map[string]bool{networkOf(t, fmt.Sprint(first)): true, networkOf(t, fmt.Sprint(second)): true}

	hosts := map[uint16]string{}
	shared := listenOnAnyPort(t)
	file, err := shared.File()
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := pair(t)
	child, received := startRole(t, "receiver", 0, theirs, file)
	hosts[uint16(shared.Addr().(*net.TCPAddr).Port)] = "shared with a child"
	given := give(t, ours)
	received()
	hosts[given] = "given away"
	waiting, _ := pair(t)
	inFlight := give(t, waiting)
	hosts[inFlight] = "in flight"

	known := newCatalogue(t)
	namespaces := []model.NetNamespace{
		{ID: networkOf(t, fmt.Sprint(first)), PIDs: []int{first}}, {ID: networkOf(t, fmt.Sprint(second)), PIDs: []int{second}},
	}
	list := func(read func([]int, func(*sockiter.Socket) error) error) []model.Socket {
		t.Helper()
		kernel := Netlink("/")
		kernel.Sockets = read
		s := New(Options{
			Catalogue: func() *catalogue.Catalogue { return known }, OwnPID: os.Getpid(), Kernel: kernel, Logger: log.NewNopLogger(),
			Namespaces: func() []model.NetNamespace { return namespaces },
		})
		s.owners.searchTime = time.Minute // the machine is shared
		for i := range 2 {                // what is in flight counts the second time
			if err := s.Sample(t.Context(), time.Now().Add(time.Duration(i)*time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		return slices.DeleteFunc(slices.Clone(s.Snapshot().Sockets), func(socket model.Socket) bool {
			return !networks[socket.NetNS] && (socket.NetNS != "" || hosts[socket.Port] == "")
		})
	}
	byPass, byTables := list(iterator.Read), list(nil)
	dual := 0
	for i := range byPass {
		if byPass[i].NetNS != "" && byPass[i].DualStack {
			dual++
			byPass[i].DualStack = false // tables do not tell
		}
	}
	if dual != len(networks) {
		t.Errorf("%d sockets take IPv4 too, want one in each namespace", dual)
	}
	if diff := cmp.Diff(byTables, byPass); diff != "" {
		t.Error(diff)
	}
	if want := 6*len(networks) + len(hosts); len(byPass) != want {
		t.Errorf("%d sockets, want %d: %+v", len(byPass), want, byPass)
	}
	for _, socket := range byPass {
		if socket.NetNS != "" {
			continue
		}
		want := map[string]int{"shared with a child": os.Getpid(), "given away": child, "in flight": 0}[hosts[socket.Port]]
		if socket.Owner.PID != want {
			t.Errorf("%s: %+v, want the owner %d", hosts[socket.Port], socket, want)
		}
	}
}

// TestConnectionsByPass asks for the connections of this process as tables give them.
func TestConnectionsByPass(t *testing.T) {
	t.Parallel()
	iterator := openIterator(t)
	listener := listenOnAnyPort(t)
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s := newSensor(t, "/proc", os.Getpid(), Kernel{Sockets: iterator.Read})
	_, start, err := s.owners.processes.stat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	s.options.Watched = func() []model.Identity { return []model.Identity{{PID: os.Getpid(), StartTime: start}} }
	if err := s.Sample(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	var ours []bool
	for _, connection := range s.Snapshot().Connections {
		if connection.Local.String() == client.LocalAddr().String() && connection.Remote.String() == client.RemoteAddr().String() ||
			connection.Local.String() == server.LocalAddr().String() && connection.Remote.String() == server.RemoteAddr().String() {
			ours = append(ours, connection.Outbound)
		}
	}
	slices.SortFunc(ours, func(a, _ bool) int {
		if a {
			return 1
		}
		return -1
	})
	if !slices.Equal(ours, []bool{false, true}) {
		t.Errorf("one inbound, one outbound wanted: %v of %+v", ours, s.Snapshot().Connections)
	}
}

// TestBriefListener has a listener that nobody sees: it is open for 50 ms between two samples.
func TestBriefListener(t *testing.T) {
	t.Parallel()
	iterator := openIterator(t)
	if err := iterator.NoteListeners(); err != nil {
		t.Fatal(err)
	}
	s := newSensor(t, "/proc", os.Getpid(), Kernel{Sockets: iterator.Read, Noted: iterator.Noted})
	if err := s.Sample(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	listener.Close()
	if err := s.Sample(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	port := uint16(listener.Addr().(*net.TCPAddr).Port)
	isOurs := func(socket model.Socket) bool { return socket.Port == port && socket.Owner.PID == os.Getpid() }
	snapshot := s.Snapshot()
	at := slices.IndexFunc(snapshot.RecentlyClosed, isOurs)
	if at < 0 || slices.ContainsFunc(snapshot.Sockets, isOurs) {
		t.Fatalf("port %d is not closed: %+v", port, snapshot.RecentlyClosed)
	}
	if closed := snapshot.RecentlyClosed[at]; closed.OwnerExe == "" || closed.Scope != model.ScopeAny || closed.NetNS != "" {
		t.Errorf("%+v", closed)
	}
}

// BenchmarkLivePass is a sample of this machine, with all its network namespaces, by a pass and
// without one.
func BenchmarkLivePass(b *testing.B) {
	iterator := openIterator(b)
	for name, read := range map[string]func([]int, func(*sockiter.Socket) error) error{"pass": iterator.Read, "tables": nil} {
		kernel := Netlink("/")
		kernel.Sockets = read
		s := newSensor(b, "/proc", os.Getpid(), kernel)
		namespaces := liveNamespaces(b)
		s.options.Namespaces = func() []model.NetNamespace { return namespaces }
		b.Run(fmt.Sprintf("%s-%d-namespaces", name, len(namespaces)), func(b *testing.B) {
			now := time.Now()
			for b.Loop() {
				now = now.Add(defaultInterval)
				if err := s.Sample(b.Context(), now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// liveNamespaces are the network namespaces of this machine besides the host's.
func liveNamespaces(b *testing.B) (namespaces []model.NetNamespace) {
	b.Helper()
	at := map[string]int{networkOf(b, "self"): -1}
	processes, err := os.ReadDir("/proc")
	if err != nil {
		b.Fatal(err)
	}
	for _, entry := range processes {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		id, err := hostfs.NetNamespace("/proc/" + entry.Name())
		if err != nil {
			continue
		}
		i, known := at[id]
		if !known {
			i = len(namespaces)
			at[id] = i
			namespaces = append(namespaces, model.NetNamespace{ID: id})
		}
		if i >= 0 && len(namespaces[i].PIDs) < 4 {
			namespaces[i].PIDs = append(namespaces[i].PIDs, pid)
		}
	}
	return namespaces
}

package sockets

import (
	"bufio"
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

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/sockets/netns"
)

// roleVariable makes this test binary play a part in a namespace of its own.
const roleVariable = "SOCKETS_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "listener":
		playListener()
		return
	case "kinds":
		playKinds()
		return
	case "receiver":
		playReceiver()
		return
	}
	runtime.LockOSThread() // no test gets the main thread, whose namespace is the process'
	goleak.VerifyTestMain(m)
}

// playListener listens at all addresses, tells the port and goes with its input.
func playListener() {
	loopback, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(loopback)
	}
	if err != nil {
		fmt.Println("error", err)
		return
	}
	listener, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		fmt.Println("error", err)
		return
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// startListener starts a process with a listening socket in a new network
// namespace, of which it is the only one.
func startListener(t testing.TB) (pid int, port uint16) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root makes network namespaces")
	}
	command := exec.Command("/proc/self/exe")
	command.Env = append(os.Environ(), roleVariable+"=listener")
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Skipf("no network namespace can be made here: %v", err)
	}
	t.Cleanup(func() { input.Close(); _ = command.Wait() })
	answer, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(answer, &port); err != nil {
		t.Fatalf("%s", answer)
	}
	return command.Process.Pid, port
}

// unshared moves this test into a network namespace of its own, for good: its
// thread ends with it.
func unshared(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root makes network namespaces")
	}
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() {
		t.Skip("this is the main thread")
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace can be made here: %v", err)
	}
}

func networkOf(t testing.TB, process string) string {
	t.Helper()
	id, err := hostfs.NetNamespace("/proc/" + process)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func liveSensor(t testing.TB, pids ...int) *Sensor {
	t.Helper()
	known := newCatalogue(t)
	var namespaces []model.NetNamespace
	for _, pid := range pids {
		namespaces = append(namespaces, model.NetNamespace{ID: networkOf(t, fmt.Sprint(pid)), PIDs: []int{pid}})
	}
	s := New(Options{
		Proc: "/proc", Root: "/", Catalogue: func() *catalogue.Catalogue { return known }, OwnPID: os.Getpid(), Logger: log.NewNopLogger(),
		Namespaces: func() []model.NetNamespace { return namespaces }, Kernel: Netlink("/"),
	})
	s.owners.searchTime = time.Minute // the machine is shared
	return s
}

// TestLiveNamespace finds a listener in a namespace of its own.
func TestLiveNamespace(t *testing.T) {
	t.Parallel()
	pid, port := startListener(t)
	s := liveSensor(t, pid)
	if err := s.Sample(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	snapshot, id := s.Snapshot(), networkOf(t, fmt.Sprint(pid))
	found := 0
	for _, socket := range snapshot.Sockets {
		if socket.NetNS == id {
			found++
			if socket.Port != port || socket.Owner.PID != pid || socket.Scope != model.ScopeAny {
				t.Errorf("%+v", socket)
			}
		}
	}
	if found != 1 {
		t.Errorf("%d sockets in namespace %s", found, id)
	}
	if last := snapshot.Sockets[len(snapshot.Sockets)-1]; last.NetNS != id {
		t.Errorf("the host's are not first, the last is %+v", last)
	}
	if len(snapshot.Namespaces) != 2 {
		t.Fatalf("%+v", snapshot.Namespaces)
	}
	hosts, other := snapshot.Namespaces[0], snapshot.Namespaces[1]
	if hosts.ID != "" || !slices.Contains(hosts.Dial, netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("the host's: %+v", hosts)
	}
	if other.ID != id || len(other.Addresses) != 0 || !other.Complete || len(other.Dial) != 0 {
		t.Errorf("without a link: %+v", other)
	}
	for key, count := range snapshot.ReadErrors {
		if key.Aspect == model.AspectNetns {
			t.Errorf("%d times %v", count, key)
		}
	}
}

// TestLiveReachable makes links into two namespaces and asks which of their addresses
// lead there for certain.
func TestLiveReachable(t *testing.T) {
	t.Parallel()
	direct, _ := startListener(t)
	bridged, _ := startListener(t)
	unshared(t)
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}
	for _, step := range []error{
		netlink.LinkAdd(bridge),
		connect(direct, "v0", "10.99.1.1/24", "10.99.1.2/24", nil),
		connect(bridged, "v1", "", "10.99.2.2/24", bridge),
		address("br0", "10.99.2.1/24"),
	} {
		if step != nil {
			t.Skipf("no links can be made here: %v", step)
		}
	}
	reachable := func(pid int, address string) bool {
		t.Helper()
		router, err := netns.OpenRoutes() // of the thread's namespace
		if err != nil {
			t.Fatal(err)
		}
		defer router.Close()
		asked := &model.NetNamespace{
			ID: networkOf(t, fmt.Sprint(pid)), PIDs: []int{pid},
			Addresses: []netip.Addr{netip.MustParseAddr(address), netip.MustParseAddr("10.77.0.1"), netip.MustParseAddr("fe80::1")},
		}
		found, err := netns.Reachable(router, "/proc", asked)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Equal(found, asked.Addresses[:1])
	}
	if !reachable(direct, "10.99.1.2") {
		t.Error("not reachable by a veth")
	}
	if !reachable(bridged, "10.99.2.2") {
		t.Error("not reachable by a bridge")
	}
	if reachable(direct, "10.99.2.2") || reachable(bridged, "10.99.1.2") {
		t.Error("an address of the other counts")
	}
	// Behind another port of the bridge anybody may be.
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "d0", MasterIndex: bridge.Index}, PeerName: "d1"}); err != nil {
		t.Skip(err)
	}
	if reachable(bridged, "10.99.2.2") {
		t.Error("reachable by a bridge that leads elsewhere too")
	}
}

// TestLiveDial is an exporter in a network namespace of its own, as in a container:
// it asks how to reach itself, the host and a namespace behind a veth.
func TestLiveDial(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root makes network namespaces")
	}
	if os.Getenv(roleVariable) != "exporter" {
		command := exec.Command("/proc/self/exe", "-test.run=^TestLiveDial$", "-test.v")
		command.Env = append(os.Environ(), roleVariable+"=exporter")
		command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
		output, err := command.CombinedOutput()
		if err != nil {
			t.Errorf("%v: %s", err, output)
		}
		if strings.Contains(string(output), "--- SKIP") {
			t.Skipf("%s", output)
		}
		return
	}
	runtime.LockOSThread()
	setUpLoopback(t)
	pid, _ := startListener(t)
	if err := connect(pid, "v0", "10.99.1.1/24", "10.99.1.2/24", nil); err != nil {
		t.Skipf("no links can be made here: %v", err)
	}
	s := liveSensor(t, pid, os.Getpid())
	if err := s.Sample(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, namespace := range s.Snapshot().Namespaces {
		got = append(got, fmt.Sprint(namespace.Dial))
	}
	if want := []string{"[]", "[10.99.1.2]", "[10.99.1.1 127.0.0.1 ::1]"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if s.hostIsOwn || s.Snapshot().ForwardingUnknown == "" {
		t.Error("it takes its own namespace for the host's")
	}
}

// connect makes a pair of links, one of which goes to the namespace of a process.
func connect(pid int, name, ours, theirs string, master netlink.Link) error {
	namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return err
	}
	defer namespace.Close()
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "eth0", PeerNamespace: netlink.NsFd(namespace.Fd())}
	if master != nil {
		pair.MasterIndex = master.Attrs().Index
	}
	if err := netlink.LinkAdd(pair); err != nil {
		return err
	}
	if err := address(name, ours); err != nil {
		return err
	}
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer own.Close()
	if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	err = address("eth0", theirs)
	if back := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); back != nil {
		return back
	}
	return err
}

// address gives a link an address and switches it on.
func address(name, prefix string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if prefix != "" {
		parsed, err := netlink.ParseAddr(prefix)
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(link, parsed); err != nil {
			return err
		}
	}
	return netlink.LinkSetUp(link)
}

package sockets

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// bound makes a socket that listens, or, of UDP, waits.
func bound(t testing.TB, family, kind int, address unix.Sockaddr, only6 int) int {
	t.Helper()
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if family == unix.AF_INET6 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only6)
	}
	if err == nil {
		err = unix.Bind(fd, address)
	}
	if err == nil && kind == unix.SOCK_STREAM {
		err = unix.Listen(fd, 4096)
	}
	if err != nil {
		t.Skip(err)
	}
	return fd
}

func setUpLoopback(t testing.TB) {
	t.Helper()
	if err := address("lo", ""); err != nil {
		t.Skip(err)
	}
}

// TestDiagnose compares what sock_diag and /proc tell of a namespace.
func TestDiagnose(t *testing.T) {
	t.Parallel()
	unshared(t)
	setUpLoopback(t)
	local := [4]byte{127, 0, 0, 1}
	mapped := [16]byte{10: 0xff, 11: 0xff, 12: 127, 15: 1}
	bound(t, unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Port: 80}, 0)
	bound(t, unix.AF_INET, unix.SOCK_DGRAM, &unix.SockaddrInet4{Port: 53, Addr: local}, 0)
	bound(t, unix.AF_INET6, unix.SOCK_STREAM, &unix.SockaddrInet6{Port: 81}, 0)
	bound(t, unix.AF_INET6, unix.SOCK_STREAM, &unix.SockaddrInet6{Port: 82}, 1)
	bound(t, unix.AF_INET6, unix.SOCK_STREAM, &unix.SockaddrInet6{Port: 83, Addr: mapped}, 0)
	bound(t, unix.AF_INET6, unix.SOCK_DGRAM, &unix.SockaddrInet6{Port: 84}, 0)
	connectedUDP := bound(t, unix.AF_INET, unix.SOCK_DGRAM, &unix.SockaddrInet4{Port: 85, Addr: local}, 0)
	if err := unix.Connect(connectedUDP, &unix.SockaddrInet4{Port: 53, Addr: local}); err != nil {
		t.Fatal(err)
	}
	var asked []model.Socket
	if err := diagnose(func(s model.Socket) { asked = append(asked, s) }); err != nil {
		t.Skipf("no sock_diag here: %v", err)
	}
	s := newSensor(t, "/proc", 0)
	read, _, err := readListeners("/proc/thread-self/net", limits{sockets: 100}, s.failures)
	if err != nil {
		t.Fatal(err)
	}
	asked, read = unique(asked), unique(read)
	var dual []uint16
	for i := range asked {
		if asked[i].DualStack {
			dual = append(dual, asked[i].Port)
		}
		asked[i].DualStack = false
	}
	if diff := cmp.Diff(read, asked); diff != "" || len(asked) != 6 {
		t.Errorf("%d sockets; /proc and sock_diag differ: %s", len(asked), diff)
	}
	if !slices.Equal(dual, []uint16{81, 84}) {
		t.Errorf("%v take IPv4 too", dual)
	}
}

func TestParseDiag(t *testing.T) {
	t.Parallel()
	message := make([]byte, diagMessageSize)
	message[0] = unix.AF_INET6
	binary.BigEndian.PutUint16(message[4:], 8081)
	binary.NativeEndian.PutUint32(message[diagInodeOffset:], 11)
	attribute, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: diagV6Only, Data: []byte{0}}})
	if err != nil {
		t.Fatal(err)
	}
	got, listens, err := parseDiag(append(slices.Clone(message), attribute...), model.TCP)
	want := model.Socket{Protocol: model.TCP, Address: "::", Port: 8081, Scope: model.ScopeAny, Inode: 11, DualStack: true}
	if diff := cmp.Diff(want, got); diff != "" || !listens || err != nil {
		t.Errorf("%v %v %s", listens, err, diff)
	}
	for _, broken := range [][]byte{nil, message[:diagMessageSize-1], append(slices.Clone(message), 1), append(slices.Clone(message), 0xff, 0xff, 1, 0)} {
		if _, _, err := parseDiag(broken, model.TCP); !errors.Is(err, errDiag) {
			t.Errorf("%d bytes: %v", len(broken), err)
		}
	}
	if got := newSocket(model.TCP, netip.MustParseAddrPort("[::ffff:10.0.0.1]:1"), 0).Address; got != "10.0.0.1" {
		t.Errorf("%s", got)
	}
}

// crowded moves a benchmark into a namespace with two listening sockets and 50,000
// connections, which are over, for as many open ones need more files than a process
// may have: the tables show them for a minute (TIME_WAIT).
func crowded(b *testing.B) {
	b.Helper()
	const perListener = 25_000 // there are 28,000 ports for clients
	unshared(b)
	setUpLoopback(b)
	for i := range 2 {
		at := &unix.SockaddrInet4{Port: 80, Addr: [4]byte{127, 0, 0, byte(1 + i)}}
		listener := bound(b, unix.AF_INET, unix.SOCK_STREAM, at, 0)
		for range perListener {
			client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err == nil {
				err = unix.Connect(client, at)
			}
			if err != nil {
				b.Skip(err)
			}
			server, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
			if err != nil {
				b.Skip(err)
			}
			unix.Close(client)
			unix.Close(server)
		}
	}
}

func BenchmarkListenersByDiag(b *testing.B) {
	crowded(b)
	for b.Loop() {
		if err := diagnose(func(model.Socket) {}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkListenersByProc(b *testing.B) {
	crowded(b)
	s := newSensor(b, "/proc", 0)
	for b.Loop() {
		if _, _, err := readListeners("/proc/thread-self/net", limits{sockets: maxSockets}, s.failures); err != nil {
			b.Fatal(err)
		}
	}
}

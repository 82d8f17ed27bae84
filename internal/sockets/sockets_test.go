package sockets

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/services"
)

const header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

// line writes one socket as the kernel does (net/ipv4/tcp_ipv4.c).
func line(local string, port uint16, remotePort uint16, state, inode int) string {
	remote := strings.Repeat("0", len(local))
	return fmt.Sprintf("   0: %s:%04X %s:%04X %02X 00000000:00000000 00:00000000 00000000  1000        0 %d 1 0 100 0 0 10 0\n",
		local, port, remote, remotePort, state, inode)
}

// fakeProc is a procfs made of files.
type fakeProc struct {
	t    testing.TB
	root string
}

func (f fakeProc) write(name, content string) {
	f.t.Helper()
	path := filepath.Join(f.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// process adds a process that holds sockets.
func (f fakeProc) process(pid, start int, exe string, argv []string, inodes ...int) {
	f.t.Helper()
	if err := os.RemoveAll(filepath.Join(f.root, strconv.Itoa(pid))); err != nil {
		f.t.Fatal(err)
	}
	f.write(fmt.Sprintf("%d/stat", pid), fmt.Sprintf("%d (p%d) S 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0 0%s\n", pid, pid, start, strings.Repeat(" 0", 27)))
	f.write(fmt.Sprintf("%d/cmdline", pid), strings.Join(argv, "\x00")+"\x00")
	fds := filepath.Join(f.root, strconv.Itoa(pid), "fd")
	if err := os.MkdirAll(fds, 0o755); err != nil {
		f.t.Fatal(err)
	}
	f.link(exe, filepath.Join(f.root, strconv.Itoa(pid), "exe"))
	f.link("/dev/null", filepath.Join(fds, "0"))
	for i, inode := range inodes {
		f.link(socketName(uint64(inode)), filepath.Join(fds, strconv.Itoa(3+i)))
	}
}

func (f fakeProc) link(target, name string) {
	f.t.Helper()
	os.Remove(name)
	if err := os.Symlink(target, name); err != nil {
		f.t.Fatal(err)
	}
}

func newSensor(t testing.TB, proc string, ownPID int) *Sensor {
	t.Helper()
	catalogue, err := services.New()
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{Proc: proc, Catalogue: func() *services.Catalogue { return catalogue }, OwnPID: ownPID, Logger: log.NewNopLogger()})
}

func TestSample(t *testing.T) {
	t.Parallel()
	f := fakeProc{t, t.TempDir()}
	f.write("1/net/tcp", header+
		line("00000000", 8081, 0, 0x0a, 11)+ // 0.0.0.0
		line("0100007F", 6379, 0, 0x0a, 12)+ // 127.0.0.1
		line("0100007F", 6379, 0, 0x0a, 99)+ // the same address again: SO_REUSEPORT
		line("0101A8C0", 22, 0, 0x0a, 13)+ // 192.168.1.1
		line("0100007F", 40000, 6379, 0x01, 14)) // established
	f.write("1/net/tcp6", header+line("00000000000000000000000000000000", 9200, 0, 0x0a, 15))
	f.write("1/net/udp", header+line("08080808", 53, 0, 0x07, 16)+line("08080808", 54, 53, 0x07, 17))
	f.process(50, 100, "/usr/bin/java", []string{"java", "org.apache.flink.runtime.entrypoint.X"}, 11)
	f.process(51, 50, "/usr/sbin/sshd", nil, 13)
	f.process(52, 200, "/usr/sbin/sshd", nil, 13) // a child with its parent's socket
	f.process(60, 10, "/usr/bin/own", nil, 15)

	s := newSensor(t, f.root, 60)
	if err := s.Sample(time.Unix(5, 0)); err != nil {
		t.Fatal(err)
	}
	want := []host.Socket{
		{Protocol: host.TCP, Address: "192.168.1.1", Port: 22, Scope: host.ScopePrivate, Inode: 13, Owner: host.Identity{PID: 51, StartTime: 50}, OwnerComm: "p51", OwnerExe: "/usr/sbin/sshd"},
		{Protocol: host.TCP, Address: "127.0.0.1", Port: 6379, Scope: host.ScopeLoopback, Inode: 12, App: "redis", Confidence: host.ConfidencePort},
		{Protocol: host.TCP, Address: "0.0.0.0", Port: 8081, Scope: host.ScopeAny, Inode: 11, Owner: host.Identity{PID: 50, StartTime: 100}, OwnerComm: "p50", OwnerExe: "/usr/bin/java", App: "flink", Confidence: host.ConfidenceEvidence},
		{Protocol: host.TCP, Address: "::", Port: 9200, Scope: host.ScopeAny, Inode: 15, Owner: host.Identity{PID: 60, StartTime: 10}, OwnerComm: "p60", OwnerExe: "/usr/bin/own", App: "elasticsearch", Confidence: host.ConfidencePort, Own: true},
		{Protocol: host.UDP, Address: "8.8.8.8", Port: 53, Scope: host.ScopePublic, Inode: 16},
	}
	snapshot := s.Snapshot()
	if diff := cmp.Diff(want, snapshot.Sockets); diff != "" {
		t.Error(diff)
	}
	if got := snapshot.Visibility[host.AspectNetns]; got != (host.Share{Readable: 3, Total: 3}) {
		t.Errorf("netns %+v: a missing table of IPv6 is no failure", got)
	}
	if exposed := snapshot.Sockets[3].Exposed(); exposed {
		t.Error("the exporter calls its own socket exposed")
	}

	// The owner ends and another process takes over its pid.
	f.process(50, 900, "/usr/bin/other", nil)
	if err := s.Sample(time.Unix(6, 0)); err != nil {
		t.Fatal(err)
	}
	if got := s.Snapshot().Sockets[2]; got.Owner.PID != 0 || got.Confidence != host.ConfidencePort {
		t.Errorf("a reused pid is still the owner: %+v", got)
	}
}

func TestSteadyHostIsNotWalked(t *testing.T) {
	t.Parallel()
	f := fakeProc{t, t.TempDir()}
	f.write("1/net/tcp", header+line("00000000", 80, 0, 0x0a, 11)+line("00000000", 81, 0, 0x0a, 12))
	f.write("1/net/udp", header)
	f.process(50, 1, "/x", nil, 11)
	o := newOwners(f.root, map[host.ReadError]uint64{})
	walks := 0
	for range 2*retryEvery + 1 {
		o.find(map[uint64]bool{11: true, 12: true})
		if o.since == 0 {
			walks++
		}
	}
	if walks != 3 {
		t.Errorf("%d walks in %d samples, want 3", walks, 2*retryEvery+1)
	}
}

func TestFallsBackToItsOwnNamespace(t *testing.T) {
	t.Parallel()
	f := fakeProc{t, t.TempDir()}
	f.write("net/tcp", header+line("00000000", 80, 0, 0x0a, 11))
	f.write("net/udp", header)
	s := newSensor(t, f.root, 0)
	if err := s.Sample(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if len(s.Snapshot().Sockets) != 1 {
		t.Errorf("%+v", s.Snapshot().Sockets)
	}
}

func TestUnreadableTables(t *testing.T) {
	t.Parallel()
	f := fakeProc{t, t.TempDir()}
	if err := newSensor(t, f.root, 0).Sample(time.Unix(1, 0)); err == nil || !strings.Contains(err.Error(), f.root) {
		t.Errorf("no table gave %v", err)
	}
	f.write("1/net/tcp", header+"garbage\n")
	f.write("1/net/udp", header)
	s := newSensor(t, f.root, 0)
	if err := s.Sample(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	snapshot := s.Snapshot()
	if snapshot.Visibility[host.AspectNetns] != (host.Share{Readable: 1, Total: 2}) || snapshot.ReadErrors[host.ReadError{Aspect: host.AspectNetns, Reason: host.ReasonParse}] != 1 {
		t.Errorf("a broken table: %+v", snapshot.Meta)
	}
}

func TestScope(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]host.Scope{
		"0.0.0.0": host.ScopeAny, "::": host.ScopeAny, "::ffff:0.0.0.0": host.ScopeAny,
		"127.0.0.53": host.ScopeLoopback, "::1": host.ScopeLoopback, "::ffff:127.0.0.1": host.ScopeLoopback,
		"10.1.2.3": host.ScopePrivate, "172.31.0.1": host.ScopePrivate, "192.168.0.1": host.ScopePrivate, "100.64.0.1": host.ScopePrivate,
		"169.254.1.1": host.ScopePrivate, "fe80::1": host.ScopePrivate, "fd00::1": host.ScopePrivate,
		"8.8.8.8": host.ScopePublic, "172.32.0.1": host.ScopePublic, "2001:db8::1": host.ScopePublic, "100.128.0.1": host.ScopePublic,
	} {
		if got := scopeOf(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

// TestLive opens sockets on this machine and finds itself behind them.
func TestLive(t *testing.T) {
	t.Parallel()
	ports := map[uint16]host.Scope{}
	for address, scope := range map[string]host.Scope{"127.0.0.1:0": host.ScopeLoopback, "0.0.0.0:0": host.ScopeAny, "[::1]:0": host.ScopeLoopback} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		ports[uint16(listener.Addr().(*net.TCPAddr).Port)] = scope
	}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { packets.Close() })
	ports[uint16(packets.LocalAddr().(*net.UDPAddr).Port)] = host.ScopeLoopback

	s := newSensor(t, "/proc", os.Getpid())
	if err := s.Sample(time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, socket := range s.Snapshot().Sockets {
		if scope, mine := ports[socket.Port]; mine && socket.Own {
			if socket.Scope != scope || socket.Owner.PID != os.Getpid() {
				t.Errorf("%+v, want scope %s", socket, scope)
			}
			delete(ports, socket.Port)
		}
	}
	if len(ports) != 0 {
		t.Errorf("ports %v were not found", ports)
	}
}

func BenchmarkSample(b *testing.B) {
	f := fakeProc{b, b.TempDir()}
	var table strings.Builder
	table.WriteString(header)
	for i := range 50_000 {
		table.WriteString(line("0100007F", uint16(1024+i%60000), 443, 0x01, 1000+i))
	}
	table.WriteString(line("00000000", 80, 0, 0x0a, 11))
	f.write("1/net/tcp", table.String())
	f.write("1/net/udp", header)
	f.process(50, 1, "/x", nil, 11)
	s := newSensor(b, f.root, 0)
	for b.Loop() {
		if err := s.Sample(time.Unix(1, 0)); err != nil {
			b.Fatal(err)
		}
	}
}

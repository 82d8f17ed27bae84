package sockets

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

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
	if err := s.Sample(t.Context(), time.Unix(5, 0)); err != nil {
		t.Fatal(err)
	}
	want := []model.Socket{
		{Protocol: model.TCP, Address: "192.168.1.1", Port: 22, Scope: model.ScopePrivate, Inode: 13, Owner: model.Identity{PID: 51, StartTime: 50}, OwnerComm: "p51", OwnerExe: "/usr/sbin/sshd", App: "ssh", Confidence: model.ConfidenceEvidence},
		{Protocol: model.TCP, Address: "127.0.0.1", Port: 6379, Scope: model.ScopeLoopback, Inode: 12, App: "redis", Confidence: model.ConfidencePort},
		{Protocol: model.TCP, Address: "0.0.0.0", Port: 8081, Scope: model.ScopeAny, Inode: 11, Owner: model.Identity{PID: 50, StartTime: 100}, OwnerComm: "p50", OwnerExe: "/usr/bin/java", App: "flink", Confidence: model.ConfidenceEvidence},
		{Protocol: model.TCP, Address: "::", Port: 9200, Scope: model.ScopeAny, Inode: 15, Owner: model.Identity{PID: 60, StartTime: 10}, OwnerComm: "p60", OwnerExe: "/usr/bin/own", App: "elasticsearch", Confidence: model.ConfidencePort, OwnedByExporter: true},
		{Protocol: model.UDP, Address: "8.8.8.8", Port: 53, Scope: model.ScopePublic, Inode: 16},
	}
	snapshot := s.Snapshot()
	if diff := cmp.Diff(want, snapshot.Sockets); diff != "" {
		t.Error(diff)
	}
	if got := snapshot.Visibility[model.AspectNetns]; got != (model.Share{Readable: 3, Total: 3}) {
		t.Errorf("netns %+v: a missing table of IPv6 is no failure", got)
	}
	if exposed := snapshot.Sockets[3].Exposed(); exposed {
		t.Error("the exporter calls its own socket exposed")
	}

	// The owner ends and another process takes over its pid.
	f.process(50, 900, "/usr/bin/other", nil)
	if err := s.Sample(t.Context(), time.Unix(6, 0)); err != nil {
		t.Fatal(err)
	}
	if got := s.Snapshot().Sockets[2]; got.Owner.PID != 0 || got.Confidence != model.ConfidencePort {
		t.Errorf("a reused pid is still the owner: %+v", got)
	}
}

func TestFallsBackToItsOwnNamespace(t *testing.T) {
	t.Parallel()
	f := fakeProc{t, t.TempDir()}
	f.write("net/tcp", header+line("00000000", 80, 0, 0x0a, 11))
	f.write("net/udp", header)
	s := newSensor(t, f.root, 0)
	if err := s.Sample(t.Context(), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if len(s.Snapshot().Sockets) != 1 {
		t.Errorf("%+v", s.Snapshot().Sockets)
	}
}

func TestUnreadableTables(t *testing.T) {
	t.Parallel()
	f := fakeProc{t, t.TempDir()}
	if err := newSensor(t, f.root, 0).Sample(t.Context(), time.Unix(1, 0)); err == nil || !strings.Contains(err.Error(), f.root) {
		t.Errorf("no table gave %v", err)
	}
	f.write("1/net/tcp", header+"garbage\n")
	f.write("1/net/tcp6", header+"garbage\n"+line(strings.Repeat("0", 32), 80, 0, 0x0a, 11)+"short")
	f.write("1/net/udp", header)
	s := newSensor(t, f.root, 0)
	if err := s.Sample(t.Context(), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	snapshot := s.Snapshot()
	if snapshot.Visibility[model.AspectNetns] != (model.Share{Readable: 2, Total: 3}) {
		t.Errorf("a table of garbage alone is unreadable, one with a broken line is not: %+v", snapshot.Visibility)
	}
	if got := snapshot.ReadErrors[model.ReadError{Aspect: model.AspectNetns, Reason: model.ReasonParse}]; got != 4 {
		t.Errorf("%d parse errors, want one for each broken line and one for the table", got)
	}
	if len(snapshot.Sockets) != 1 || snapshot.Sockets[0].Port != 80 {
		t.Errorf("the good line beside the broken ones: %+v", snapshot.Sockets)
	}
}

func TestScope(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]model.Scope{
		"0.0.0.0": model.ScopeAny, "::": model.ScopeAny, "::ffff:0.0.0.0": model.ScopeAny,
		"127.0.0.53": model.ScopeLoopback, "::1": model.ScopeLoopback, "::ffff:127.0.0.1": model.ScopeLoopback,
		"10.1.2.3": model.ScopePrivate, "172.31.0.1": model.ScopePrivate, "192.168.0.1": model.ScopePrivate, "100.64.0.1": model.ScopePrivate,
		"169.254.1.1": model.ScopePrivate, "fe80::1": model.ScopePrivate, "fd00::1": model.ScopePrivate,
		"224.0.0.251": model.ScopePrivate, "ff02::fb": model.ScopePrivate, "ff01::1": model.ScopeLoopback, "::ffff:10.0.0.1": model.ScopePrivate,
		"::ffff:8.8.8.8": model.ScopePublic, "100.63.255.255": model.ScopePublic, "192.169.0.1": model.ScopePublic,
		"8.8.8.8": model.ScopePublic, "172.32.0.1": model.ScopePublic, "2001:db8::1": model.ScopePublic, "100.128.0.1": model.ScopePublic,
	} {
		if got := model.ScopeOf(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

package sockets

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// open listens on a free port of an address and tells which, or 0 if this
// machine has no IPv6.
func open(t *testing.T, network, address string) uint16 {
	t.Helper()
	if network[:3] == "tcp" {
		listener, err := net.Listen(network, net.JoinHostPort(address, "0"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		return uint16(listener.Addr().(*net.TCPAddr).Port)
	}
	packets, err := net.ListenPacket(network, net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { packets.Close() })
	return uint16(packets.LocalAddr().(*net.UDPAddr).Port)
}

// TestLive opens sockets on this machine and finds itself behind them.
func TestLive(t *testing.T) {
	t.Parallel()
	type place struct {
		protocol model.Protocol
		address  string
		port     uint16
	}
	want := map[place]model.Scope{}
	addresses := map[string]map[string]model.Scope{"4": {"127.0.0.1": model.ScopeLoopback, "0.0.0.0": model.ScopeAny}}
	if _, err := os.Stat("/proc/net/tcp6"); err == nil { // else IPv6 is off
		addresses["6"] = map[string]model.Scope{"::1": model.ScopeLoopback, "::": model.ScopeAny}
	}
	for _, protocol := range model.Protocols() {
		for version, scopes := range addresses {
			for address, scope := range scopes {
				want[place{protocol, address, open(t, string(protocol)+version, address)}] = scope
			}
		}
	}
	// A connected UDP socket is none.
	peer, err := net.Dial("udp4", fmt.Sprintf("127.0.0.1:%d", open(t, "udp4", "127.0.0.2")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	connected := uint16(peer.LocalAddr().(*net.UDPAddr).Port)

	s := newSensor(t, "/proc", os.Getpid())
	s.owners.searchTime = time.Minute // the machine is shared
	for range 2 {                     // found by a walk, and remembered
		if err := s.Sample(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		got := map[place]model.Scope{}
		for _, socket := range s.Snapshot().Sockets {
			key := place{socket.Protocol, socket.Address, socket.Port}
			if _, mine := want[key]; mine && socket.OwnedByExporter && socket.Owner.PID == os.Getpid() && socket.OwnerExe != "" && socket.OwnerComm != "" {
				got[key] = socket.Scope
			}
			if socket.Protocol == model.UDP && socket.Address == "127.0.0.1" && socket.Port == connected {
				t.Errorf("a connected UDP socket does not listen: %+v", socket)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if share := s.Snapshot().Visibility[model.AspectFd]; share.Readable == 0 {
		t.Errorf("fd %+v", share)
	}
}

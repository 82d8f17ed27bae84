package sockets

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// connection writes one with a peer.
func connection(local string, port uint16, remote string, state int) string {
	return fmt.Sprintf("   0: %s:%04X %s:C000 %02X 00000000:00000000 00:00000000 00000000  1000        0 0 1 0 100 0 0 10 0\n", local, port, remote, state)
}

func TestPeers(t *testing.T) {
	t.Parallel()
	f, s, told := newNamespaces(t)
	f.write("1/net/tcp", header+line("00000000", 8081, 0, 0x0a, 1)+
		connection("0100007F", 8081, "050000CB", 0x01)+ // 203.0.0.5
		connection("0100007F", 8081, "050000CB", 0x06)+
		connection("0100007F", 8081, "060000CB", 0x02)+ // SYN_SENT
		connection("0100007F", 8082, "070000CB", 0x01))
	f.write("1/net/tcp6", header+connection("0000000000000000FFFF00000100007F", 8081, "0000000000000000FFFF0000080000CB", 0x08)+"garbage\n")
	f.enter(50, "7", connection("0100007F", 8081, "090000CB", 0x04))
	*told = []model.NetNamespace{{ID: "7", PIDs: []int{50}}}
	sample(t, s, 1)
	if got := s.Snapshot().Peers; got != nil {
		t.Errorf("nobody asked: %v", got)
	}
	keys := []model.SocketKey{
		{Protocol: model.TCP, Port: 8081},
		{Protocol: model.TCP, Port: 8081, NetNS: "7"},
		{Protocol: model.TCP, Port: 8081, NetNS: "none"},
		{Protocol: model.UDP, Port: 8082},
	}
	s.options.PeerPorts = func() []model.SocketKey { return keys }
	want := []model.Peer{
		{Port: 8081, Remote: netip.MustParseAddr("203.0.0.5")},
		{Port: 8081, Remote: netip.MustParseAddr("203.0.0.8")},
		{NetNS: "7", Port: 8081, Remote: netip.MustParseAddr("203.0.0.9")},
	}
	if diff := cmp.Diff(want, sample(t, s, 2).Peers, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
	var many strings.Builder
	for i := range 2 * maxPeers {
		many.WriteString(connection("0100007F", 8081, fmt.Sprintf("%02X0000CB", i), 0x01))
	}
	f.write("1/net/tcp", header+many.String())
	if got := len(sample(t, s, 3).Peers); got != maxPeers {
		t.Errorf("%d peers, want %d", got, maxPeers)
	}
}

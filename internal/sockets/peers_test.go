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

// TestPeers keeps the peers of ports of a service with a log of submissions: not those
// of loopback, of internal components, and of services without a log.
func TestPeers(t *testing.T) {
	t.Parallel()
	f, s, given := newHost(t)
	flink := []string{"java", "-Dlog.file=/opt/flink/log/x.log", "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"}
	f.write("1/net/tcp", header+line("00000000", 8081, 0, 0x0a, 11)+line("0100007F", 8083, 0, 0x0a, 12)+
		line("00000000", 22, 0, 0x0a, 14)+line("00000000", 8084, 0, 0x0a, 15)+
		connection("0100007F", 8081, "050000CB", 0x01)+ // 203.0.0.5
		connection("0100007F", 8081, "050000CB", 0x06)+
		connection("0100007F", 8081, "060000CB", 0x02)+ // SYN_SENT
		connection("0100007F", 22, "070000CB", 0x01)+
		connection("0100007F", 8083, "070000CB", 0x01)+
		connection("0100007F", 8084, "070000CB", 0x01))
	f.write("1/net/tcp6", header+connection("0000000000000000FFFF00000100007F", 8081, "0000000000000000FFFF0000080000CB", 0x08)+"garbage\n")
	f.process(40, 1, "/usr/bin/java", flink, 11, 12)
	f.process(41, 1, "/usr/bin/java", []string{"java", "-Dlog.file=/x", "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"}, 15)
	f.process(50, 2, "/usr/bin/java", flink, 13)
	f.enter(50, "7", line("00000000", 8081, 0, 0x0a, 13)+connection("0100007F", 8081, "090000CB", 0x04))
	*given = []model.NetNamespace{{ID: "7", PIDs: []int{50}}}
	want := []model.Peer{
		{Port: 8081, Remote: netip.MustParseAddr("203.0.0.5")},
		{Port: 8081, Remote: netip.MustParseAddr("203.0.0.8")},
		{NetNS: "7", Port: 8081, Remote: netip.MustParseAddr("203.0.0.9")},
	}
	if diff := cmp.Diff(want, sample(t, s, 1).Peers, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
	var many strings.Builder
	for i := range 2 * maxPeers {
		many.WriteString(connection("0100007F", 8081, fmt.Sprintf("%02X0000CB", i), 0x01))
	}
	f.write("1/net/tcp", header+line("00000000", 8081, 0, 0x0a, 11)+many.String())
	peers := sample(t, s, 2).Peers
	if len(peers) != maxPeers+1 || peers[maxPeers] != want[2] {
		t.Errorf("%d peers, want %d of one port and those of the other: %+v", len(peers), maxPeers, peers[len(peers)-1])
	}
}

// TestConnectionsAndPeers has a process that is watched and whose port's peers are kept,
// both out of one read of the host's table.
func TestConnectionsAndPeers(t *testing.T) {
	t.Parallel()
	f, s, _ := newHost(t)
	withInode := func(row string, inode int) string {
		return strings.Replace(row, " 1000        0 0 1", fmt.Sprintf(" 1000        0 %d 1", inode), 1)
	}
	f.write("1/net/tcp", header+line("00000000", 8081, 0, 0x0a, 11)+
		withInode(connection("0100007F", 8081, "050000CB", 0x01), 12)+
		withInode(connection("0100007F", 40000, "060000CB", 0x01), 13)+
		withInode(connection("0100007F", 40001, "060000CB", 0x06), 14)+ // TIME_WAIT
		withInode(connection("0100007F", 40002, "060000CB", 0x01), 15)) // another's
	f.write("1/ns/x", "")
	f.link("net:[1]", f.root+"/1/ns/net")
	f.process(50, 7, "/usr/bin/java", []string{"java", "-Dlog.file=/x", "org.apache.flink.X"}, 11, 12, 13, 14)
	f.enter(50, "1", "garbage\n") // its own view of the host's tables is not looked at again
	s.options.Watched = func() []model.Identity { return []model.Identity{{PID: 50, StartTime: 7}} }
	snapshot := sample(t, s, 1)
	if len(snapshot.Peers) != 1 || snapshot.Peers[0].Port != 8081 {
		t.Errorf("%+v", snapshot.Peers)
	}
	var got []string
	for _, c := range snapshot.Connections {
		got = append(got, fmt.Sprintf("%s outbound=%t", c.Remote.Addr(), c.Outbound))
	}
	if diff := cmp.Diff([]string{"203.0.0.5 outbound=false", "203.0.0.6 outbound=true"}, got); diff != "" {
		t.Error(diff)
	}
	if at := sample(t, s, 9).Connections[0].Since; !at.Equal(snapshot.Time) {
		t.Errorf("seen since %s", at)
	}
}

// TestPeerPortsAreBounded has a service that listens at very many ports.
func TestPeerPortsAreBounded(t *testing.T) {
	t.Parallel()
	var sockets []model.Socket
	for port := range 2 * maxPeerPorts {
		sockets = append(sockets, model.Socket{Protocol: model.TCP, Port: uint16(1 + port), Scope: model.ScopeAny, LogFile: "/log"})
	}
	wanted := map[string]*wantedRows{}
	wantPeers(wanted, sockets, map[string]string{"": "/proc/1/net"})
	if got := len(wanted[""].ports); got != maxPeerPorts {
		t.Errorf("the peers of %d ports are kept", got)
	}
}

package sockets

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/sockets/forward"
)

const cniCache = `{"capabilityArgs":{"portMappings":[
 {"hostPort":8081,"containerPort":80,"protocol":"tcp"}, {"hostPort":53,"containerPort":53,"protocol":"udp","hostIP":"127.0.0.1"}]},
"result":{"ips":[{"address":"10.88.0.5/16"},{"address":"10.88.0.9/16"}]}}`

func described(snapshot *model.SocketSnapshot) (all []string) {
	for _, p := range snapshot.PortForwards {
		all = append(all, fmt.Sprintf("%s %s -> %s by %d", p.Via, p.Host, p.Target, p.Owner.PID))
	}
	return all
}

func TestPortForwards(t *testing.T) {
	t.Parallel()
	var now forward.Rules
	var failure error
	reads, generation := 0, uint32(1)
	f, s, namespaces := newHost(t, Kernel{Forwarding: forward.Kernel{
		Generation: func() (uint32, error) { return generation, failure },
		Rules:      func() (forward.Rules, error) { reads++; return now, nil },
	}})
	f.write("1/net/tcp", header+line("00000000", 8081, 0, 0x0a, 11))
	f.process(60, 100, "/usr/bin/docker-proxy", strings.Split("docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8081 -container-ip 172.17.0.2 -container-port 80", " "), 11)
	f.enter(50, "7", "")
	f.write("50/net/fib_trie", localTrie("10.88.0.5"))
	*namespaces = []model.NetNamespace{{ID: "7", PIDs: []int{50}}}
	f.write("var/lib/cni/results/x", cniCache)
	f.write("1/ns/x", "")
	f.link("net:[1]", f.root+"/1/ns/net")
	f.write("self/ns/x", "")
	f.link("net:[1]", f.root+"/self/ns/net")

	rule := model.PortForward{Protocol: model.TCP, Host: netip.MustParseAddrPort("0.0.0.0:8081"), Target: netip.MustParseAddrPort("172.17.0.2:80"), Via: model.ForwarderIptables}
	other := rule
	other.Host = netip.MustParseAddrPort("0.0.0.0:9000")
	now.Forwards = []model.PortForward{rule, other}

	snapshot := sample(t, s, 1)
	want := []string{
		"docker-proxy 0.0.0.0:8081 -> 172.17.0.2:80 by 60",
		"iptables 0.0.0.0:9000 -> 172.17.0.2:80 by 0",
	}
	if snapshot.ForwardingUnknown != "" {
		t.Errorf("%q", snapshot.ForwardingUnknown)
	}
	all := strings.Join(described(snapshot), "; ")
	for _, forwarded := range append(want, "cni 0.0.0.0:8081 -> 10.88.0.5:80 by 0", "cni 127.0.0.1:53 -> 10.88.0.5:53 by 0") {
		if strings.Count(all, forwarded) != 1 {
			t.Errorf("%s is not once in %s", forwarded, all)
		}
	}
	if len(snapshot.PortForwards) != 4 {
		t.Errorf("also those of addresses that nobody has: %s", all)
	}
	sample(t, s, 100)
	if reads != 1 {
		t.Errorf("rules that are as they were were read %d times", reads)
	}
	generation, now.NotUnderstood = 2, 3
	if got := sample(t, s, 101).ForwardingUnknown; reads != 2 || !strings.HasPrefix(got, "3 rules") {
		t.Errorf("%d reads, %q", reads, got)
	}
	generation = 3
	if sample(t, s, 102); reads != 2 {
		t.Errorf("rules were read %d times within 30 s", reads)
	}
	f.write("1/net/ip_tables_names", "filter\nnat\n")
	if got := sample(t, s, 140).ForwardingUnknown; reads != 3 || !strings.Contains(got, "legacy iptables") {
		t.Errorf("%q", got)
	}
	failure = unix.EPERM
	if snapshot := sample(t, s, 180); !strings.Contains(snapshot.ForwardingUnknown, "CAP_NET_ADMIN") || len(snapshot.PortForwards) != 3 {
		t.Errorf("%q, %q", snapshot.ForwardingUnknown, described(snapshot))
	}
	failure = errors.ErrUnsupported
	if got := sample(t, s, 200).ForwardingUnknown; strings.Contains(got, "nftables") {
		t.Errorf("a kernel without nftables has no rules: %q", got)
	}
	failure = nil
	os.Remove(f.root + "/self/ns/net")
	f.link("net:[2]", f.root+"/self/ns/net")
	if got := sample(t, s, 220).ForwardingUnknown; !strings.Contains(got, "of its own") || reads != 3 {
		t.Errorf("%d reads, %q", reads, got)
	}
}

// TestSockDiagIsRefused reads /proc then, and leaves the kernel alone for a while.
func TestSockDiagIsRefused(t *testing.T) {
	t.Parallel()
	f, s, _ := newHost(t)
	f.write("1/ns/x", "")
	f.link("net:[1]", f.root+"/1/ns/net")
	f.write("self/ns/x", "")
	f.link("net:[1]", f.root+"/self/ns/net")
	asked, answer := 0, error(nil)
	s.options.Kernel.Listeners = func(found func(model.Socket)) error {
		asked++
		found(newSocket(model.TCP, netip.AddrPortFrom(netip.IPv6Unspecified(), 80), 5))
		return answer
	}
	if got := sample(t, s, 1).Sockets; len(got) != 1 || got[0].Port != 80 {
		t.Errorf("%+v", got)
	}
	answer = unix.ENOENT
	for second := range int64(3) {
		if got := sample(t, s, 2+second).Sockets; len(got) != 1 || got[0].Port != 22 {
			t.Errorf("%+v", got)
		}
	}
	answer = nil
	if got := sample(t, s, 3000).Sockets; asked != 3 || got[0].Port != 80 {
		t.Errorf("asked %d times, %+v", asked, got)
	}
}

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
)

func told(snapshot *model.SocketSnapshot) (all []string) {
	for _, p := range snapshot.PortForwards {
		all = append(all, fmt.Sprintf("%s %s -> %s by %d", p.Via, p.Host, p.Target, p.Owner.PID))
	}
	return all
}

func TestPublications(t *testing.T) {
	t.Parallel()
	f, s, namespaces := newNamespaces(t)
	f.write("1/net/tcp", header+line("00000000", 8081, 0, 0x0a, 11))
	f.process(60, 100, "/usr/bin/docker-proxy", strings.Split("docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8081 -container-ip 172.17.0.2 -container-port 80", " "), 11)
	f.enter(50, "7", "")
	f.write("50/net/fib_trie", local("10.88.0.5"))
	*namespaces = []model.NetNamespace{{ID: "7", PIDs: []int{50}}}
	f.write("var/lib/cni/results/x", cniResult)
	f.write("1/ns/x", "")
	f.link("net:[1]", f.root+"/1/ns/net")
	f.write("self/ns/x", "")
	f.link("net:[1]", f.root+"/self/ns/net")

	rule := model.PortForward{Protocol: model.TCP, Host: netip.MustParseAddrPort("0.0.0.0:8081"), Target: netip.MustParseAddrPort("172.17.0.2:80"), Via: model.ForwarderIptables}
	other := rule
	other.Host = netip.MustParseAddrPort("0.0.0.0:9000")
	now, reads, generation, failure := Rules{Publications: []model.PortForward{rule, other}}, 0, uint32(1), error(nil)
	s.options.Kernel.Generation = func() (uint32, error) { return generation, failure }
	s.options.Kernel.Rules = func() (Rules, error) { reads++; return now, nil }

	snapshot := sample(t, s, 1)
	want := []string{
		"docker-proxy 0.0.0.0:8081 -> 172.17.0.2:80 by 60",
		"iptables 0.0.0.0:9000 -> 172.17.0.2:80 by 0",
	}
	if snapshot.ForwardingUnknown != "" {
		t.Errorf("%q", snapshot.ForwardingUnknown)
	}
	all := strings.Join(told(snapshot), "; ")
	for _, publication := range append(want, "cni 0.0.0.0:8081 -> 10.88.0.5:80 by 0", "cni 127.0.0.1:53 -> 10.88.0.5:53 by 0") {
		if strings.Count(all, publication) != 1 {
			t.Errorf("%s is not once in %s", publication, all)
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
		t.Errorf("%q, %q", snapshot.ForwardingUnknown, told(snapshot))
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
	f, s, _ := newNamespaces(t)
	f.write("1/ns/x", "")
	f.link("net:[1]", f.root+"/1/ns/net")
	f.write("self/ns/x", "")
	f.link("net:[1]", f.root+"/self/ns/net")
	asked, answer := 0, error(nil)
	s.options.Kernel.Listeners = func(found func(model.Socket)) error {
		asked++
		found(newSocket(model.TCP, netip.IPv6Unspecified(), 80, 5))
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

func TestIsUnloaded(t *testing.T) {
	t.Parallel()
	f := fakeProc{t, t.TempDir()}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	f.write("lib/modules/"+unix.ByteSliceToString(name.Release[:])+"/kernel/net/no_such_module.ko.xz", "")
	if !isUnloaded(f.root, "net/no_such_module") || isUnloaded(f.root, "net/built_in") {
		t.Error("a module that is not loaded was not told from what is built in")
	}
}

package forward

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestIsUnloaded(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	write(t, root, "lib/modules/"+unix.ByteSliceToString(name.Release[:])+"/kernel/net/no_such_module.ko.xz", "")
	if !isUnloaded(root, "net/no_such_module") || isUnloaded(root, "net/built_in") {
		t.Error("a module that is not loaded is taken for one that is built in")
	}
}

// TestLiveRules has nft and iptables write rules, if they are installed.
func TestLiveRules(t *testing.T) {
	t.Parallel()
	unshare(t)
	before, err := generation()
	if err != nil {
		t.Skipf("no nftables here: %v", err)
	}
	run := func(program string, arguments ...string) {
		t.Helper()
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
		if output, err := exec.Command(program, arguments...).CombinedOutput(); err != nil {
			t.Skipf("%s: %v: %s", program, err, output)
		}
	}
	iptables := func(line string) {
		t.Helper()
		run("iptables-nft", append([]string{"-t", "nat"}, strings.Fields(line)...)...)
	}
	run("nft", `
table inet mine {
  chain in { type nat hook prerouting priority dstnat; policy accept;
    tcp dport 8081 dnat ip to 10.99.0.2:80
    udp dport 53 counter dnat ip to 10.99.0.3
    ip daddr 192.0.2.7 tcp dport 2375-2376 dnat ip to 10.99.0.4
    meta l4proto tcp ip6 daddr 2001:db8::1 tcp dport 443 dnat ip6 to [fd00::2]:8443
    tcp dport 22 redirect to :2222
    dnat ip to tcp dport map { 1 : 10.99.0.5, 2 : 10.99.0.6 }
    tcp dport { 3, 4 } dnat ip to 10.99.0.7
    iifname "eth9" accept
  }
  chain out {
    type nat hook output priority -100; policy accept;
    tcp dport 9 dnat ip to 10.99.0.9
  }
}
table ip plain {
  chain f {
    type filter hook input priority 0; policy accept;
    tcp dport 7 accept
    tcp dport 10042 ip saddr 192.0.2.9 drop
    jump more
  }
  chain more {
    tcp dport 10043 reject
  }
  chain elsewhere {
    type filter hook forward priority 0; policy accept;
    tcp dport 10044 drop
  }
}`)
	iptables("-N DOCKER")
	iptables("-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER")
	iptables("-A DOCKER ! -i docker0 -p tcp -m tcp --dport 6379 -j DNAT --to-destination 172.17.0.2:6380")
	iptables("-A DOCKER -d 127.0.0.1/32 ! -i docker0 -p udp -m udp --dport 5353 -j DNAT --to-destination 172.17.0.3:53")
	iptables("-A DOCKER -p tcp -m multiport --dports 5,6 -j DNAT --to-destination 172.17.0.4")
	iptables("-N KUBE-SEP-X")
	iptables("-A KUBE-SEP-X -p tcp -m tcp -j DNAT --to-destination 172.17.0.5:80")
	rules, err := readRules()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range rules.Forwards {
		got = append(got, fmt.Sprintf("%s %s %s -> %s", p.Via, p.Protocol, p.Host, p.Target))
	}
	want := []string{
		"nftables tcp 0.0.0.0:8081 -> 10.99.0.2:80",
		"nftables udp 0.0.0.0:53 -> 10.99.0.3:53",
		"nftables tcp 192.0.2.7:2375 -> 10.99.0.4:2375",
		"nftables tcp 192.0.2.7:2376 -> 10.99.0.4:2376",
		"nftables tcp [2001:db8::1]:443 -> [fd00::2]:8443",
		"iptables tcp 0.0.0.0:6379 -> 172.17.0.2:6380",
		"iptables udp 127.0.0.1:5353 -> 172.17.0.3:53",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if rules.NotUnderstood != 4 {
		t.Errorf("%d rules are not understood, want the map, the set, multiport and the one without a port", rules.NotUnderstood)
	}
	about := map[string]bool{}
	for _, p := range rules.Ports {
		about[fmt.Sprintf("%s %d", p.Action, p.First)] = true
	}
	for text, want := range map[string]bool{"drops 10042": true, "drops 10043": true, "drops 10044": false, "drops 7": false, "diverts 22": true, "diverts 8081": true, "diverts 6379": true} {
		if about[text] != want {
			t.Errorf("%s: %t, want %t in %v", text, about[text], want, about)
		}
	}
	if after, err := generation(); err != nil || after == before {
		t.Errorf("the generation is still %d, %v", after, err)
	}
}

package forward

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// answering is a kernel that has one chain, with one rule.
func answering(t *testing.T, chain, rule []byte) *nftables.Conn {
	t.Helper()
	const subsystem = unix.NFNL_SUBSYS_NFTABLES << 8
	conn, err := nftables.New(nftables.WithTestDial(func(requests []netlink.Message) ([]netlink.Message, error) {
		if len(requests) == 0 {
			return nil, nil
		}
		answer := netlink.Message{Header: requests[0].Header}
		switch requests[0].Header.Type {
		case subsystem | unix.NFT_MSG_GETCHAIN:
			answer.Header.Type, answer.Data = subsystem|unix.NFT_MSG_NEWCHAIN, chain
		case subsystem | unix.NFT_MSG_GETRULE:
			answer.Header.Type, answer.Data = subsystem|unix.NFT_MSG_NEWRULE, rule
		}
		return []netlink.Message{answer}, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// recorded are what Linux 6.18 answered about rules that nft and iptables-nft had written, and about a chain for each.
func recorded(t testing.TB) (chains, rules [][]byte) {
	t.Helper()
	names, err := filepath.Glob("testdata/nftables/*")
	if err != nil || len(names) < 2 {
		t.Fatal("nothing is recorded: ", err)
	}
	for _, name := range names { // "chain" is the first
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, content)
	}
	chain, rules := rules[0], rules[1:]
	for _, rule := range rules {
		chains = append(chains, append(rule[:1:1], chain[1:]...)) // of its family (struct nfgenmsg)
	}
	return chains, rules
}

func TestRecordedRules(t *testing.T) {
	t.Parallel()
	chains, recorded := recorded(t)
	understood, not := 0, 0
	for i, rule := range recorded {
		rules, err := rulesOf(answering(t, chains[i], rule), time.Now().Add(time.Hour))
		if err != nil {
			t.Error(err)
		}
		understood += len(rules.Forwards)
		not += rules.NotUnderstood
	}
	if understood != 6 || not != 3 {
		t.Errorf("%d ports are understood, %d rules are not", understood, not)
	}
}

// FuzzRules answers for the kernel: with a chain, and with a rule.
func FuzzRules(f *testing.F) {
	chains, rules := recorded(f)
	for i, rule := range rules {
		f.Add(chains[i], rule)
	}
	f.Fuzz(func(t *testing.T, chain, rule []byte) {
		if len(chain) < nfgenSize || len(rule) < nfgenSize {
			t.Skip("the kernel gives no answer without struct nfgenmsg")
		}
		rules, err := rulesOf(answering(t, chain, rule), time.Now().Add(time.Hour))
		if err == nil && len(rules.Forwards) > 0 && rules.NotUnderstood > 0 {
			t.Errorf("one rule is understood and is not: %+v", rules)
		}
		if len(rules.Forwards) > maxRange {
			t.Errorf("%d ports of one rule", len(rules.Forwards))
		}
		for _, p := range rules.Forwards {
			isKnown := p.Via == model.ForwarderNftables || p.Via == model.ForwarderIptables
			if !isKnown || !p.Host.IsValid() || !p.Target.IsValid() || p.Host.Port() == 0 || p.Target.Port() == 0 {
				t.Errorf("%+v", p)
			}
		}
	})
}

// FuzzDockerProxy: everybody can call a program docker-proxy, and give it any arguments.
func FuzzDockerProxy(f *testing.F) {
	f.Add("/usr/bin/docker-proxy", "docker-proxy\x00-proto\x00tcp\x00-host-ip\x000.0.0.0\x00-host-port\x008081\x00-container-ip\x00172.17.0.2\x00-container-port\x008081\x00-use-listen-fd")
	f.Add("docker-proxy", "x\x00--proto=udp\x00-host-ip=::\x00-host-port=53\x00-container-ip=fe80::1%eth0\x00-container-port=0")
	f.Fuzz(func(t *testing.T, exe, line string) {
		p := ParseDockerProxy(exe, strings.Split(line, "\x00"))
		if p == nil {
			return
		}
		if p.Via != model.ForwarderDockerProxy || p.Protocol != model.TCP && p.Protocol != model.UDP || p.Host.Addr().Zone() != "" || p.Target.Addr().Zone() != "" {
			t.Errorf("%+v", p)
		}
		for _, end := range []uint16{p.Host.Port(), p.Target.Port()} {
			if end == 0 || !strings.Contains(line, strconv.Itoa(int(end))) {
				t.Errorf("port %d of %q", end, line)
			}
		}
	})
}

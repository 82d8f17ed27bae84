package forward

import (
	"net/netip"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestParsePortRule: rules that keep packets from a port, as nft and iptables-nft have the
// kernel keep them, and those that do not, or of others.
func TestParsePortRule(t *testing.T) {
	t.Parallel()
	protocol := func(number byte) []expr.Any {
		return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{number}}}
	}
	tcp := protocol(unix.IPPROTO_TCP)
	loadPort := &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2}
	port := func(op expr.CmpOp) []expr.Any {
		return []expr.Any{loadPort, &expr.Cmp{Op: op, Register: 1, Data: []byte{0x27, 0x3a}}} // 10042
	}
	here := port(expr.CmpOpEq)
	daddr := []expr.Any{&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 4}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{192, 0, 2, 1}}}
	verdict := func(kind expr.VerdictKind) []expr.Any { return []expr.Any{&expr.Verdict{Kind: kind}} }
	match := func(flags xt.TcpInvFlagset) []expr.Any {
		return []expr.Any{&expr.Match{Name: "tcp", Info: &xt.Tcp{SrcPorts: [2]uint16{0, 0xffff}, DstPorts: [2]uint16{10042, 10042}, InvFlags: flags}}}
	}
	one := func(e expr.Any) []expr.Any { return []expr.Any{e} }
	target := func(name string) []expr.Any { return one(&expr.Target{Name: name}) }
	all := func(parts ...[]expr.Any) (joined []expr.Any) {
		for _, part := range parts {
			joined = append(joined, part...)
		}
		return joined
	}
	about := func(action model.PortAction) model.PortRule {
		return model.PortRule{First: 10042, Last: 10042, Action: action}
	}
	at := about(model.PortDiverts)
	at.Address = netip.MustParseAddr("192.0.2.1")
	for name, test := range map[string]struct {
		rule []expr.Any
		want model.PortRule // of no action: none
	}{
		"drop":                      {all(tcp, here, verdict(expr.VerdictDrop)), about(model.PortDrops)},
		"reject":                    {all(tcp, here, one(&expr.Counter{}), one(&expr.Reject{})), about(model.PortDrops)},
		"redirect":                  {all(tcp, here, one(&expr.Redir{RegisterProtoMin: 1})), about(model.PortDiverts)},
		"tproxy":                    {all(tcp, here, one(&expr.TProxy{})), about(model.PortDiverts)},
		"dnat":                      {all(tcp, daddr, here, one(&expr.NAT{Type: expr.NATTypeDestNAT, RegAddrMin: 1})), at},
		"iptables drops":            {all(match(0), verdict(expr.VerdictDrop)), about(model.PortDrops)},
		"iptables rejects":          {all(match(0), target("REJECT")), about(model.PortDrops)},
		"iptables redirects":        {all(match(0), target("REDIRECT")), about(model.PortDiverts)},
		"accept":                    {all(tcp, here, verdict(expr.VerdictAccept)), model.PortRule{}},
		"masquerade":                {all(tcp, here, one(&expr.Masq{})), model.PortRule{}},
		"snat":                      {all(tcp, here, one(&expr.NAT{Type: expr.NATTypeSourceNAT})), model.PortRule{}},
		"a log of xtables":          {all(match(0), target("LOG")), model.PortRule{}},
		"all but the port":          {all(tcp, port(expr.CmpOpNeq), verdict(expr.VerdictDrop)), model.PortRule{}},
		"all but it, with iptables": {all(match(xt.TcpInvDestPorts), verdict(expr.VerdictDrop)), model.PortRule{}},
		"the rest of a firewall":    {verdict(expr.VerdictDrop), model.PortRule{}},
		"all of tcp":                {all(tcp, verdict(expr.VerdictDrop)), model.PortRule{}},
		"every high port":           {all(tcp, port(expr.CmpOpGte), verdict(expr.VerdictDrop)), model.PortRule{}},
		"udp":                       {all(protocol(unix.IPPROTO_UDP), here, verdict(expr.VerdictDrop)), model.PortRule{}},
	} {
		got, ok := parsePortRule(nftables.TableFamilyINet, test.rule)
		if test.want.Action == "" {
			if ok {
				t.Errorf("%s: %+v", name, got)
			}
			continue
		}
		if !ok || got != test.want && name != "dnat" {
			t.Errorf("%s: %+v %t, want %+v", name, got, ok, test.want)
		}
	}
	if got, _ := parsePortRule(nftables.TableFamilyIPv4, all(tcp, daddr, here, one(&expr.NAT{Type: expr.NATTypeDestNAT, RegAddrMin: 1}))); got != at {
		t.Errorf("dnat: %+v, want %+v", got, at)
	}
}

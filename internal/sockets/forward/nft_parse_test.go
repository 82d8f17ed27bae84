package forward

import (
	"fmt"
	"net"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// TestParseRule reads rules as nft and iptables-nft have the kernel keep them, also
// where the kernel has no nftables. See TestLiveRules for the real ones.
func TestParseRule(t *testing.T) {
	t.Parallel()
	tcp := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
	}
	loadPort := &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2}
	port := []expr.Any{loadPort, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{0x1f, 0x91}}} // 8081
	to := []expr.Any{&expr.Immediate{Register: 1, Data: []byte{10, 0, 0, 2}}, &expr.Immediate{Register: 2, Data: []byte{0, 80}}}
	dnat := &expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: 1, RegProtoMin: 2}
	match := func(first, last uint16, inverted xt.TcpInvFlagset) expr.Any {
		return &expr.Match{Name: "tcp", Info: &xt.Tcp{SrcPorts: [2]uint16{0, 0xffff}, DstPorts: [2]uint16{first, last}, InvFlags: inverted}}
	}
	address := net.IP{10, 0, 0, 2}
	compat := func(flags uint, last net.IP, firstPort, lastPort uint16) expr.Any {
		return &expr.Target{Name: "DNAT", Rev: 2, Info: &xt.NatRange2{NatRange: xt.NatRange{Flags: flags, MinIP: address, MaxIP: last, MinPort: firstPort, MaxPort: lastPort}}}
	}
	const ips, both = uint(xt.NatRangeMapIPs), uint(xt.NatRangeMapIPs | xt.NatRangeProtoSpecified)
	join := func(parts ...[]expr.Any) (all []expr.Any) {
		for _, part := range parts {
			all = append(all, part...)
		}
		return all
	}
	one := func(all ...expr.Any) []expr.Any { return all }
	const unknown = "not understood"
	for name, test := range map[string]struct {
		rule []expr.Any
		want string
	}{
		"native":             {join(tcp, port, to, one(dnat)), "[nftables 0.0.0.0:8081 10.0.0.2:80]"},
		"accept":             {join(tcp, port), "[]"},
		"snat":               {join(tcp, port, to, one(&expr.NAT{Type: expr.NATTypeSourceNAT, RegAddrMin: 1})), "[]"},
		"to another port":    {join(tcp, port, to, one(&expr.NAT{Type: expr.NATTypeDestNAT, RegProtoMin: 2})), "[]"},
		"no protocol":        {join(port, to, one(dnat)), unknown},
		"no port":            {join(tcp, to, one(dnat)), unknown},
		"other protocol":     {join(one(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{132}}), port, to, one(dnat)), unknown},
		"a map of targets":   {join(tcp, port, one(&expr.Lookup{SourceRegister: 1, DestRegister: 1, IsDestRegSet: true}, dnat)), unknown},
		"a set of ports":     {join(tcp, one(loadPort, &expr.Lookup{SourceRegister: 1}), to, one(dnat)), unknown},
		"two ports":          {join(tcp, one(loadPort, &expr.Range{Op: expr.CmpOpEq, Register: 1, FromData: []byte{0, 5}, ToData: []byte{0, 6}}), to, one(dnat)), "[nftables 0.0.0.0:5 10.0.0.2:80 nftables 0.0.0.0:6 10.0.0.2:80]"},
		"a thousand ports":   {join(tcp, one(loadPort, &expr.Range{Op: expr.CmpOpEq, Register: 1, FromData: []byte{0, 5}, ToData: []byte{5, 6}}), to, one(dnat)), unknown},
		"backwards":          {join(tcp, one(loadPort, &expr.Cmp{Op: expr.CmpOpGte, Register: 1, Data: []byte{0, 6}}, &expr.Cmp{Op: expr.CmpOpLte, Register: 1, Data: []byte{0, 5}}), to, one(dnat)), unknown},
		"short data":         {join(tcp, one(loadPort, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{5}}), to, one(dnat)), unknown},
		"no address":         {join(tcp, port, one(&expr.Immediate{Register: 1, Data: []byte{1, 2}}, dnat)), unknown},
		"empty":              {nil, "[]"},
		"iptables":           {one(match(8081, 8081, 0), compat(both, address, 80, 80)), "[iptables 0.0.0.0:8081 10.0.0.2:80]"},
		"iptables same port": {one(match(8081, 8081, 0), compat(ips, address, 0, 0)), "[iptables 0.0.0.0:8081 10.0.0.2:8081]"},
		"iptables any port":  {one(match(0, 0xffff, 0), compat(both, address, 80, 80)), unknown},
		"iptables not port":  {one(match(8081, 8081, xt.TcpInvDestPorts), compat(both, address, 80, 80)), unknown},
		"several targets":    {one(match(8081, 8081, 0), compat(both, net.IP{10, 0, 0, 9}, 80, 80)), unknown},
		"several ports":      {one(match(8081, 8081, 0), compat(both, address, 80, 90)), unknown},
		"revision 0":         {one(match(8081, 8081, 0), &expr.Target{Name: "DNAT", Info: &xt.NatIPv4MultiRangeCompat{{Flags: both, MinIP: address, MaxIP: address, MinPort: 80, MaxPort: 80}}}), "[iptables 0.0.0.0:8081 10.0.0.2:80]"},
		"unknown revision":   {one(match(8081, 8081, 0), &expr.Target{Name: "DNAT", Rev: 9, Info: &xt.Unknown{1, 2}}), unknown},
		"other target":       {one(match(8081, 8081, 0), &expr.Target{Name: "MASQUERADE", Info: &xt.Unknown{}}), "[]"},
	} {
		found, understood := parseRule(nftables.TableFamilyIPv4, test.rule)
		var got []string
		for _, p := range found {
			got = append(got, fmt.Sprintf("%s %s %s", p.Via, p.Host, p.Target))
		}
		text := fmt.Sprint(got)
		if !understood {
			text = unknown
		}
		if text != test.want {
			t.Errorf("%s: %s, want %s", name, text, test.want)
		}
	}
}

package forward

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// maxRange is how many ports one rule may forward.
const maxRange = 64

// subject is what a register of nftables holds.
type subject int

const (
	subjectOther subject = iota
	subjectProtocol
	subjectAddress // the destination
	subjectPort    // of the destination
	subjectValue   // a constant
)

type register struct {
	subject subject
	value   []byte
}

// ruleReader goes through the expressions of one rule as the kernel does, and keeps
// what they ask of a packet's destination. Conditions on anything else only make a
// rule match less.
type ruleReader struct {
	family     nftables.TableFamily
	registers  map[uint32]register
	protocol   model.Protocol
	address    netip.Addr // the packet's destination; invalid: any
	first      uint16     // of its ports
	last       uint16
	via        model.Forwarder
	translates bool // there is a DNAT with an address
	target     netip.Addr
	port       uint16 // 0: stays as it is
	unclear    bool
}

// parseRule returns which ports a rule forwards. A rule that changes destinations in
// any other way is not understood.
func parseRule(family nftables.TableFamily, expressions []expr.Any) (found []model.PortForward, understood bool) {
	r := ruleReader{family: family, registers: map[uint32]register{}, via: model.ForwarderNftables}
	for _, expression := range expressions {
		r.step(expression)
	}
	if !r.translates {
		return nil, true
	}
	hasPorts := r.first > 0 && r.first <= r.last && int(r.last)-int(r.first) < maxRange
	if r.unclear || r.protocol == "" || !hasPorts || !r.target.IsValid() {
		return nil, false
	}
	from := r.address
	if !from.IsValid() {
		from = everywhere(r.target)
	}
	for port := int(r.first); port <= int(r.last); port++ {
		to := cmp.Or(r.port, uint16(port))
		found = append(found, model.PortForward{
			Protocol: r.protocol, Via: r.via,
			Host: netip.AddrPortFrom(from, uint16(port)), Target: netip.AddrPortFrom(r.target, to),
		})
	}
	return found, true
}

func (r *ruleReader) step(expression expr.Any) {
	switch e := expression.(type) {
	case *expr.Meta:
		if !e.SourceRegister {
			r.registers[e.Register] = register{subject: metaSubject(e.Key)}
		}
	case *expr.Payload:
		if e.OperationType == expr.PayloadLoad {
			r.registers[e.DestRegister] = register{subject: payloadSubject(e, r.family)}
		}
	case *expr.Bitwise:
		if len(bytes.Trim(e.Mask, "\xff")) > 0 || len(bytes.Trim(e.Xor, "\x00")) > 0 {
			r.registers[e.DestRegister] = register{} // a subnet: matches less than all
		} else {
			r.registers[e.DestRegister] = r.registers[e.SourceRegister]
		}
	case *expr.Immediate:
		r.registers[e.Register] = register{subjectValue, e.Data}
	case *expr.Cmp:
		r.compare(e)
	case *expr.Range:
		if r.registers[e.Register].subject == subjectPort && e.Op == expr.CmpOpEq {
			r.first, r.last = portOf(e.FromData), portOf(e.ToData)
		}
	case *expr.Lookup:
		r.lookUp(e)
	case *expr.Match:
		r.match(e)
	case *expr.NAT:
		r.translate(e)
	case *expr.Target:
		r.translateCompat(e)
	}
}

func metaSubject(key expr.MetaKey) subject {
	if key == expr.MetaKeyL4PROTO {
		return subjectProtocol
	}
	return subjectOther
}

// payloadSubject knows the fields of the headers of IPv4, IPv6, TCP and UDP.
func payloadSubject(e *expr.Payload, family nftables.TableFamily) subject {
	type field struct{ base, offset, length uint32 }
	const ip, transport = uint32(expr.PayloadBaseNetworkHeader), uint32(expr.PayloadBaseTransportHeader)
	known := map[field]subject{
		{transport, 2, 2}: subjectPort, {ip, 24, 16}: subjectAddress,
		{ip, 16, 4}: subjectAddress, {ip, 9, 1}: subjectProtocol,
	}
	if family == nftables.TableFamilyIPv6 {
		known = map[field]subject{
			{transport, 2, 2}: subjectPort, {ip, 24, 16}: subjectAddress, {ip, 6, 1}: subjectProtocol,
		}
	}
	return known[field{uint32(e.Base), e.Offset, e.Len}] // or subjectOther
}

func (r *ruleReader) compare(e *expr.Cmp) {
	switch subject := r.registers[e.Register].subject; {
	case subject == subjectProtocol && e.Op == expr.CmpOpEq && len(e.Data) == 1:
		r.protocol = protocolOf(e.Data[0])
	case subject == subjectAddress && e.Op == expr.CmpOpEq:
		r.address, _ = netip.AddrFromSlice(e.Data)
	case subject == subjectPort && e.Op == expr.CmpOpEq:
		r.first, r.last = portOf(e.Data), portOf(e.Data)
	case subject == subjectPort && e.Op == expr.CmpOpGte:
		r.first = portOf(e.Data)
	case subject == subjectPort && e.Op == expr.CmpOpLte:
		r.last = portOf(e.Data)
	}
}

// lookUp does not understand sets of ports, nor what a map gives.
func (r *ruleReader) lookUp(e *expr.Lookup) {
	if e.IsDestRegSet {
		r.registers[e.DestRegister] = register{}
	} else if r.registers[e.SourceRegister].subject == subjectPort && !e.Invert {
		r.unclear = true
	}
}

// match reads the matches of xtables, as iptables-nft writes them.
func (r *ruleReader) match(e *expr.Match) {
	var ports [2]uint16
	switch info := e.Info.(type) {
	case *xt.Tcp:
		r.protocol = model.TCP
		if ports = info.DstPorts; info.InvFlags&xt.TcpInvDestPorts != 0 {
			return
		}
	case *xt.Udp:
		r.protocol = model.UDP
		if ports = info.DstPorts; info.InvFlags&xt.UdpInvDestPorts != 0 {
			return
		}
	default:
		return
	}
	if ports != [2]uint16{0, 0xffff} {
		r.first, r.last = ports[0], ports[1]
	}
}

// translate reads `dnat to ADDRESS:PORT`.
func (r *ruleReader) translate(e *expr.NAT) {
	if e.Type != expr.NATTypeDestNAT || e.RegAddrMin == 0 {
		return // to the host itself at another port, if it is one at all
	}
	r.translates = true
	address := r.registers[e.RegAddrMin]
	r.target, _ = netip.AddrFromSlice(address.value)
	if address.subject != subjectValue || e.Prefix || !r.sameValue(address, e.RegAddrMax) {
		r.unclear = true
	}
	if e.RegProtoMin == 0 {
		return
	}
	port := r.registers[e.RegProtoMin]
	r.port = portOf(port.value)
	if port.subject != subjectValue || r.port == 0 || !r.sameValue(port, e.RegProtoMax) {
		r.unclear = true
	}
}

// sameValue tells whether the end of a range is its beginning. Without an end it is.
func (r *ruleReader) sameValue(beginning register, end uint32) bool {
	return end == 0 || bytes.Equal(r.registers[end].value, beginning.value)
}

// translateCompat reads the target DNAT of xtables.
func (r *ruleReader) translateCompat(e *expr.Target) {
	if e.Name != "DNAT" {
		return
	}
	r.translates, r.via = true, model.ForwarderIptables
	var to xt.NatRange
	switch info := e.Info.(type) {
	case *xt.NatRange:
		to = *info
	case *xt.NatRange2:
		to = info.NatRange
	case *xt.NatIPv4MultiRangeCompat:
		if len(*info) == 1 {
			to = xt.NatRange((*info)[0])
		}
	}
	flags := xt.NatRangeFlags(to.Flags)
	if flags&xt.NatRangeMapIPs == 0 {
		// Only the port is another, of the host itself, or nothing was understood.
		r.translates, r.unclear = flags == 0, true
		return
	}
	r.target, _ = netip.AddrFromSlice(to.MinIP)
	r.unclear = r.unclear || !to.MinIP.Equal(to.MaxIP)
	if flags&xt.NatRangeProtoSpecified != 0 {
		r.port = to.MinPort
		r.unclear = r.unclear || to.MinPort != to.MaxPort || to.MinPort == 0
	}
}

func protocolOf(number byte) model.Protocol {
	switch number {
	case unix.IPPROTO_TCP:
		return model.TCP
	case unix.IPPROTO_UDP:
		return model.UDP
	default:
		return ""
	}
}

func portOf(data []byte) uint16 {
	if len(data) < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(data)
}

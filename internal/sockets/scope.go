package sockets

import (
	"encoding/binary"
	"net/netip"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
)

// scopeOf tells how far an address reaches. An IPv4 address within IPv6 is
// judged as what it is.
func scopeOf(address netip.Addr) host.Scope {
	address = address.Unmap()
	switch {
	case address.IsUnspecified():
		return host.ScopeAny
	case address.IsLoopback(), address.IsInterfaceLocalMulticast():
		return host.ScopeLoopback
	case address.IsPrivate(), address.IsLinkLocalUnicast(), address.IsLinkLocalMulticast(), isCarrierNAT(address):
		return host.ScopePrivate
	default:
		return host.ScopePublic
	}
}

// isCarrierNAT tells whether an address is of 100.64.0.0/10 (RFC 6598).
func isCarrierNAT(address netip.Addr) bool {
	if !address.Is4() {
		return false
	}
	bytes := address.As4()
	return bytes[0] == 100 && bytes[1]&0xc0 == 64
}

// toNetworkOrder turns words of 32 bits in this machine's byte order around.
func toNetworkOrder(address []byte) {
	for ; len(address) >= 4; address = address[4:] {
		binary.NativeEndian.PutUint32(address, binary.BigEndian.Uint32(address))
	}
}

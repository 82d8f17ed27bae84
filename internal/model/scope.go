package model

import "net/netip"

// ScopeOf tells how far an address reaches. An IPv4 address within IPv6 is
// judged as what it is.
func ScopeOf(address netip.Addr) Scope {
	address = address.Unmap()
	switch {
	case address.IsUnspecified():
		return ScopeAny
	case address.IsLoopback(), address.IsInterfaceLocalMulticast():
		return ScopeLoopback
	case address.IsPrivate(), address.IsLinkLocalUnicast(), address.IsLinkLocalMulticast(), isCarrierNAT(address):
		return ScopePrivate
	default:
		return ScopePublic
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

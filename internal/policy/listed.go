package policy

import (
	"encoding/hex"
	"net/netip"
)

// Listed are indicators out of files, tens of thousands of them. It is not changed any more once it is used; nil has none.
type Listed struct {
	hashes    map[[32]byte]struct{}
	addresses map[netip.Addr]struct{}
	endpoints map[netip.AddrPort]struct{}
	ranges    []netip.Prefix
}

// NewListed returns an empty list.
func NewListed() *Listed {
	return &Listed{hashes: map[[32]byte]struct{}{}, addresses: map[netip.Addr]struct{}{}, endpoints: map[netip.AddrPort]struct{}{}}
}

// AddHash adds a SHA-256, 64 hex digits; false if it is none.
func (l *Listed) AddHash(sha256 string) bool {
	sum, ok := parseHash(sha256)
	if ok {
		l.hashes[sum] = struct{}{}
	}
	return ok
}

// AddPool adds an address, an address with a port, or a range.
func (l *Listed) AddPool(pool Pool) {
	switch {
	case !pool.Prefix.IsSingleIP():
		l.ranges = append(l.ranges, pool.Prefix)
	case pool.Port == 0:
		l.addresses[pool.Prefix.Addr()] = struct{}{}
	default:
		l.endpoints[netip.AddrPortFrom(pool.Prefix.Addr(), pool.Port)] = struct{}{}
	}
}

// Hashes counts the hashes.
func (l *Listed) Hashes() int {
	if l == nil {
		return 0
	}
	return len(l.hashes)
}

// Pools counts addresses, endpoints and ranges.
func (l *Listed) Pools() int {
	if l == nil {
		return 0
	}
	return len(l.addresses) + len(l.endpoints) + len(l.ranges)
}

// Ranges counts those that are asked one after the other.
func (l *Listed) Ranges() int { return len(l.ranges) }

func (l *Listed) hasHash(sha256 string) bool {
	if l == nil || len(l.hashes) == 0 {
		return false
	}
	sum, ok := parseHash(sha256)
	if !ok {
		return false
	}
	_, found := l.hashes[sum]
	return found
}

func (l *Listed) hasPool(remote netip.AddrPort) bool {
	if l == nil {
		return false
	}
	if _, found := l.addresses[remote.Addr()]; found {
		return true
	}
	if _, found := l.endpoints[remote]; found {
		return true
	}
	for _, prefix := range l.ranges {
		if prefix.Contains(remote.Addr()) {
			return true
		}
	}
	return false
}

func parseHash(text string) (sum [32]byte, ok bool) {
	if len(text) != hex.EncodedLen(len(sum)) {
		return sum, false
	}
	_, err := hex.Decode(sum[:], []byte(text))
	return sum, err == nil
}

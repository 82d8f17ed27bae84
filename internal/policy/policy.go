// Package policy is what the user has set: known miners, pools, what is allowed, and
// how much the evidence of each rule may make of a finding.
package policy

import "net/netip"

// Policy is what the user has set.
type Policy struct {
	Hashes map[string]bool // SHA-256 of known miners, 64 lower-case hex
	Allow  []Allow
	Limits Limits
	Pools  []Pool
	Listed *Listed // further hashes and pools, out of files; nil for none
	OwnPID int     // the exporter's own: it is never a suspect
}

// Pool is an address, or a range of them, of mining pools.
type Pool struct {
	Prefix netip.Prefix
	Port   uint16 // 0 for any
}

// IsKnownHash tells whether a SHA-256, 64 lower-case hex, is that of a known miner.
func (p *Policy) IsKnownHash(sha256 string) bool { return p.Hashes[sha256] || p.Listed.hasHash(sha256) }

// KnownHashes counts them.
func (p *Policy) KnownHashes() int { return len(p.Hashes) + p.Listed.Hashes() }

// IsPool tells whether an address is one of a pool.
func (p *Policy) IsPool(remote netip.AddrPort) bool {
	for _, pool := range p.Pools {
		if pool.Prefix.Contains(remote.Addr()) && (pool.Port == 0 || pool.Port == remote.Port()) {
			return true
		}
	}
	return p.Listed.hasPool(remote)
}

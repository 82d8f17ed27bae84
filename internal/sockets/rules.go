package sockets

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

const (
	rulesTime = 2 * time.Second
	maxChains = 1 << 14 // that may do NAT
	nfgenSize = 4       // struct nfgenmsg, linux/netfilter/nfnetlink.h
)

var errChains = fmt.Errorf("%w: nftables has more than %d chains", hostfs.ErrLimit, maxChains)

// generation asks for the number of the ruleset (NFT_MSG_GETGEN), which changes
// with every rule. It needs CAP_NET_ADMIN, as all that nftables tells.
func generation() (uint32, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		return 0, fmt.Errorf("the kernel has no nfnetlink: %w", errors.ErrUnsupported)
	}
	if err != nil {
		return 0, fmt.Errorf("open nfnetlink: %w", err)
	}
	defer func() { _ = conn.Close() }() // it was only read
	if err := conn.SetDeadline(time.Now().Add(netlinkTime)); err != nil {
		return 0, err
	}
	answer, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETGEN, Flags: netlink.Request},
		Data:   make([]byte, nfgenSize),
	})
	if errors.Is(err, unix.EINVAL) { // nfnetlink_rcv_msg, net/netfilter/nfnetlink.c
		return 0, fmt.Errorf("the kernel has no nftables: %w", errors.ErrUnsupported)
	}
	if err != nil {
		return 0, fmt.Errorf("ask nftables for its generation: %w", err)
	}
	if len(answer) != 1 || len(answer[0].Data) < nfgenSize {
		return 0, errors.New("nftables does not tell its generation")
	}
	attributes, err := netlink.NewAttributeDecoder(answer[0].Data[nfgenSize:])
	if err != nil {
		return 0, fmt.Errorf("read the generation of nftables: %w", err)
	}
	id := uint32(0)
	for attributes.Next() {
		if attributes.Type() == unix.NFTA_GEN_ID {
			bytes := attributes.Bytes()
			for _, b := range bytes[:min(4, len(bytes))] {
				id = id<<8 | uint32(b)
			}
		}
	}
	return id, attributes.Err()
}

// readRules reads all that changes destinations, in the tables that may. That a
// rule is reached is not looked at.
func readRules() (Rules, error) {
	end := time.Now().Add(rulesTime)
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *netlink.Conn) error { return c.SetDeadline(end) }))
	if err != nil {
		return Rules{}, fmt.Errorf("open nftables: %w", err)
	}
	defer func() { _ = conn.CloseLasting() }() // it was only read
	chains, err := conn.ListChains()
	if err != nil {
		return Rules{}, fmt.Errorf("list the chains of nftables: %w", err)
	}
	type place struct {
		family nftables.TableFamily
		table  string
	}
	translating := map[place]bool{}
	for _, chain := range chains {
		if chain.Type == nftables.ChainTypeNAT && chain.Table != nil {
			translating[place{chain.Table.Family, chain.Table.Name}] = true
		}
	}
	var rules Rules
	read := 0
	for _, chain := range chains {
		if chain.Table == nil || !translating[place{chain.Table.Family, chain.Table.Name}] || !forwards(chain) {
			continue
		}
		if read++; read > maxChains {
			return Rules{}, errChains
		}
		if time.Now().After(end) {
			return Rules{}, fmt.Errorf("read the rules of nftables: %w", hostfs.ErrTimeout)
		}
		found, err := conn.GetRules(chain.Table, chain)
		if err != nil {
			rules.NotUnderstood++ // or it was removed in between: then the generation is another
			continue
		}
		for _, rule := range found {
			publications, understood := parseRule(chain.Table.Family, rule.Exprs)
			if !understood || len(rules.Publications)+len(publications) > maxPublications {
				rules.NotUnderstood++
				continue
			}
			rules.Publications = append(rules.Publications, publications...)
		}
	}
	return rules, nil
}

// forwards tells whether a chain may see what comes from outside: a base chain of
// hook prerouting, or one that others jump to.
func forwards(chain *nftables.Chain) bool {
	if chain.Hooknum == nil {
		return true
	}
	return chain.Type == nftables.ChainTypeNAT && *chain.Hooknum == *nftables.ChainHookPrerouting
}

package forward

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

const (
	netlinkTime = time.Second // for one conversation with the kernel
	rulesTime   = 2 * time.Second
	maxChains   = 1 << 14 // that may do NAT
	nfgenSize   = 4       // struct nfgenmsg, linux/netfilter/nfnetlink.h
)

var errChains = fmt.Errorf("%w: nftables has more than %d chains", hostfs.ErrLimit, maxChains)

// Netlink is the real kernel, whose modules lie below root.
func Netlink(root string) Kernel {
	return Kernel{Rules: readRules, Generation: func() (uint32, error) {
		if isUnloaded(root, "net/netfilter/nf_tables") {
			return 0, fmt.Errorf("nftables is not in use: %w", errors.ErrUnsupported)
		}
		return generation()
	}}
}

// isUnloaded tells whether a part of the kernel is a module that is not loaded. To ask
// for it would load it, on a host that has done without.
func isUnloaded(root, module string) bool {
	const loaded = "/sys/module"
	if _, err := os.Stat(loaded); err != nil {
		return false // there is no sysfs that says so
	}
	var name unix.Utsname
	if _, err := os.Stat(path.Join(loaded, path.Base(module))); err == nil || unix.Uname(&name) != nil {
		return false
	}
	release := unix.ByteSliceToString(name.Release[:])
	file := filepath.Join(root, "lib/modules", release, "kernel", module+".ko")
	for _, packed := range []string{"", ".zst", ".xz", ".gz"} {
		if _, err := os.Stat(file + packed); err == nil {
			return true
		}
	}
	return false
}

// generation asks for the number of the ruleset (NFT_MSG_GETGEN), which changes
// with every rule. It needs CAP_NET_ADMIN, as every question to nftables does.
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
		return 0, errors.New("the answer of nftables has no generation")
	}
	attributes, err := netlink.NewAttributeDecoder(answer[0].Data[nfgenSize:])
	if err != nil {
		return 0, fmt.Errorf("read the generation of nftables: %w", err)
	}
	id := uint32(0)
	for attributes.Next() {
		if attributes.Type() == unix.NFTA_GEN_ID {
			attributes.ByteOrder = binary.BigEndian
			id = attributes.Uint32()
		}
	}
	return id, attributes.Err()
}

// readRules reads the rules that change destinations, in the tables that have a chain for
// NAT, and those that keep packets from the host's ports. Whether a packet ever gets to a rule is not looked at.
func readRules() (Rules, error) {
	end := time.Now().Add(rulesTime)
	deadline := nftables.WithSockOptions(func(c *netlink.Conn) error { return c.SetDeadline(end) })
	conn, err := nftables.New(nftables.AsLasting(), deadline)
	if err != nil {
		return Rules{}, fmt.Errorf("open nftables: %w", err)
	}
	defer func() { _ = conn.CloseLasting() }() // it was only read
	return rulesOf(conn, end)
}

var errAnswer = errors.New("an answer of nftables is not as in linux/netfilter/nf_tables.h")

// rulesOf is readRules over a connection, until the end. The library trusts the lengths in the kernel's answers, and
// panics where they lie.
func rulesOf(conn *nftables.Conn, end time.Time) (rules Rules, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			rules, err = Rules{}, fmt.Errorf("%w: %v", errAnswer, cause)
		}
	}()
	chains, err := conn.ListChains()
	if err != nil {
		return Rules{}, fmt.Errorf("list the chains of nftables: %w", err)
	}
	type table struct {
		family nftables.TableFamily
		name   string
	}
	tableOf := func(chain *nftables.Chain) table { return table{chain.Table.Family, chain.Table.Name} }
	chains = slices.DeleteFunc(chains, func(chain *nftables.Chain) bool { return chain.Table == nil })
	withNAT := map[table]bool{}
	for _, chain := range chains {
		if chain.Type == nftables.ChainTypeNAT {
			withNAT[tableOf(chain)] = true
		}
	}
	read := 0
	for _, chain := range chains {
		forwards := withNAT[tableOf(chain)] && seesIncoming(chain)
		if !forwards && !keepsIncoming(chain) {
			continue
		}
		if read++; read > maxChains {
			return Rules{}, errChains
		}
		if time.Now().After(end) {
			return Rules{}, fmt.Errorf("read the rules of nftables: %w", hostfs.ErrTimeout)
		}
		found, err := conn.GetRules(chain.Table, chain)
		if err == nil {
			rules.addPorts(chain.Table.Family, found)
		}
		if !forwards {
			continue
		}
		if err != nil {
			rules.NotUnderstood++ // also if it was removed: then the next sample reads all again
			continue
		}
		for _, rule := range found {
			forwards, understood := parseRule(chain.Table.Family, rule.Exprs)
			if !understood || len(rules.Forwards)+len(forwards) > maxForwards {
				rules.NotUnderstood++
				continue
			}
			rules.Forwards = append(rules.Forwards, forwards...)
		}
	}
	return rules, nil
}

// seesIncoming tells whether a chain may see packets from outside: it is a base chain of
// hook prerouting, or one that others jump to.
func seesIncoming(chain *nftables.Chain) bool {
	if chain.Hooknum == nil {
		return true
	}
	return chain.Type == nftables.ChainTypeNAT && *chain.Hooknum == *nftables.ChainHookPrerouting
}

// keepsIncoming tells whether a chain may keep packets from the host's own sockets.
func keepsIncoming(chain *nftables.Chain) bool {
	return chain.Hooknum == nil || *chain.Hooknum == *nftables.ChainHookPrerouting || *chain.Hooknum == *nftables.ChainHookInput
}

func (r *Rules) addPorts(family nftables.TableFamily, found []*nftables.Rule) {
	for _, rule := range found {
		if port, ok := parsePortRule(family, rule.Exprs); ok && len(r.Ports) < maxPortRules {
			r.Ports = append(r.Ports, port)
		}
	}
}

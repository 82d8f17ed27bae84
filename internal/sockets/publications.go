package sockets

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxPublications = 4096
	// rulesRest is the time between two reads of the same source.
	rulesRest = 30 * time.Second
)

// publisher finds the ports of the host that are forwarded into other namespaces.
type publisher struct {
	sensor *Sensor
	cni    *cniReader

	rules      Rules
	generation uint32
	ruled      bool      // rules are those of generation
	notBefore  time.Time // rules are read
	deafUntil  time.Time // see deafRest
	// unseen says why rules are not known; "".
	unseen string
}

func newPublisher(s *Sensor) publisher {
	return publisher{sensor: s, cni: newCNIReader(s.options.Root)}
}

// find returns the publications, those with an owner first, and a sentence on why
// some may be missing.
func (p *publisher) find(now time.Time, sockets []model.Socket, owners map[uint64]holding, namespaces []model.NetNamespace) ([]model.PortForward, string) {
	var found []model.PortForward
	for i := range sockets {
		owner := owners[sockets[i].Inode].owner
		if sockets[i].NetNS != "" || owner == nil || owner.forwards == nil {
			continue
		}
		publication := *owner.forwards
		publication.Owner = owner.identity
		found = append(found, publication)
	}
	p.readRules(now)
	found = append(found, p.rules.Publications...)
	found = append(found, p.ofCNI(now, namespaces)...)
	reasons := p.reasons()
	if found = onePerPort(found); len(found) > maxPublications {
		found = found[:maxPublications]
		reasons = append(reasons, fmt.Sprintf("only the first %d forwarded ports are kept", maxPublications))
	}
	return found, strings.Join(reasons, "; ")
}

// onePerPort keeps, of several that forward the same to the same, the first: a
// docker-proxy has a rule beside it.
func onePerPort(found []model.PortForward) []model.PortForward {
	type forwarded struct {
		protocol     model.Protocol
		host, target netip.AddrPort
	}
	seen := map[forwarded]bool{}
	found = slices.DeleteFunc(found, func(p model.PortForward) bool {
		key := forwarded{p.Protocol, p.Host, p.Target}
		was := seen[key]
		seen[key] = true
		return was
	})
	slices.SortStableFunc(found, func(a, b model.PortForward) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), a.Host.Compare(b.Host), a.Target.Compare(b.Target))
	})
	return found
}

// readRules reads the rules if they have changed.
func (p *publisher) readRules(now time.Time) {
	kernel := p.sensor.options.Kernel
	switch {
	case kernel.Generation == nil || kernel.Rules == nil:
		return
	case !p.sensor.hostIsOwn:
		p.rules, p.ruled = Rules{}, false
		p.unseen = "the exporter is in a network namespace of its own, the host's rules for forwarded ports cannot be seen from there"
		return
	}
	if now.Before(p.deafUntil) {
		return
	}
	generation, err := kernel.Generation()
	if errors.Is(err, errors.ErrUnsupported) {
		p.rules, p.ruled, p.unseen, p.deafUntil = Rules{}, false, "", now.Add(deafRest)
		return
	}
	if err != nil {
		p.rules, p.ruled = Rules{}, false
		p.unseen = "the rules of nftables cannot be read: " + err.Error()
		if errors.Is(err, fs.ErrPermission) {
			p.unseen = "the rules of nftables cannot be read without CAP_NET_ADMIN"
		}
		return
	}
	if p.ruled && generation == p.generation || now.Before(p.notBefore) {
		return
	}
	began := time.Now()
	rules, err := kernel.Rules()
	p.notBefore = now.Add(max(rulesRest, walkRest*time.Since(began)))
	if err != nil {
		p.ruled = false
		p.unseen = "the rules of nftables cannot be read: " + err.Error()
		p.sensor.failed(err)
		p.sensor.tell("forwarded ports may be missing", err)
		return
	}
	p.rules, p.generation, p.ruled, p.unseen = rules, generation, true, ""
}

func (p *publisher) reasons() (reasons []string) {
	if p.unseen != "" {
		reasons = append(reasons, p.unseen)
	}
	if p.rules.NotUnderstood > 0 {
		reasons = append(reasons, fmt.Sprintf("%d rules of nftables that change where packets go are not understood", p.rules.NotUnderstood))
	}
	if p.sensor.options.Kernel.Rules != nil && p.legacy() {
		reasons = append(reasons, "the host has legacy iptables' table nat, whose rules are not read")
	}
	return reasons
}

// legacy tells whether the nat table of legacy iptables is there. That the names
// cannot be read tells nothing: most kernels do not have them.
func (p *publisher) legacy() bool {
	for _, name := range []string{"ip_tables_names", "ip6_tables_names"} {
		content, err := hostfs.ReadStart(filepath.Join(p.sensor.hosts.directory, name), 4096)
		if err == nil && slices.Contains(strings.Fields(string(content)), "nat") {
			return true
		}
	}
	return false
}

// ofCNI returns what CNI's cache tells of addresses that some namespace has: the
// cache outlives a crash.
func (p *publisher) ofCNI(now time.Time, namespaces []model.NetNamespace) (found []model.PortForward) {
	cached, err := p.cni.read(now)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.sensor.failed(err)
		p.sensor.tell("the cache of CNI cannot be read in full", err)
	}
	if len(cached) == 0 {
		return nil
	}
	has := map[netip.Addr]bool{}
	for i := range namespaces {
		for _, address := range namespaces[i].Addresses {
			has[address] = true
		}
	}
	for _, publication := range cached {
		if has[publication.Target.Addr()] {
			found = append(found, publication)
		}
	}
	return found
}

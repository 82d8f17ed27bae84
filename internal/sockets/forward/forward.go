// Package forward reads which ports of the host are forwarded into other network
// namespaces: by docker-proxy, by rules of nftables and iptables-nft, and as CNI
// remembers it.
package forward

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxForwards = 4096
	// readEvery is the least time between two reads of the same source.
	readEvery = 30 * time.Second
	// restFactor is how many times as long as a read of the rules took the next one
	// is put off: reading them costs at most 5 % of one core.
	restFactor = 20
	// UnsupportedRest is how long the kernel is not asked again what it does not
	// support: it looks for a module each time, by starting modprobe(8).
	UnsupportedRest = 10 * time.Minute

	tableNamesBytes = 4096
	maxPortRules    = 256
)

// Kernel asks the kernel of the network namespace that this process is in. A function
// that is nil is a question that cannot be asked.
type Kernel struct {
	// Generation is another number whenever rules of nftables have changed. It fails
	// with errors.ErrUnsupported if there can be none.
	Generation func() (uint32, error)
	// Rules reads the rules that forward ports.
	Rules func() (Rules, error)
}

// Rules are the port forwards that the kernel makes, as far as they are understood.
type Rules struct {
	Forwards      []model.PortForward
	NotUnderstood int // rules that change a destination in another way
	Ports         []model.PortRule
}

// Options are what a Finder needs.
type Options struct {
	Root   string // of the host's files
	Kernel Kernel
	Report func(message string, err error) // takes what could not be read
}

// Host is what is known of the host in one sample.
type Host struct {
	Tables     string               // the directory of its socket tables: /proc/1/net
	IsOwn      bool                 // the exporter is in the host's network namespace
	Proxies    []model.PortForward  // of the docker-proxies that listen, see ParseDockerProxy
	Namespaces []model.NetNamespace // with their addresses
}

// Finder finds the ports of the host that are forwarded into other namespaces. It is
// used by one goroutine.
type Finder struct {
	options Options
	cni     *cniReader

	rules      Rules
	generation uint32    // of rules
	current    bool      // rules are those of generation
	notBefore  time.Time // rules are read again
	askAgain   time.Time // the kernel has no nftables until then, see UnsupportedRest
	unknown    string    // why the rules are not known, or ""
}

// New returns a finder. It reads nothing yet.
func New(o Options) *Finder { return &Finder{options: o, cni: newCNIReader(o.Root)} }

// Find returns the port forwards, those with an owner first where several forward the
// same, and a sentence on why some may be missing, or "".
func (f *Finder) Find(now time.Time, host Host) ([]model.PortForward, string) {
	f.readRules(now, host.IsOwn)
	found := slices.Concat(host.Proxies, f.rules.Forwards, f.fromCNI(now, host.Namespaces))
	reasons := f.reasons(host.Tables)
	if found = unique(found); len(found) > maxForwards {
		found = found[:maxForwards]
		reasons = append(reasons, fmt.Sprintf("only the first %d forwarded ports are kept", maxForwards))
	}
	return found, strings.Join(reasons, "; ")
}

// PortRules are the rules about ports that the last Find has read.
func (f *Finder) PortRules() []model.PortRule { return f.rules.Ports }

// unique keeps the first of several that forward the same to the same, for each
// docker-proxy has a rule beside it, and sorts the rest.
func unique(found []model.PortForward) []model.PortForward {
	seen := map[model.PortForward]bool{}
	found = slices.DeleteFunc(found, func(p model.PortForward) bool {
		key := model.PortForward{Protocol: p.Protocol, Host: p.Host, Target: p.Target}
		before := seen[key]
		seen[key] = true
		return before
	})
	slices.SortStableFunc(found, func(a, b model.PortForward) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), a.Host.Compare(b.Host), a.Target.Compare(b.Target))
	})
	return found
}

// readRules reads the rules if they have changed.
func (f *Finder) readRules(now time.Time, isOwn bool) {
	kernel := f.options.Kernel
	switch {
	case kernel.Generation == nil || kernel.Rules == nil:
		return
	case !isOwn:
		f.forget("the exporter is in a network namespace of its own, " +
			"the host's rules for forwarded ports cannot be seen from there")
		return
	case now.Before(f.askAgain):
		return
	}
	generation, err := kernel.Generation()
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		f.forget("") // there are no rules
		f.askAgain = now.Add(UnsupportedRest)
		return
	case errors.Is(err, fs.ErrPermission):
		f.forget("the rules of nftables cannot be read without CAP_NET_ADMIN")
		return
	case err != nil:
		f.forget("the rules of nftables cannot be read: " + err.Error())
		return
	}
	if now.Before(f.notBefore) || (f.current && generation == f.generation) {
		return
	}
	began := time.Now()
	rules, err := kernel.Rules()
	f.notBefore = now.Add(max(readEvery, restFactor*time.Since(began)))
	if err != nil { // the rules of the last time stay
		f.current = false
		f.unknown = "the rules of nftables cannot be read: " + err.Error()
		f.options.Report("forwarded ports may be missing", err)
		return
	}
	f.rules, f.generation, f.current, f.unknown = rules, generation, true, ""
}

// forget drops the rules, and keeps why they are not known.
func (f *Finder) forget(unknown string) {
	f.rules, f.current, f.unknown = Rules{}, false, unknown
}

func (f *Finder) reasons(tables string) (reasons []string) {
	if f.unknown != "" {
		reasons = append(reasons, f.unknown)
	}
	if f.rules.NotUnderstood > 0 {
		reasons = append(reasons,
			fmt.Sprintf("%d rules of nftables that change where packets go are not understood", f.rules.NotUnderstood))
	}
	if f.options.Kernel.Rules != nil && hasLegacyNAT(tables) {
		reasons = append(reasons, "the host has legacy iptables' table nat, whose rules are not read")
	}
	return reasons
}

// hasLegacyNAT tells whether the nat table of legacy iptables is there. Most kernels
// do not have the files that name the tables.
func hasLegacyNAT(tables string) bool {
	for _, name := range []string{"ip_tables_names", "ip6_tables_names"} {
		content, err := hostfs.ReadStart(filepath.Join(tables, name), tableNamesBytes)
		if err == nil && slices.Contains(strings.Fields(string(content)), "nat") {
			return true
		}
	}
	return false
}

// fromCNI returns what CNI's cache holds of addresses that some namespace has: after
// a crash the cache may name containers that are no more.
func (f *Finder) fromCNI(now time.Time, namespaces []model.NetNamespace) (found []model.PortForward) {
	cached, err := f.cni.read(now)
	if err != nil {
		f.options.Report("the cache of CNI cannot be read in full", err)
	}
	exists := map[netip.Addr]bool{}
	for i := range namespaces {
		for _, address := range namespaces[i].Addresses {
			exists[address] = true
		}
	}
	for _, forward := range cached {
		if exists[forward.Target.Addr()] {
			found = append(found, forward)
		}
	}
	return found
}

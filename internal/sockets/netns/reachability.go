// Package netns describes network namespaces: their names, their addresses, and at which
// of these the exporter meets nobody but the namespace itself.
package netns

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	// DescribeEvery is for how many samples addresses, and how they are reached, are
	// taken to stay as they are.
	DescribeEvery = 6
	// describeTime is for how long namespaces are begun to be described in one sample.
	describeTime = 100 * time.Millisecond
	maxDial      = 16 // addresses of one namespace that are judged
)

// Router knows where packets of the exporter go.
type Router interface {
	// LinksInto returns the links by which packets get into a namespace, and nowhere
	// else.
	LinksInto(namespace *os.File) (map[int]bool, error)
	// EgressLink returns the link by which packets to an address leave.
	EgressLink(address netip.Addr) (int, error)
	Close()
}

// Namespace is what is kept of one network namespace. The describer fills in Name,
// Addresses, Complete and Dial.
type Namespace struct {
	model.NetNamespace
	Tables    string // the directory of its socket tables, /proc/PID/net; "" if nothing could be read
	described int    // the sample that asked for its addresses; 0: none
}

// Options are what a Describer needs.
type Options struct {
	Proc   string
	Root   string                          // of the host's files
	Routes func() (Router, error)          // nil: it cannot be asked where packets go
	Report func(message string, err error) // takes what could not be read
}

// Describer finds the addresses of namespaces, their names, and where they are
// reached. It is used by one goroutine.
type Describer struct {
	options Options
	names   *nameReader
	named   map[string]string // by the id of the namespace
	samples int
	time    time.Duration // see describeTime
}

// New returns a describer. It reads nothing yet.
func New(o Options) *Describer {
	return &Describer{options: o, names: newNameReader(o.Root, o.Proc), time: describeTime}
}

// Describe renews what is known of the host's namespace and of others, and returns those
// that could be read, the host's first. isOwn: the exporter is in the host's.
func (d *Describer) Describe(host *Namespace, isOwn bool, others []*Namespace) []model.NetNamespace {
	d.samples++
	all := append([]*Namespace{host}, others...)
	var due []*Namespace
	for _, namespace := range all {
		isDue := namespace.described == 0 || d.samples-namespace.described >= DescribeEvery
		if namespace.Tables != "" && isDue {
			due = append(due, namespace)
		}
	}
	if len(due) > 0 {
		d.renew(due, d.ownID(isOwn))
	}
	namespaces := make([]model.NetNamespace, 0, len(all))
	for _, namespace := range all {
		if namespace.Tables != "" || namespace == host {
			namespace.Name = d.named[namespace.ID]
			namespaces = append(namespaces, namespace.NetNamespace)
		}
	}
	removeShared(namespaces)
	return namespaces
}

// renew reads names and addresses, and asks how those are reached.
func (d *Describer) renew(due []*Namespace, own string) {
	if named, err := d.names.read(); err != nil {
		d.options.Report("the names of network namespaces cannot be read", err)
	} else {
		d.named = named
	}
	router := d.openRouter()
	if router != nil {
		defer router.Close()
	}
	end := time.Now().Add(d.time)
	for i, namespace := range due {
		if i > 0 && time.Now().After(end) {
			break // it is their turn in the next sample
		}
		namespace.described = d.samples
		addresses, err := readAddresses(namespace.Tables)
		if err != nil && hostfs.Vanished(err) {
			continue
		}
		if err != nil {
			d.options.Report("not all addresses of a network namespace can be seen", err)
		}
		namespace.Addresses, namespace.Complete = addresses, err == nil
		switch {
		case namespace.ID == own:
			loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
			namespace.Dial = append(unicast(addresses), loopback, netip.IPv6Loopback())
		case router == nil:
			namespace.Dial = nil
		default:
			namespace.Dial, err = Reachable(router, d.options.Proc, &namespace.NetNamespace)
			if err != nil && !hostfs.Vanished(err) {
				d.options.Report("the links into a network namespace are not known", err)
			}
		}
	}
}

func (d *Describer) openRouter() Router {
	if d.options.Routes == nil {
		return nil
	}
	router, err := d.options.Routes()
	if err != nil {
		d.options.Report("the routes to network namespaces are not known, their services are not asked anything", err)
		return nil
	}
	return router
}

// ownID is the id of the exporter's namespace, or "-", which none has, if it is not known.
func (d *Describer) ownID(isHost bool) string {
	if isHost {
		return ""
	}
	id, err := hostfs.NetNamespace(filepath.Join(d.options.Proc, "self"))
	if err != nil {
		return "-"
	}
	return id
}

// unicast are the first maxDial addresses that mean the same on every link.
func unicast(addresses []netip.Addr) (found []netip.Addr) {
	for _, address := range addresses {
		if address.IsGlobalUnicast() && len(found) < maxDial {
			found = append(found, address)
		}
	}
	return found
}

// Reachable returns the addresses of a namespace to which packets take a link that leads
// there and nowhere else.
func Reachable(router Router, proc string, namespace *model.NetNamespace) (certain []netip.Addr, err error) {
	candidates := unicast(namespace.Addresses)
	if len(candidates) == 0 {
		return nil, nil
	}
	into, err := linksInto(router, proc, namespace)
	if err != nil {
		return nil, err
	}
	for _, address := range candidates {
		// An address without a route cannot be reached: no failure.
		if link, err := router.EgressLink(address); err == nil && into[link] {
			certain = append(certain, address)
		}
	}
	return certain, nil
}

// linksInto asks for the links into a namespace, as long as one of its processes is in it.
// It is named by an open file: the kernel would take a pid as one of the exporter's own
// pid namespace.
func linksInto(router Router, proc string, namespace *model.NetNamespace) (map[int]bool, error) {
	var failed error
	for _, pid := range namespace.PIDs {
		file, err := os.Open(filepath.Join(proc, strconv.Itoa(pid), "ns/net"))
		if err != nil {
			failed = err
			continue
		}
		defer file.Close()
		var stat unix.Stat_t
		if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
			return nil, fmt.Errorf("stat a network namespace: %w", err)
		}
		if namespace.ID == "" || strconv.FormatUint(stat.Ino, 10) == namespace.ID {
			return router.LinksInto(file)
		}
	}
	return nil, failed
}

// removeShared removes from Dial the addresses that two namespaces have: on a bridge
// either may answer.
func removeShared(namespaces []model.NetNamespace) {
	claims := map[netip.Addr]int{}
	for i := range namespaces {
		for _, address := range namespaces[i].Dial {
			claims[address]++
		}
	}
	for i := range namespaces {
		var only []netip.Addr // Dial itself belongs to the describer
		for _, address := range namespaces[i].Dial {
			if claims[address] == 1 {
				only = append(only, address)
			}
		}
		namespaces[i].Dial = only
	}
}

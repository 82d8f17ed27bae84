package sockets

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	// describeEvery is for how many samples addresses and the ways to them are
	// taken to stay as they are.
	describeEvery = 6
	maxDial       = 16 // addresses of one namespace that a way is looked for to
)

// describer finds the addresses of namespaces, their names and the ways there.
type describer struct {
	sensor *Sensor
	names  *nameReader
	named  map[string]string // by the id of the namespace
	time   time.Duration     // for addresses, in one sample
}

// describe renews what is known of the host's namespace, which is first, and of
// others, and returns all of them.
func (d *describer) describe(hosts *network, others []*network) []model.NetNamespace {
	all := append([]*network{hosts}, others...)
	var due []*network
	for _, network := range all {
		if network.directory != "" && (network.described == 0 || d.sensor.samples-network.described >= describeEvery) {
			due = append(due, network)
		}
	}
	if len(due) > 0 {
		d.renew(due, hosts)
	}
	namespaces := make([]model.NetNamespace, 0, len(all))
	for _, network := range all {
		if network.directory != "" || network == hosts {
			network.Name = d.named[network.ID]
			namespaces = append(namespaces, network.NetNamespace)
		}
	}
	onlyOne(namespaces)
	return namespaces
}

func (d *describer) renew(due []*network, hosts *network) {
	s := d.sensor
	named, err := d.names.read()
	if err != nil {
		s.failed(err)
		s.tell("the names of network namespaces cannot be read", err)
	} else {
		d.named = named
	}
	var router Router
	if s.options.Kernel.Routes != nil {
		if router, err = s.options.Kernel.Routes(); err != nil {
			router = nil
			s.failed(err)
			s.tell("it is not known how to reach other network namespaces, so their services are not asked anything", err)
		} else {
			defer router.Close()
		}
	}
	own, end := d.ownID(), time.Now().Add(d.time)
	for i, network := range due {
		if i > 0 && time.Now().After(end) {
			break // it is their turn in the next sample
		}
		network.described = s.samples
		addresses, err := readAddresses(network.directory)
		if err != nil && hostfs.Vanished(err) {
			continue
		}
		if err != nil {
			s.failed(err)
			s.tell("not all addresses of a network namespace can be seen", err)
		}
		network.Addresses, network.Complete = addresses, err == nil
		switch {
		case network == hosts && s.hostIsOwn, network.ID != "" && network.ID == own:
			network.Dial = append(dialable(addresses), netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback())
		case router == nil:
			network.Dial = nil
		default:
			network.Dial = d.ways(router, network)
		}
	}
}

// ownID is the namespace of the exporter, or "".
func (d *describer) ownID() string {
	target, err := os.Readlink(d.sensor.options.Proc + "/self/ns/net")
	if err != nil {
		return ""
	}
	return namespaceID(target)
}

// dialable are the addresses that mean the same on every link.
func dialable(addresses []netip.Addr) (found []netip.Addr) {
	for _, address := range addresses {
		if address.IsGlobalUnicast() && len(found) < maxDial {
			found = append(found, address)
		}
	}
	return found
}

// ways returns the addresses of a namespace that packets reach by a link that
// leads there and nowhere else.
func (d *describer) ways(router Router, network *network) (certain []netip.Addr) {
	candidates := dialable(network.Addresses)
	if len(candidates) == 0 {
		return nil
	}
	into, err := d.links(router, network)
	if err != nil && !hostfs.Vanished(err) {
		d.sensor.failed(err)
		d.sensor.tell("the way into a network namespace is not known", err)
	}
	if len(into) == 0 {
		return nil
	}
	for _, address := range candidates {
		// An address without a route is not to be reached: no failure.
		if link, err := router.Leave(address); err == nil && into[link] {
			certain = append(certain, address)
		}
	}
	return certain
}

// links asks for the links into a namespace. It is named by an open file: the
// kernel would take a pid as one of the exporter's own pid namespace.
func (d *describer) links(router Router, network *network) (map[int]bool, error) {
	err := errGone
	for _, pid := range network.PIDs {
		var namespace *os.File
		if namespace, err = os.Open(d.sensor.owners.path(pid, "ns/net")); err != nil {
			continue
		}
		defer namespace.Close()
		var stat unix.Stat_t
		if err = unix.Fstat(int(namespace.Fd()), &stat); err != nil {
			return nil, fmt.Errorf("stat a network namespace: %w", err)
		}
		if network.ID != "" && strconv.FormatUint(stat.Ino, 10) != network.ID {
			err = errGone
			continue
		}
		return router.Into(namespace)
	}
	return nil, err
}

// onlyOne takes away the ways to an address that two namespaces have: on a bridge
// either may answer.
func onlyOne(namespaces []model.NetNamespace) {
	claims := map[netip.Addr]int{}
	for i := range namespaces {
		for _, address := range namespaces[i].Dial {
			claims[address]++
		}
	}
	for i := range namespaces {
		var only []netip.Addr
		for _, address := range namespaces[i].Dial {
			if claims[address] == 1 {
				only = append(only, address)
			}
		}
		namespaces[i].Dial = only
	}
}

package netns

import (
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const netlinkTime = time.Second // for one conversation with the kernel

// routes is the Router of this process' namespace, by rtnetlink(7). It needs no
// privilege.
type routes struct {
	handle *netlink.Handle
	links  []netlink.Link
	pure   map[int]bool // bridges all of whose ports lead into namespaces
}

// OpenRoutes opens the routing tables of this process' network namespace.
func OpenRoutes() (Router, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	r := &routes{handle: handle, pure: map[int]bool{}}
	if err := handle.SetSocketTimeout(netlinkTime); err != nil {
		r.Close()
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	if r.links, err = handle.LinkList(); err != nil {
		r.Close()
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	for _, link := range r.links {
		if link.Type() == "bridge" {
			r.pure[link.Attrs().Index] = true
		}
	}
	// Behind any other port there are machines that nothing is known of: one of
	// them may have an address that a namespace has given itself.
	for _, link := range r.links {
		if !isPipe(link) {
			delete(r.pure, link.Attrs().MasterIndex)
		}
	}
	return r, nil
}

// isPipe tells whether a link does nothing but lead into another namespace.
func isPipe(link netlink.Link) bool {
	return (link.Type() == "veth" || link.Type() == "netkit") && link.Attrs().NetNsID >= 0
}

func (r *routes) Close() { r.handle.Close() }

// LinksInto asks for the number that this namespace knows the other by (RTM_GETNSID).
// It has one if a link leads there.
func (r *routes) LinksInto(namespace *os.File) (map[int]bool, error) {
	id, err := r.handle.GetNetNsIdByFd(int(namespace.Fd()))
	if err != nil {
		return nil, fmt.Errorf("ask for the number of a network namespace: %w", err)
	}
	into := map[int]bool{}
	for _, link := range r.links {
		attributes := link.Attrs()
		if id < 0 || !isPipe(link) || attributes.NetNsID != id {
			continue
		}
		into[attributes.Index] = true
		if r.pure[attributes.MasterIndex] {
			into[attributes.MasterIndex] = true
		}
	}
	return into, nil
}

func (r *routes) EgressLink(address netip.Addr) (int, error) {
	found, err := r.handle.RouteGet(address.AsSlice())
	if err != nil {
		return 0, fmt.Errorf("ask for the route to %s: %w", address, err)
	}
	if len(found) != 1 {
		return 0, nil
	}
	return found[0].LinkIndex, nil
}

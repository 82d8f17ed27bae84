package sockets

import (
	"net/netip"
	"os"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
)

// netlinkTime bounds one conversation with the kernel.
const netlinkTime = time.Second

// Kernel asks the kernel of the namespace that this process is in. A function
// that is nil is a question that cannot be asked.
type Kernel struct {
	// Listeners calls found for each listening socket.
	Listeners func(found func(host.Socket)) error
	// Routes opens the routing tables.
	Routes func() (Router, error)
	// Generation is another number whenever rules of nftables have changed.
	Generation func() (uint32, error)
	// Rules reads the rules that publish ports.
	Rules func() (Rules, error)
}

// Router tells where packets go.
type Router interface {
	// Into returns the links by which packets get into a namespace, and nowhere
	// else.
	Into(namespace *os.File) (map[int]bool, error)
	// Leave returns the link by which packets to an address leave.
	Leave(address netip.Addr) (int, error)
	Close()
}

// Rules are the publications that the kernel makes, as far as they are understood.
type Rules struct {
	Publications  []host.Publication
	NotUnderstood int // rules that change a destination in another way
}

// Netlink is the real kernel.
func Netlink() Kernel {
	return Kernel{Listeners: diagnose, Routes: openRoutes, Generation: generation, Rules: readRules}
}

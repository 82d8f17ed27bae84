package sockets

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	netlinkTime = time.Second // for one conversation with the kernel
	// deafRest is how long the kernel is left alone that does not know a question: it
	// looks for a module each time, by starting modprobe(8).
	deafRest = 10 * time.Minute
)

// Kernel asks the kernel of the namespace that this process is in. A function
// that is nil is a question that cannot be asked.
type Kernel struct {
	// Listeners calls found for each listening socket.
	Listeners func(found func(model.Socket)) error
	// Routes opens the routing tables.
	Routes func() (Router, error)
	// Generation is another number whenever rules of nftables have changed. It fails
	// with errors.ErrUnsupported if there can be none.
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
	Publications  []model.PortForward
	NotUnderstood int // rules that change a destination in another way
}

// Netlink is the real kernel, whose modules lie below root.
func Netlink(root string) Kernel {
	return Kernel{
		Listeners: diagnose, Routes: openRoutes, Rules: readRules,
		Generation: func() (uint32, error) {
			if isUnloaded(root, "net/netfilter/nf_tables") {
				return 0, fmt.Errorf("nftables is not in use: %w", errors.ErrUnsupported)
			}
			return generation()
		},
	}
}

// isUnloaded tells whether a part of the kernel is a module that is not loaded.
// Netlink would load it, on a host that has done without.
func isUnloaded(root, module string) bool {
	const loaded = "/sys/module"
	if _, err := os.Stat(loaded); err != nil {
		return false // no sysfs to tell it
	}
	var name unix.Utsname
	if _, err := os.Stat(path.Join(loaded, path.Base(module))); err == nil || unix.Uname(&name) != nil {
		return false
	}
	file := filepath.Join(root, "lib/modules", unix.ByteSliceToString(name.Release[:]), "kernel", module+".ko")
	for _, packed := range []string{"", ".zst", ".xz", ".gz"} {
		if _, err := os.Stat(file + packed); err == nil {
			return true
		}
	}
	return false
}

package sockets

import (
	"cmp"
	"time"

	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/sockiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/sockets/forward"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/sockets/netns"
)

const (
	defaultInterval = 5 * time.Second
	netlinkTime     = time.Second // for one conversation with the kernel
)

// Options are what the sensor needs.
type Options struct {
	Proc      string                      // --path.procfs; "": /proc
	Root      string                      // --path.rootfs; "": /
	Catalogue func() *catalogue.Catalogue // asked at each sample; it must be there
	OwnPID    int                         // of the exporter, as Proc numbers it; 0: not known
	Watched   func() []model.Identity     // processes whose connections are looked for; nil: none
	// Namespaces are those besides the host's: ID, and some of their oldest PIDs;
	// nil: there are none.
	Namespaces func() []model.NetNamespace
	Kernel     Kernel               // the zero Kernel: all is read from Proc
	Interval   time.Duration        // between samples, published with each; 0: 5 s
	CPUTime    func() time.Duration // of the calling thread; nil: what Sockets costs is not looked at
	Logger     log.Logger           // nil: nothing is logged
}

// Kernel asks the kernel, but for Sockets and Noted that of the network namespace that this process is
// in. A function that is nil is a question that cannot be asked.
type Kernel struct {
	// Sockets is sockiter.Iterator.Read. It must number processes as Proc does.
	Sockets func(watched []int, each func(*sockiter.Socket) error) error
	// Noted is sockiter.Iterator.Noted.
	Noted func(each func(*sockiter.Socket)) (all bool)
	// Listeners calls found for each listening socket.
	Listeners func(found func(model.Socket)) error
	// Routes opens the routing tables.
	Routes func() (netns.Router, error)
	// Forwarding knows the rules that forward ports.
	Forwarding forward.Kernel
}

// Netlink is the real kernel, whose modules lie below root, as far as netlink asks it.
func Netlink(root string) Kernel {
	return Kernel{Listeners: diagnose, Routes: netns.OpenRoutes, Forwarding: forward.Netlink(root)}
}

func (o Options) withDefaults() Options {
	o.Proc, o.Root = cmp.Or(o.Proc, "/proc"), cmp.Or(o.Root, "/")
	o.Interval = cmp.Or(o.Interval, defaultInterval)
	if o.Watched == nil {
		o.Watched = func() []model.Identity { return nil }
	}
	if o.Namespaces == nil {
		o.Namespaces = func() []model.NetNamespace { return nil }
	}
	if o.CPUTime == nil {
		o.CPUTime = func() time.Duration { return 0 }
	}
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	return o
}

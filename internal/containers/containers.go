// Package containers says which container and which unit a process belongs to, and what the container is called.
//
// The names come from the files of the runtimes alone: a runtime's socket would make its reader root. Who
// may choose a name is what counts, since an allow list may rest on it: see find (a container's processes name
// nothing) and lookup.maker (a user names his own containers only). Whoever starts containers names them.
package containers

import (
	"fmt"
	"maps"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxKnown   = 4096                  // containers
	maxLookups = 32                    // in a sample, those included that only see whether anything has changed
	maxTime    = 50 * time.Millisecond // for those of a sample
	maxWait    = time.Second           // for one that does not come back
	atFirst    = 16                    // times as much of both in the first samples: scan has no more
	manyFirst  = 3                     // samples
	maxHanging = 4                     // reads that have not come back
	maxLists   = 16                    // that are remembered, of up to 4 MiB each

	patience = 30 * time.Second // a runtime may write its files after the container has begun
	cycle    = time.Minute      // when it is seen again whether a container was renamed
)

// Options are what names are read from.
type Options struct {
	Root string                  // of the host
	Home func(uid uint32) string // home directory of a user of the host, or ""; nil: nobody has one
	// Failed is told why a file that is there could not be read or understood; nil: nobody is.
	Failed func(error)
}

// Names says what containers are called. It is used by one goroutine. Nil says nothing.
type Names struct {
	options Options
	guard   *hostfs.Guard
	known   map[string]*known // by the path of the cgroup
	turns   []*known          // the same, in the order in which they are seen again
	lists   map[string]*list
	begun   time.Time     // the sample
	left    int           // lookups in this sample
	most    time.Duration // that those of a sample may take: maxTime
	limit   time.Duration // likewise, in this one
	waited  time.Duration
	samples int // so far, up to manyFirst
}

// known is a container that processes belong to.
type known struct {
	cgroup
	container *model.Container // nil: it is none, but a virtual machine
	source    source
	first     time.Time
	tried     time.Time // zero: it waits for its turn
}

// New returns what says the names of the containers of a host.
func New(o Options) *Names {
	if o.Home == nil {
		o.Home = func(uint32) string { return "" }
	}
	if o.Failed == nil {
		o.Failed = func(error) {}
	}
	return &Names{options: o, guard: hostfs.NewGuard(maxHanging), known: map[string]*known{}, lists: map[string]*list{}, most: maxTime}
}

// Begin starts a sample: those that wait for their turn are looked up, and some of the others
// again. It returns those about which something else is known now, with what takes their place.
func (n *Names) Begin(now time.Time) map[*model.Container]*model.Container {
	n.begun, n.left, n.limit, n.waited = now, maxLookups, n.most, 0
	if n.samples < manyFirst {
		n.samples++
		n.left, n.limit = atFirst*n.left, atFirst*n.limit
	}
	var renamed map[*model.Container]*model.Container
	looked := 0
	for _, k := range n.turns {
		if n.left == 0 {
			break
		}
		looked++
		if !k.isDue(now) {
			continue
		}
		before := k.container
		if n.lookUp(k); before != nil && k.container != before {
			if renamed == nil {
				renamed = map[*model.Container]*model.Container{}
			}
			renamed[before] = k.container
		}
	}
	n.turns = append(n.turns[looked:], n.turns[:looked]...)
	return renamed
}

func (k *known) isDue(now time.Time) bool {
	switch waited := now.Sub(k.tried); {
	case k.tried.IsZero(), waited >= cycle, waited < 0: // the clock was set back
		return true
	default:
		return !k.container.Known() && now.Sub(k.first) < patience && waited > 0
	}
}

// Of returns the container of a cgroup path, or nil for none. What is not known yet follows at a later Begin.
func (n *Names) Of(path string) *model.Container {
	place, ok := find(path)
	if !ok || n == nil {
		return nil
	}
	k := n.known[place.path]
	switch {
	case k != nil:
	case len(n.known) == maxKnown:
		return place.unnamed()
	default:
		k = &known{cgroup: place, container: place.unnamed(), first: n.begun}
		n.known[place.path] = k
		n.turns = append(n.turns, k)
	}
	if k.tried.IsZero() && n.left > 0 {
		n.lookUp(k)
	}
	return k.container
}

// unnamed is a container of which only the cgroup is known. A machine may be a virtual one.
func (c *cgroup) unnamed() *model.Container {
	if c.runtime == model.RuntimeNspawn {
		return nil
	}
	return &model.Container{ID: c.id, Runtime: c.runtime}
}

// lookUp reads what is known of a container, or sees that nothing has changed.
func (n *Names) lookUp(k *known) {
	n.left--
	k.tried = n.begun
	before := k.source
	l := &lookup{cgroup: k.cgroup, home: n.options.Home, known: maps.Clone(n.lists)}
	began := time.Now()
	found, err := hostfs.Within(n.guard, maxWait, func() (answer, error) { return l.run(n.options.Root, before) })
	if n.waited += time.Since(began); n.waited >= n.limit {
		n.left = 0
	}
	if err != nil {
		n.options.Failed(fmt.Errorf("look up the container of the cgroup %q: %w", k.path, err))
		return
	}
	for _, failure := range found.failures {
		n.options.Failed(failure)
	}
	if len(n.lists)+len(found.lists) > maxLists {
		clear(n.lists) // users come and go
	}
	maps.Copy(n.lists, found.lists)
	if found.same {
		return
	}
	k.source = found.source
	switch {
	case found.container == nil:
		k.container = nil
	case k.container == nil || *k.container != *found.container:
		k.container = found.container
	}
}

// Retain forgets the containers that nothing is left of, and the lists once there are no containers.
func (n *Names) Retain(used map[*model.Container]bool) {
	kept := n.turns[:0]
	for _, k := range n.turns {
		if used[k.container] {
			kept = append(kept, k)
		} else {
			delete(n.known, k.path)
		}
	}
	clear(n.turns[len(kept):])
	n.turns = kept
	if len(kept) == 0 {
		clear(n.lists)
	}
}

// Share is how many of the containers have a name.
func (n *Names) Share() model.Share {
	share := model.Share{}
	for _, k := range n.turns {
		if k.container == nil {
			continue
		}
		share.Total++
		if k.container.Known() {
			share.Readable++
		}
	}
	return share
}

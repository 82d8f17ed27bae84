package gpu

import (
	"maps"
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxKnownClients = 4096
	forgetAfter     = 10 * time.Minute // a client that no process has shown since
	resetAfter      = time.Minute      // a value that stays lower than before was reset
	busySpan        = time.Minute
	// mostEngines bounds what a driver may claim where it does not say how many
	// engines it has: amdgpu adds up the rings of one kind.
	mostEngines = 16
)

// Holders are the processes that hold GPUs, and what these did for them. Its methods
// are called by one goroutine, but Read, which may be left behind.
type Holders struct {
	proc    string
	devices devices
	clients map[clientKey]*client
	totals  map[model.OriginKey]float64
	existed bool // there was a GPU at some time: counters that exist stay
}

// New returns the holders of the GPUs below a root, in the procfs at proc.
func New(proc, root string) *Holders {
	return &Holders{
		proc: proc, devices: devices{root: root, guard: hostfs.NewGuard(1)},
		clients: map[clientKey]*client{}, totals: map[model.OriginKey]float64{},
	}
}

// Begin tells whether the host has a GPU. It looks for one once a minute, and forgets
// what has not been seen for long.
func (h *Holders) Begin(now time.Time) bool {
	h.devices.look(now)
	h.existed = h.existed || h.devices.present
	maps.DeleteFunc(h.clients, func(_ clientKey, c *client) bool { return now.Sub(c.at) > forgetAfter })
	return h.devices.present
}

// Totals are the seconds that engines were busy, by whose programs kept them so; nil
// on a host that never had a GPU. They never go back.
func (h *Holders) Totals() *model.GPUTotals {
	if !h.existed {
		return nil
	}
	return &model.GPUTotals{Seconds: maps.Clone(h.totals)}
}

// Process is what is kept of one process between looks.
type Process struct {
	From int       // where the next look begins
	At   time.Time // of the last look; zero for none

	found    []string // in this round of looks, which begins at the first descriptor
	held     []string // in this round and the last
	complete bool     // a round was finished
	compute  bool
	seconds  float64
	past     []point // of the last minute, the oldest first
}

type point struct {
	at      time.Time
	seconds float64
}

// Holds tells whether a process is known to hold a GPU.
func (p *Process) Holds() bool { return len(p.held) > 0 }

// Count takes in a look. born is when a process began that this host's counters have
// seen from its birth, and zero for one that is older: what its clients did before
// they were first seen is not counted, unless a complete look has missed them.
// It returns what the process does with GPUs, nil for nothing.
func (h *Holders) Count(p *Process, look Look, owner model.OriginKey, born, now time.Time) *model.GPUUse {
	if p.complete && born.IsZero() {
		born = p.At
	}
	for _, client := range look.clients {
		seconds, compute := h.count(client, born, now)
		p.seconds += seconds
		p.compute = p.compute || compute > 0
		h.totals[owner] += seconds
	}
	p.add(look)
	p.At = now
	if len(p.held) == 0 {
		return nil
	}
	p.past = append(p.past, point{now, p.seconds})
	for len(p.past) > 2 && now.Sub(p.past[1].at) >= busySpan {
		p.past = p.past[1:]
	}
	use := &model.GPUUse{Devices: p.held, Compute: p.compute, Seconds: p.seconds, BusySpan: now.Sub(p.past[0].at)}
	for _, device := range p.held {
		use.Compute = use.Compute || kindOf(device) == kindCompute
	}
	if use.BusySpan > 0 {
		use.Busy = (p.seconds - p.past[0].seconds) / use.BusySpan.Seconds()
	}
	return use
}

// add joins the devices of a look with those of the others. Until a round is
// complete, what the last one found may still be held.
func (p *Process) add(look Look) {
	if p.From == 0 {
		p.found = nil
	}
	p.found = union(p.found, look.devices)
	if p.From = look.next; p.From == 0 {
		p.held, p.complete = p.found, true
		return
	}
	p.held = union(p.held, p.found)
}

func union(a, b []string) []string {
	all := slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
	return all[:min(len(all), maxDevices)]
}

// client is what is known of one open DRM file, whoever holds it: what is counted for
// one of its holders is not counted for another.
type client struct {
	at      time.Time
	engines map[string]*counted
}

// counted is what was counted of one kind of engine.
type counted struct {
	nanoseconds   uint64    // the highest value
	low           time.Time // since when values are lower; zero if they are not
	cycles, total uint64
}

// count returns what the engines did for a client since it was last counted, in
// seconds: of all, and of those that only compute.
func (h *Holders) count(u usage, born, now time.Time) (seconds, compute float64) {
	known, ok := h.clients[u.key]
	if !ok {
		if len(h.clients) >= maxKnownClients {
			return 0, 0
		}
		known = &client{at: born, engines: map[string]*counted{}}
		h.clients[u.key] = known
	}
	elapsed := now.Sub(known.at)
	for name, engine := range u.engines {
		before, seen := known.engines[name]
		if !seen {
			before = &counted{}
			known.engines[name] = before
			if !ok && born.IsZero() {
				before.nanoseconds = engine.nanoseconds
			}
		}
		most := elapsed.Seconds() * float64(max(engine.capacity, 1))
		if engine.capacity == 0 && engine.timed {
			most = elapsed.Seconds() * mostEngines
		}
		used := 0.0
		switch {
		case engine.timed:
			used = before.advance(engine.nanoseconds, now)
		case engine.hasTotal && seen && engine.total > before.total && engine.cycles > before.cycles:
			used = elapsed.Seconds() * float64(engine.cycles-before.cycles) / float64(engine.total-before.total)
		}
		before.cycles, before.total = engine.cycles, engine.total
		used = min(used, most)
		seconds += used
		if computes(name) {
			compute += used
		}
	}
	known.at = now
	return seconds, compute
}

// advance returns by how many seconds a value has grown over the highest. One that
// stays lower for long was reset, as by a reset of the GPU.
func (c *counted) advance(nanoseconds uint64, now time.Time) float64 {
	switch {
	case nanoseconds >= c.nanoseconds:
		grown := nanoseconds - c.nanoseconds
		c.nanoseconds, c.low = nanoseconds, time.Time{}
		return float64(grown) / 1e9
	case c.low.IsZero():
		c.low = now
	case now.Sub(c.low) >= resetAfter:
		c.nanoseconds, c.low = nanoseconds, time.Time{}
	}
	return 0
}

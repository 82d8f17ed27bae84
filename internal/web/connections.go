package web

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
)

// connections bound how many are open, in all and of one source: each costs a descriptor and
// some 10 KiB, and each that guesses a password a twentieth of a second of CPU, for which all others that
// sign in wait. Beyond the limit the oldest of the source that has most is closed, and never
// the newest refused: who opens many, and sends nothing or reads nothing, only loses his own.
type connections struct {
	most, ofOne int
	logger      log.Logger

	mu     sync.Mutex
	open   map[net.Conn]*connection
	logged time.Time // last
}

// logAgain is how long it is not said again that too many connections are open.
const logAgain = 10 * time.Minute

type connection struct {
	from  netip.Addr
	since time.Time // of its state
}

// watch is http.Server's ConnState.
func (c *connections) watch(conn net.Conn, state http.ConnState) {
	if surplus := c.note(conn, state, time.Now()); surplus != nil {
		_ = surplus.Close()
	}
}

// note keeps the account, and returns what has to be closed, or nil.
func (c *connections) note(conn net.Conn, state http.ConnState, now time.Time) net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.open[conn] = &connection{from: sourceOf(conn.RemoteAddr().String()), since: now}
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn)
		return nil
	default:
		if known := c.open[conn]; known != nil {
			known.since = now
		}
		return nil
	}
	surplus := c.surplus(conn)
	if surplus == nil {
		return nil
	}
	from := c.open[surplus].from
	delete(c.open, surplus)
	if now.Sub(c.logged) >= logAgain {
		c.logged = now
		level.Warn(c.logger).Log("msg", "too many connections are open: the oldest of whoever has most are closed", "most", c.most, "address", from)
	}
	return surplus
}

// surplus is what has to be closed, or nil: the oldest of the newest's source if that has too
// many, else the oldest of the source that has most if all have.
func (c *connections) surplus(newest net.Conn) net.Conn {
	of := map[netip.Addr]int{}
	for _, known := range c.open {
		of[known.from]++
	}
	from := c.open[newest].from
	tooMany := of[from] > c.ofOne
	if !tooMany && len(c.open) <= c.most {
		return nil
	}
	var found net.Conn
	for conn, known := range c.open {
		if conn == newest || tooMany && known.from != from {
			continue
		}
		if found == nil {
			found = conn
			continue
		}
		best := c.open[found]
		if of[known.from] > of[best.from] || of[known.from] == of[best.from] && known.since.Before(best.since) {
			found = conn
		}
	}
	return found
}

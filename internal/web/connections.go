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

// connections bound how many are open: each costs a descriptor and some 10 KiB. Beyond the
// limit the oldest of the source that has most is closed, and never the newest refused: who
// opens many, and sends nothing or reads nothing, only loses his own.
type connections struct {
	most   int
	logger log.Logger

	mu     sync.Mutex
	open   map[net.Conn]*connection
	logged bool
}

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
		c.logged = c.logged && len(c.open) > c.most/2
		return nil
	default:
		if known := c.open[conn]; known != nil {
			known.since = now
		}
		return nil
	}
	if len(c.open) <= c.most {
		return nil
	}
	surplus := c.surplus(conn)
	from := c.open[surplus].from
	delete(c.open, surplus)
	if !c.logged {
		c.logged = true
		level.Warn(c.logger).Log("msg", "too many connections are open: the oldest of whoever has most are closed", "most", c.most, "address", from)
	}
	return surplus
}

// surplus is the oldest connection of the source that has most, but for the newest of all.
func (c *connections) surplus(newest net.Conn) net.Conn {
	of := map[netip.Addr]int{}
	for _, known := range c.open {
		of[known.from]++
	}
	var found net.Conn
	for conn, known := range c.open {
		if conn == newest {
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

package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"sync"
)

// Slots bound how many requests are answered at a time: in all, and of one source, so that
// nobody keeps others out alone. A source is an address, of IPv6 a network of /64, which one
// machine may have for itself.
type Slots struct {
	total, ofOne int

	mu    sync.Mutex
	taken map[netip.Addr]int
	all   int
}

// NewSlots lets total requests through at a time, and a part of them, at least one, of one
// source. 0 is no limit.
func NewSlots(total, part int) *Slots {
	return &Slots{total: total, ofOne: max(1, total/part), taken: map[netip.Addr]int{}}
}

// Limited answers what is beyond the limit with 503.
func (s *Slots) Limited(next http.Handler) http.Handler {
	if s.total == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		from := sourceOf(request.RemoteAddr)
		if !s.take(from) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, fmt.Sprintf("more than %d such requests, or %d of one address, are being answered: try again in a second", s.total, s.ofOne), http.StatusServiceUnavailable)
			return
		}
		defer s.give(from)
		next.ServeHTTP(w, request)
	})
}

func (s *Slots) take(from netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= s.total || s.taken[from] >= s.ofOne {
		return false
	}
	s.all++
	s.taken[from]++
	return true
}

func (s *Slots) give(from netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.taken[from]--; s.taken[from] == 0 {
		delete(s.taken, from)
	}
}

// sourceOf is zero for a peer that has no address, as one of a unix socket.
func sourceOf(address string) netip.Addr {
	peer, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.Addr{}
	}
	from := peer.Addr().Unmap().WithZone("")
	if from.Is6() && !from.IsLoopback() {
		network, err := from.Prefix(64)
		if err != nil {
			return from
		}
		return network.Addr()
	}
	return from
}

package web

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/log"
)

func TestSlots(t *testing.T) {
	t.Parallel()
	enter, leave := make(chan struct{}), make(chan struct{})
	slots := NewSlots(8, 4)
	handler := slots.Limited(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		enter <- struct{}{}
		<-leave
	}))
	var under sync.WaitGroup
	ask := func(from string) *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.RemoteAddr = from
		out := httptest.NewRecorder()
		handler.ServeHTTP(out, request)
		return out
	}
	begin := func(from string) {
		under.Go(func() { ask(from) })
		<-enter
	}
	begin("192.0.2.1:1")
	begin("192.0.2.1:2")
	if out := ask("192.0.2.1:3"); out.Code != http.StatusServiceUnavailable || out.Header().Get("Retry-After") == "" || !strings.Contains(out.Body.String(), "try again") {
		t.Errorf("a third request of one address: %d %s", out.Code, out.Body)
	}
	begin("[2001:db8:1:1::1]:1")
	begin("[2001:db8:1:1::2]:1")
	if out := ask("[2001:db8:1:1::3]:1"); out.Code != http.StatusServiceUnavailable {
		t.Errorf("a third request of one network of IPv6: %d", out.Code)
	}
	for i := range 4 {
		begin(fmt.Sprintf("192.0.2.%d:1", 10+i))
	}
	if out := ask("192.0.2.99:1"); out.Code != http.StatusServiceUnavailable {
		t.Errorf("a ninth request: %d", out.Code)
	}
	close(leave)
	under.Wait()
	if slots.all != 0 || len(slots.taken) != 0 {
		t.Errorf("%d are taken, of %d sources", slots.all, len(slots.taken))
	}
	if handler := NewSlots(0, 4).Limited(ok()); handler == nil {
		t.Error("no limit, no handler")
	}
	if NewSlots(1, 4).ofOne != 1 {
		t.Error("nobody can ask")
	}
}

// fakeConn is a connection from an address.
type fakeConn struct {
	net.Conn
	from   net.TCPAddr
	closed bool
}

func (c *fakeConn) RemoteAddr() net.Addr { return &c.from }
func (c *fakeConn) Close() error         { c.closed = true; return nil }

// TestConnections: whoever opens many only loses his own, and it is logged once.
func TestConnections(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	c := &connections{most: 10, ofOne: 8, logger: log.NewLogfmtLogger(&logged), open: map[net.Conn]*connection{}}
	opened := func(last byte) *fakeConn {
		conn := &fakeConn{from: net.TCPAddr{IP: net.IPv4(192, 0, 2, last), Port: 1}}
		c.watch(conn, http.StateNew)
		return conn
	}
	prometheus := opened(1)
	c.watch(prometheus, http.StateActive)
	c.watch(prometheus, http.StateIdle)
	var many []*fakeConn
	for range 1000 {
		many = append(many, opened(66))
	}
	closed := 0
	for _, conn := range many {
		if conn.closed {
			closed++
			c.watch(conn, http.StateClosed)
		}
	}
	if prometheus.closed || closed != 1000-8 || many[999].closed || !many[0].closed || len(c.open) != 9 {
		t.Errorf("prometheus closed: %t; %d of 1000 closed, the newest: %t, the oldest: %t; %d open", prometheus.closed, closed, many[999].closed, many[0].closed, len(c.open))
	}
	if lines := strings.Count(logged.String(), "\n"); lines != 1 || !strings.Contains(logged.String(), "192.0.2.66") {
		t.Errorf("logged %d times: %s", lines, logged.String())
	}
	for _, conn := range many {
		c.watch(conn, http.StateClosed)
	}
	for last := range byte(20) { // as many sources: the oldest goes
		opened(100 + last)
	}
	if len(c.open) != 10 || !prometheus.closed || strings.Count(logged.String(), "\n") != 1 {
		t.Errorf("%d open, the oldest is closed: %t, logged %s", len(c.open), prometheus.closed, logged.String())
	}
}

// TestServerBounds holds to what one request may take.
func TestServerBounds(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	server := NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		}
	}), log.NewLogfmtLogger(&logged))
	for name, limit := range map[string]time.Duration{"header": server.ReadHeaderTimeout, "read": server.ReadTimeout, "write": server.WriteTimeout, "idle": server.IdleTimeout} {
		if limit <= 0 || limit > 5*time.Minute {
			t.Errorf("%s: %s", name, limit)
		}
	}
	live := httptest.NewUnstartedServer(nil)
	live.Config = server
	live.Start()
	t.Cleanup(live.Close)
	address := live.Listener.Addr().String()
	for name, test := range map[string]struct {
		request string
		status  string
	}{
		"plain":         {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "200"},
		"large header":  {"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", "431"},
		"many headers":  {"GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: y\r\n", 10000) + "\r\n", "431"},
		"large path":    {"GET /" + strings.Repeat("x", 64<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", "431"},
		"large body":    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 20<<10), "413"},
		"no HTTP":       {"\x16\x03\x01\x02\x00\x01\r\n\r\n", "400"},
		"two lengths":   {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", "400"},
		"two hosts":     {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"},
		"a bad host":    {"GET / HTTP/1.1\r\nHost: x\x01y\r\n\r\n", "400"},
		"a bad method":  {"G\x00T / HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		"a bad version": {"GET / HTTP/9.9\r\nHost: x\r\n\r\n", "505"},
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, test.request) // it may be refused before all was sent
		answer := make([]byte, 512)
		n, _ := conn.Read(answer)
		_ = conn.Close()
		if first, _, _ := strings.Cut(string(answer[:n]), "\r\n"); !strings.Contains(first, " "+test.status) {
			t.Errorf("%s: %q, want %s", name, first, test.status)
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	out := httptest.NewRecorder()
	out.Header().Set("X-Frame-Options", "sameorigin") // by --web.config.file
	hardened(ok()).ServeHTTP(out, httptest.NewRequest(http.MethodGet, "/", nil))
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "sameorigin", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin"} {
		if got := out.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

package probe_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/services/probe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// candidates are the catalogue's at a port.
func candidates(t *testing.T, port uint16) []catalogue.Candidate {
	t.Helper()
	known, err := catalogue.New()
	if err != nil {
		t.Fatal(err)
	}
	var list []catalogue.Candidate
	for _, app := range known.Candidates(port) {
		service, _ := known.Service(app)
		list = append(list, catalogue.Candidate{App: app, Checks: service.Checks})
	}
	return list
}

// TestSeveralCandidates puts every service of 8080 and 8888 behind that port.
func TestSeveralCandidates(t *testing.T) {
	t.Parallel()
	for _, port := range []uint16{8080, 8081, 8888} {
		list := candidates(t, port)
		if len(list) < 2 {
			t.Fatalf("port %d has %d candidates", port, len(list))
		}
		for i, one := range list {
			if i == 5 {
				break // there are no more requests than that
			}
			t.Run(one.App, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					open := scenarios(t, one.App)["open"]
					answer, n := ask(t, list, open.serve)
					if answer.App != one.App || answer.Auth == model.AuthRequired || answer.OtherApp {
						t.Errorf("after %d connections: %+v", n.dialled.Load(), answer)
					}
				})
			})
		}
	}
}

func TestSeveralCandidatesNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var nothing scenario
		if answer, n := ask(t, candidates(t, 8080), nothing.serve); !answer.OtherApp || n.dialled.Load() != 6 {
			t.Errorf("%d connections, %+v", n.dialled.Load(), answer)
		}
		closed := func(conn net.Conn) {
			readRequest(conn)
			io.WriteString(conn, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
		}
		if answer, _ := ask(t, candidates(t, 8080), closed); answer.OtherApp || answer.App != "" || answer.Auth != model.AuthRequired {
			t.Errorf("%+v", answer)
		}
	})
}

// TestLargePage has a page for whatever is asked for, but for what the last
// candidates ask: what is plainly another service's is not read to its end.
func TestLargePage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		zeppelin := scenarios(t, "zeppelin")["open"]
		page := "<!DOCTYPE html><html>" + strings.Repeat("x", byteLimit) + "</html>"
		answer, n := ask(t, candidates(t, 8080), func(conn net.Conn) {
			request := readRequest(conn)
			path := strings.Fields(request)[1]
			answer, ok := zeppelin.Answers[path]
			if !ok {
				answer.Body = page
			}
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(answer.Body), answer.Body)
		})
		if answer.App != "zeppelin" || answer.Auth != model.AuthNone {
			t.Errorf("after %d bytes: %+v", n.received.Load(), answer)
		}
	})
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string][2]string{
		"192.0.2.1:80":          {"192.0.2.1:80", "192.0.2.1:80"},
		"[::ffff:192.0.2.1]:80": {"192.0.2.1:80", "192.0.2.1:80"},
		"[fe80::1%eth0]:80":     {"[fe80::1%eth0]:80", "[fe80::1]:80"},
		"[2001:db8::1]:80":      {"[2001:db8::1]:80", "[2001:db8::1]:80"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var dialled, request string
			n := &network{serve: func(conn net.Conn) {
				request = readRequest(conn)
				io.WriteString(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
			}}
			prober := probe.Prober{Now: time.Now, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				dialled = address
				return n.dial(ctx, network, address)
			}}
			prober.Probe(t.Context(), netip.MustParseAddrPort(address), []catalogue.Candidate{{App: "it", Checks: []catalogue.Check{{Get: "/", Shows: []string{"a"}}}}})
			synctest.Wait()
			if dialled != want[0] || !strings.Contains(request, "\r\nHost: "+want[1]+"\r\n") {
				t.Errorf("%s: dialled %s and sent %q", address, dialled, request)
			}
		})
	}
}

func TestNothingToAsk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answer, n := ask(t, []catalogue.Candidate{{App: "mysql"}}, func(net.Conn) {})
		if answer.App != "" || answer.Failure != "There is no harmless way to ask it." || n.dialled.Load() != 0 {
			t.Errorf("%+v", answer)
		}
	})
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{serve: func(conn net.Conn) { io.Copy(io.Discard, conn) }}
		prober := probe.Prober{Now: time.Now, Dial: n.dial}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		answer := prober.Probe(ctx, target, candidates(t, 8081))
		if time.Since(start) != 100*time.Millisecond || answer.Auth != model.AuthUnknown || answer.Failure == "" {
			t.Errorf("after %s: %+v", time.Since(start), answer)
		}
	})
}

// real asks a server on a socket of its own.
func real(t *testing.T, server *httptest.Server, checks []catalogue.Check) model.Answer {
	t.Helper()
	prober := probe.Prober{Now: time.Now}
	address := netip.MustParseAddrPort(server.Listener.Addr().String())
	return prober.Probe(t.Context(), address, []catalogue.Candidate{{App: "it", Checks: checks}})
}

func TestSockets(t *testing.T) {
	// The environment's proxy must not be asked; t.Setenv allows no t.Parallel.
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("ALL_PROXY", "http://127.0.0.1:1")
	checks := []catalogue.Check{{Get: "/version?x=y", Shows: []string{"ok=true"}, Open: true}}
	var mutex sync.Mutex
	var seen []*http.Request
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mutex.Lock()
		defer mutex.Unlock()
		seen = append(seen, r)
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		io.WriteString(w, `{"ok":true}`)
	})
	quiet := slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	plain := httptest.NewServer(handler)
	defer plain.Close()
	secure := httptest.NewUnstartedServer(handler)
	secure.TLS = &tls.Config{}
	secure.Config.ErrorLog = quiet
	secure.StartTLS()
	defer secure.Close()
	strict := httptest.NewUnstartedServer(handler)
	strict.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	strict.Config.ErrorLog = quiet
	strict.StartTLS()
	defer strict.Close()

	for _, server := range []*httptest.Server{plain, secure} {
		if answer := real(t, server, checks); answer.Auth != model.AuthNone || answer.App != "it" {
			t.Errorf("%s: %+v", server.URL, answer)
		}
	}
	if answer := real(t, strict, checks); answer.Auth != model.AuthRequired {
		t.Errorf("with certificates: %+v", answer)
	}
	twice := []catalogue.Check{{Get: "/", Shows: []string{"ok=true"}}, {Get: "/", Shows: []string{"ok=false"}}}
	if answer := real(t, plain, twice); answer.App != "it" || answer.Auth != model.AuthUnknown {
		t.Errorf("identified only: %+v", answer)
	}
	for _, r := range seen {
		if r.Method != http.MethodGet || r.Header.Get("User-Agent") != "cryptojack_exporter (asks whether this service wants a password)" ||
			len(r.Cookies()) > 0 || r.ContentLength != 0 || r.Header.Get("Accept-Encoding") != "" || strings.Contains(r.Host, "localhost") {
			t.Errorf("request %s %s with %v", r.Method, r.URL, r.Header)
		}
	}
	if seen[0].RequestURI != "/version?x=y" {
		t.Errorf("asked for %s", seen[0].RequestURI)
	}
	plain.Close()
	if answer := real(t, plain, checks); answer.Failure != "It takes no connections." || answer.OtherApp {
		t.Errorf("closed port: %+v", answer)
	}
}

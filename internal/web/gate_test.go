package web

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func ok() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "answered") })
}

func TestCaller(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "web.yml")
	if err := os.WriteFile(config, []byte("basic_auth_users:\n  prometheus: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const here, there = "127.0.0.1:40000", "192.0.2.7:40000"
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	for _, test := range []struct {
		name, from, host string
		header           http.Header
		change           func(*http.Request)
		want             Caller
	}{
		{"loopback", here, "localhost:10042", nil, nil, Trusted},
		{"another loopback address", "127.8.8.8:1", "127.0.0.1:10042", nil, nil, Trusted},
		{"loopback of IPv6", "[::1]:1", "[::1]:10042", nil, nil, Trusted},
		{"loopback of IPv4 in IPv6", "[::ffff:127.0.0.1]:1", "127.0.0.1", nil, nil, Trusted},
		{"any address", here, "192.0.2.9:10042", nil, nil, Trusted},
		{"its name", here, "Worker-3.Example.Org:10042", nil, nil, Trusted},
		{"its short name", here, "worker-3", nil, nil, Trusted},
		{"with a dot", here, "localhost.:10042", nil, nil, Trusted},
		{"below localhost", here, "x.localhost", nil, nil, Trusted},
		{"rebinding", here, "evil.example:10042", nil, nil, Foreign},
		{"rebinding with its name", here, "worker-3.evil.example", nil, nil, Foreign},
		{"looks like localhost", here, "localhost.evil.example", nil, nil, Foreign},
		{"looks like an address", here, "127.0.0.1.evil.example", nil, nil, Foreign},
		{"no name", here, "", nil, nil, Foreign},
		{"elsewhere", there, "localhost:10042", nil, nil, Anybody},
		{"elsewhere by a name", there, "worker-3.lan:10042", nil, nil, Anybody},
		{"elsewhere, says it is here", there, "localhost", header("X-Forwarded-For", "127.0.0.1"), nil, Anybody},
		{"no address", "x", "localhost", nil, nil, Anybody},
		{"proxy", here, "localhost", header("X-Forwarded-For", "192.0.2.7"), nil, Anybody},
		{"proxy with another name", here, "page.example", header("Forwarded", "for=192.0.2.7"), nil, Anybody},
		{"proxy by Via", here, "localhost", header("Via", "1.1 x"), nil, Anybody},
		{"old HTTP, as of nginx", here, "localhost", nil, func(r *http.Request) { r.ProtoMajor, r.ProtoMinor = 1, 0 }, Anybody},
		{"link of another site", here, "localhost", header("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"), nil, Trusted},
		{"frame of another site", here, "localhost", header("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"), nil, Anybody},
		{"fetched by another site", here, "localhost", header("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"), nil, Anybody},
		{"fetched by itself", here, "localhost", header("Sec-Fetch-Site", "same-origin"), nil, Trusted},
		{"signed in", there, "page.example", nil, func(r *http.Request) { r.SetBasicAuth("prometheus", "x") }, Trusted},
		{"signed in through a proxy", here, "page.example", header("Via", "x"), func(r *http.Request) { r.SetBasicAuth("prometheus", "x") }, Trusted},
		{"a name that nobody asks for", there, "page.example", nil, func(r *http.Request) { r.SetBasicAuth("eve", "x") }, Anybody},
		{"a certificate that was verified", there, "x", nil, func(r *http.Request) {
			r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{{}}}}
		}, Trusted},
		{"a certificate that nobody knows", there, "x", nil, func(r *http.Request) {
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}
		}, Anybody},
		{"unix socket", "@", "localhost", nil, func(r *http.Request) {
			*r = *r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.UnixAddr{Net: "unix"})))
		}, Trusted},
	} {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.RemoteAddr, request.Host = test.from, test.host
		if test.header != nil {
			request.Header = test.header
		}
		if test.change != nil {
			test.change(request)
		}
		gate := Gate{Hostname: func() (string, error) { return "worker-3.example.org", nil }, ConfigFile: config}
		if got := gate.Caller(request); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
		out := httptest.NewRecorder()
		gate.Closed(ok()).ServeHTTP(out, request)
		if refused := out.Code == http.StatusForbidden; refused != (test.want == Foreign) {
			t.Errorf("%s: status %d", test.name, out.Code)
		}
		trusted := httptest.NewRecorder()
		gate.TrustedOnly(ok()).ServeHTTP(trusted, request)
		if answered := trusted.Code == http.StatusOK; answered != (test.want == Trusted) {
			t.Errorf("%s: status %d of what only the trusted see", test.name, trusted.Code)
		}
	}
}

func TestRefusalSaysWhatToDo(t *testing.T) {
	t.Parallel()
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.RemoteAddr, request.Host = "127.0.0.1:1", "evil.example<script>"+strings.Repeat("x", 500)
	for _, hostname := range []func() (string, error){
		func() (string, error) { return "worker-3", nil },
		func() (string, error) { return "", errors.New("no name") },
	} {
		out := httptest.NewRecorder()
		(&Gate{Hostname: hostname}).Closed(ok()).ServeHTTP(out, request)
		body := out.Body.String()
		if out.Code != http.StatusForbidden || len(body) > 700 || !strings.Contains(body, "localhost") || !strings.Contains(body, "X-Forwarded-For") || !strings.Contains(body, "--web.config.file") ||
			!strings.HasPrefix(out.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("%d: %s", out.Code, body)
		}
	}
}

// TestPasswordFile: whoever could not have been asked for a password has not signed in.
func TestPasswordFile(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	for name, content := range map[string]string{"users": "basic_auth_users: {prometheus: x}\n", "none": "tls_server_config: {}\n", "broken": "{", "empty": ""} {
		file := filepath.Join(directory, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.SetBasicAuth("prometheus", "guess")
		for _, file := range []string{file, filepath.Join(directory, "missing"), ""} {
			want := strings.HasSuffix(file, "users")
			if got := (&Gate{Hostname: os.Hostname, ConfigFile: file}).Caller(request) == Trusted; got != want {
				t.Errorf("%q: trusted is %t", file, got)
			}
		}
	}
}

// TestUnixSocket asks a real one.
func TestUnixSocket(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	gate := &Gate{Hostname: os.Hostname}
	server := httptest.NewUnstartedServer(gate.TrustedOnly(ok()))
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	for host, want := range map[string]int{"localhost": 200, "evil.example": 403} {
		conn, err := net.Dial("unix", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		_ = conn.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %s", host, response.Status)
		}
	}
}

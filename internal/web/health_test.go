package web

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// serves starts a server of a test and returns its port. What it says about callers' mistakes is not logged.
func serves(t *testing.T, encrypted *tls.Config, answer http.HandlerFunc) (port string) {
	t.Helper()
	server := httptest.NewUnstartedServer(answer)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	if server.TLS = encrypted; encrypted != nil {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func healthy(w http.ResponseWriter, request *http.Request) {
	if request.URL.Path == HealthPath {
		fmt.Fprint(w, HealthAnswer)
	}
}

func answers(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", status) }
}

func TestAskHealth(t *testing.T) {
	t.Parallel()
	plain := serves(t, nil, healthy)
	encrypted := serves(t, &tls.Config{}, healthy)
	mutual := serves(t, &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert}, healthy)
	password := serves(t, nil, answers(http.StatusUnauthorized))
	encryptedPassword := serves(t, &tls.Config{}, answers(http.StatusUnauthorized))
	busy := serves(t, nil, answers(http.StatusTooManyRequests))
	broken := serves(t, nil, answers(http.StatusInternalServerError))
	confused := serves(t, nil, answers(http.StatusBadRequest))
	another := serves(t, nil, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "healthy, says somebody else") })
	moved := serves(t, nil, func(w http.ResponseWriter, request *http.Request) {
		http.Redirect(w, request, "http://127.0.0.1:"+plain+HealthPath, http.StatusFound)
	})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, address string
		asked, fails  string // parts of what is said
	}{
		{"any address", ":" + plain, "http://127.0.0.1:" + plain + "/-/healthy", ""},
		{"any address of IPv4", "0.0.0.0:" + plain, "http://127.0.0.1:", ""},
		{"one address", "127.0.0.1:" + plain, "http://127.0.0.1:", ""},
		{"a name", "localhost:" + plain, "http://localhost:", ""},
		{"TLS", ":" + encrypted, "https://127.0.0.1:", ""},
		{"TLS for clients that it knows", ":" + mutual, "https://127.0.0.1:", ""},
		{"a password", ":" + password, "http://127.0.0.1:", ""},
		{"TLS and a password", ":" + encryptedPassword, "https://127.0.0.1:", ""},
		{"a limit of requests", ":" + busy, "http://127.0.0.1:", ""},
		{"another status", ":" + broken, "", "answers 500 Internal Server Error"},
		{"a status that a server of TLS has", ":" + confused, "", "ask https://127.0.0.1:"},
		{"another program", ":" + another, "", "another program"},
		{"elsewhere", ":" + moved, "", "answers 302 Found"},
		{"nobody", gone, "", "connection refused"},
		{"nobody at IPv6", "[::]:1", "", "ask http://[::1]:1/"},
		{"no address", "vsock://:10042", "", "HOST:PORT"},
		{"no port", "localhost", "", "HOST:PORT"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			asked, err := AskHealth(context.Background(), test.address)
			switch {
			case test.fails == "" && (err != nil || !strings.HasPrefix(asked, test.asked)):
				t.Errorf("asked %s, %v, want %s", asked, err, test.asked)
			case test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails)):
				t.Errorf("%v, want an error with %q", err, test.fails)
			}
		})
	}
}

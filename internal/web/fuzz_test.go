package web

import (
	"net/http"
	"strings"
	"testing"
)

// FuzzHost: no name that others may own passes for this host's, however the header is written.
func FuzzHost(f *testing.F) {
	f.Add("127.0.0.1", ".attacker.example:10042")
	f.Add("[::1]", ".attacker.example")
	f.Add("localhost", ".attacker.example.")
	f.Add("lab", "attacker.example:80:80")
	f.Add("lab.", "LAB.attacker.example")
	g := &Gate{Hostname: func() (string, error) { return "lab.home.example", nil }}
	f.Fuzz(func(t *testing.T, before, after string) {
		if g.isOwnName("attacker.example") || !g.isOwnName("lab.home.example:80") {
			t.Fatal("the name of this host is not known")
		}
		host := before + after
		name, _, _ := strings.Cut(host, ":")
		// A browser takes no other characters for a name that is resolved.
		isName := strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-._") == ""
		request := &http.Request{Host: host, RemoteAddr: "127.0.0.1:7", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}}
		if isName && strings.HasSuffix(strings.TrimSuffix(strings.ToLower(name), "."), "attacker.example") && g.Caller(request) != Foreign {
			t.Errorf("%q passes for this host", host)
		}
		request.RemoteAddr = "192.0.2.1:7"
		if g.Caller(request) == Trusted {
			t.Errorf("somebody else passes for this host with %q", host)
		}
	})
}

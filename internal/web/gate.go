// Package web decides whom a request is answered for, and bounds what requests may cost:
// whoever reaches the exporter is not to learn more than /metrics tells, nor to keep others
// from their answers.
package web

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// Caller is what is known of whoever has sent a request.
type Caller int

// The callers.
const (
	// Anybody is told what /metrics tells.
	Anybody Caller = iota
	// Trusted is a user of this host, or has signed in.
	Trusted
	// Foreign came from this host and calls it by another's name. That is how a page of the
	// internet looks that had its name resolved to 127.0.0.1 (DNS rebinding), so that the
	// browser of somebody who works here lets it read the answer.
	Foreign
)

// maxConfigBytes is the most that is read of --web.config.file.
const maxConfigBytes = 1 << 20

// Gate tells callers apart.
type Gate struct {
	// Hostname is os.Hostname.
	Hostname func() (string, error)
	// ConfigFile is that of exporter-toolkit, which has let nobody come here who did not
	// give a password that it asks for; "" for none.
	ConfigFile string
}

// Caller says who has sent a request. Whoever has signed in is trusted. So is whoever comes
// over loopback, or a unix socket, and calls this host by an address, localhost or its own
// name; but for what a proxy has passed on, whose callers may be anybody, and what a page of
// another site has its reader's browser fetch.
func (g *Gate) Caller(request *http.Request) Caller {
	switch {
	case g.signedIn(request):
		return Trusted
	case !isLocal(request), isPassedOn(request):
		return Anybody
	case !g.isOwnName(request.Host):
		return Foreign
	case isFetchedByOthers(request):
		return Anybody
	default:
		return Trusted
	}
}

// Closed lets nobody through who is foreign, and says what to do instead.
func (g *Gate) Closed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if g.Caller(request) != Foreign {
			next.ServeHTTP(w, request)
			return
		}
		name, err := g.Hostname()
		if err != nil {
			name = "its own name"
		}
		http.Error(w, fmt.Sprintf("%s is no name of this host: a page of another site that reads this one through your browser (DNS rebinding) would ask like that. "+
			"Call it by localhost, by its address or by %s. A proxy on this host has to send X-Forwarded-For, and what it passes on is told what /metrics tells; "+
			"to see all through it, set passwords with --web.config.file.", text.Label(request.Host), text.Label(name)), http.StatusForbidden)
	})
}

// TrustedOnly is for what is shown to nobody else.
func (g *Gate) TrustedOnly(next http.Handler) http.Handler {
	return g.Closed(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if g.Caller(request) != Trusted {
			http.Error(w, "this is shown on the host itself only, at localhost, and to whoever signs in where --web.config.file asks for passwords or certificates", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, request)
	}))
}

// signedIn tells whether the toolkit has asked the caller who he is. It verifies a
// certificate, and passes a request with a wrong password on only where it asks for none.
func (g *Gate) signedIn(request *http.Request) bool {
	if request.TLS != nil && len(request.TLS.VerifiedChains) > 0 {
		return true
	}
	user, _, given := request.BasicAuth()
	if !given || g.ConfigFile == "" {
		return false
	}
	file, err := os.Open(g.ConfigFile)
	if err != nil {
		return false // the toolkit could not read it either
	}
	defer func() { _ = file.Close() }()
	var config struct {
		Users map[string]string `yaml:"basic_auth_users"`
	}
	if err := yaml.NewDecoder(io.LimitReader(file, maxConfigBytes)).Decode(&config); err != nil {
		return false
	}
	_, known := config.Users[user]
	return known
}

// isLocal tells whether a request comes from this host. A unix socket leads nowhere else.
func isLocal(request *http.Request) bool {
	if address, ok := request.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && address.Network() == "unix" {
		return true
	}
	peer, err := netip.ParseAddrPort(request.RemoteAddr)
	return err == nil && peer.Addr().Unmap().IsLoopback()
}

// isPassedOn tells whether a proxy has passed a request on. nginx, as it is installed, shows
// itself by the old version of HTTP only.
func isPassedOn(request *http.Request) bool {
	if request.ProtoMajor < 1 || request.ProtoMajor == 1 && request.ProtoMinor == 0 {
		return true
	}
	for name := range request.Header { // in canonical form
		if strings.HasPrefix(name, "X-Forwarded") || strings.HasPrefix(name, "X-Envoy-") || slices.Contains(proxyHeaders(), name) {
			return true
		}
	}
	return false
}

func proxyHeaders() []string {
	return []string{
		"Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Original-Forwarded-For", "X-Proxyuser-Ip", "Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "Cf-Ray",
		"Fastly-Client-Ip", "Cdn-Loop", "X-Amzn-Trace-Id",
	}
}

// isFetchedByOthers tells whether a page of another site has a browser fetch this one, which
// does not show it to that page, and should not have it in its memory either. To follow a link is no such thing.
func isFetchedByOthers(request *http.Request) bool {
	switch request.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	default:
		return request.Header.Get("Sec-Fetch-Mode") != "navigate" || request.Header.Get("Sec-Fetch-Dest") != "document"
	}
}

// isOwnName tells whether a Host header names this host: by an address, which no page of
// another site has for a name, or as nobody else can be called.
func (g *Gate) isOwnName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), "."))
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") { // RFC 6761: always this host
		return true
	}
	own, err := g.Hostname()
	own = strings.ToLower(own)
	short, _, _ := strings.Cut(own, ".")
	return err == nil && host != "" && (host == own || host == short)
}

package web

import (
	"net"
	"net/http"
	"time"

	"github.com/go-kit/log"
)

// What one caller may take.
const (
	headerTime     = 10 * time.Second // to send a request's header
	readTime       = 20 * time.Second // to send all of it
	writeTime      = 30 * time.Second // to take the answer
	idleTime       = 2 * time.Minute  // between two requests of a connection: longer than from one scrape to the next
	maxHeaderBytes = 16 << 10
	maxBodyBytes   = 16 << 10 // no request needs one
	maxConnections = 256
	maxOfOne       = 32 // connections of one address
)

// NewServer returns a server whose callers cannot hold it up: each has so long for a
// request and an answer, and all together have so many connections.
func NewServer(handler http.Handler, logger log.Logger) *http.Server {
	open := &connections{most: maxConnections, ofOne: maxOfOne, logger: logger, open: map[net.Conn]*connection{}}
	return &http.Server{
		Handler:           hardened(http.MaxBytesHandler(handler, maxBodyBytes)),
		ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeaderBytes, ConnState: open.watch,
	}
}

// hardened has browsers take an answer for what it says it is, show it in no frame of
// another site, and tell no other site of it. What --web.config.file sets stays.
func hardened(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		for _, header := range [][2]string{
			{"X-Content-Type-Options", "nosniff"},
			{"X-Frame-Options", "deny"},
			{"Referrer-Policy", "no-referrer"},
			{"Cross-Origin-Resource-Policy", "same-origin"},
			{"Cross-Origin-Opener-Policy", "same-origin"},
		} {
			if w.Header().Get(header[0]) == "" {
				w.Header().Set(header[0], header[1])
			}
		}
		next.ServeHTTP(w, request)
	})
}

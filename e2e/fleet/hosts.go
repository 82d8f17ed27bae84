package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// hosts are simulated hosts: each has an address of its own in 127.0.0.0/8, and plays a
// recording from a place of its own.
type hosts struct {
	targets []string // IP:PORT
	server  *http.Server
	served  chan error

	mutex  sync.Mutex
	scrape map[string]int // the number of the next scrape of each target
	play   map[string]*recording
}

// addressOf is the address of a host by its number, from 0.
func addressOf(number int) string {
	return fmt.Sprintf("127.66.%d.%d", number/250, number%250+1)
}

// startHosts starts so many, of which some are mined. The caller stops them.
func startHosts(count, minedCount int, quiet, mined *recording) (h *hosts, err error) {
	h = &hosts{scrape: map[string]int{}, play: map[string]*recording{}, served: make(chan error, count)}
	h.server = &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.stop())
		}
	}()
	port := "0" // the first gets a free one, and the others have the same
	for i := range count {
		listener, err := net.Listen("tcp4", net.JoinHostPort(addressOf(i), port))
		if err != nil {
			return h, err
		}
		target := listener.Addr().String()
		_, port, _ = net.SplitHostPort(target)
		h.targets = append(h.targets, target)
		h.play[target], h.scrape[target] = quiet, i // begins anywhere in the recording
		if i < minedCount {
			h.play[target] = mined
		}
		go func() { h.served <- h.server.Serve(listener) }()
	}
	return h, nil
}

// playEverywhere lets every host play this recording from now on.
func (h *hosts) playEverywhere(r *recording) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for target := range h.play {
		h.play[target] = r
	}
}

// ServeHTTP answers for the host whose address was asked, compressed as the exporter
// does.
func (h *hosts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	address, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		http.Error(w, "no local address", http.StatusInternalServerError)
		return
	}
	h.mutex.Lock()
	number, recorded := h.scrape[address.String()], h.play[address.String()]
	h.scrape[address.String()]++
	h.mutex.Unlock()
	if recorded == nil {
		http.NotFound(w, r)
		return
	}
	exposition := recorded.play(number, time.Now())
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Length", strconv.Itoa(len(exposition)))
		_, _ = w.Write(exposition)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	compressed, err := gzip.NewWriterLevel(w, gzip.BestSpeed) // its cost is not measured
	if err == nil {
		_, err = compressed.Write(exposition)
		err = errors.Join(err, compressed.Close())
	}
	if err != nil {
		panic(http.ErrAbortHandler) // the scrape fails, and the bench counts it
	}
}

func (h *hosts) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := h.server.Shutdown(ctx)
	for range h.targets {
		if ended := <-h.served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
	}
	return err
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// httpTrials speak to the exporter itself, from addresses of the loopback network that are
// others than the trials' own.
func httpTrials() []trial {
	return []trial{
		{
			name: "200 scrapers at once", short: true,
			does: "200 scrapers, each with an address of its own, ask for /metrics at the same time, again and again.",
			act:  func(s *session) error { return crowdAsks(s, "/metrics", 200, s.scale(3, 30)) },
		},
		{
			name: "200 readers of the page at once",
			does: "200 callers, each with an address of its own, ask for the page and the findings at the same time, again and again.",
			act: func(s *session) error {
				return errors.Join(crowdAsks(s, "/", 200, s.scale(3, 30)), crowdAsks(s, "/api/v1/findings", 200, s.scale(3, 30)))
			},
		},
		{
			name: "slow senders", short: true,
			does: "1,000 connections of one address send a byte of a request's header a second.",
			act:  slowSenders,
			told: []string{`process_open_fds is at most 200`},
			log:  `too many connections are open: .*address=127\.6\.6\.6`,
		},
		{
			name: "slow readers",
			does: "200 connections of one address ask for everything, and read nothing of it.",
			act:  slowReaders,
		},
		{
			name: "idle connections",
			does: "1,000 connections of as many addresses are opened, and nothing is sent.",
			act: func(s *session) error {
				for i := range 1000 {
					if _, err := s.dial(otherAddress(i)); err != nil {
						return err
					}
				}
				return nil
			},
			told: []string{`process_open_fds is at most 450`},
		},
		{
			name: "malformed requests", short: true,
			does: "Requests are sent that are no HTTP, have forbidden bytes, two lengths, two hosts, bad methods, versions and paths.",
			act:  malformed,
		},
		{
			name: "a header of 10 MB",
			does: "A request with a header of 10 MB is sent, and one with a path as long.",
			act: func(s *session) error {
				return errors.Join(
					s.refused("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ", strings.Repeat("x", 1<<20), 10, "431"),
					s.refused("GET /", strings.Repeat("x", 1<<20), 10, "431"),
					s.refused("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", strings.Repeat("X: y\r\n", 1<<17), 10, "431"))
			},
		},
		{
			name: "a body of 1 GB", short: true,
			does: "Bodies of 1 GB are sent to /-/reload, to the page and to /metrics, with a length and without one.",
			act: func(s *session) error {
				var failures []error
				for _, path := range []string{"/-/reload", "/", "/metrics"} {
					for _, length := range []string{"Content-Length: 1073741824\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n100000\r\n"} {
						failures = append(failures, s.refused("POST "+path+" HTTP/1.1\r\nHost: 127.0.0.1\r\n"+length, strings.Repeat("x", 1<<20), 1024, ""))
					}
				}
				return errors.Join(failures...)
			},
		},
		{
			name: "requests in a row",
			does: "Thousands of requests are sent through one connection without waiting for an answer.",
			act:  pipelined,
		},
	}
}

// otherAddress is one of the loopback network, none of which is 127.0.0.1.
func otherAddress(i int) string { return fmt.Sprintf("127.7.%d.%d", i/250%250, 1+i%250) }

// dial connects to the exporter from an address, until the trial is over.
func (s *session) dial(from string) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: answerLimit}
	conn, err := dialer.DialContext(s, "tcp", s.target.Address)
	if err != nil {
		return nil, err
	}
	s.later(func() error {
		_ = conn.Close() // the exporter may have closed it
		return nil
	})
	return conn, nil
}

// crowdAsks has callers ask at the same time. Each has to get an answer, or to be told that
// it comes later, and some have to get one.
func crowdAsks(s *session, path string, callers, rounds int) error {
	for range rounds {
		var waiting sync.WaitGroup
		var answered, later atomic.Int64
		failures := make(chan error, callers)
		for i := range callers {
			waiting.Go(func() {
				status, err := s.askFrom(otherAddress(i), path)
				switch {
				case err != nil:
					failures <- err
				case status == http.StatusOK:
					answered.Add(1)
				case status == http.StatusServiceUnavailable:
					later.Add(1)
				default:
					failures <- fmt.Errorf("GET %s: status %d", path, status)
				}
			})
		}
		waiting.Wait()
		close(failures)
		for err := range failures {
			return err
		}
		if answered.Load() == 0 {
			return fmt.Errorf("of %d that asked for %s at once none got it", callers, path)
		}
	}
	return nil
}

func (s *session) askFrom(address, path string) (status int, err error) {
	ctx, cancel := context.WithTimeout(s, time.Minute)
	defer cancel()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	client := http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.target.URL+path, nil)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

func slowSenders(s *session) error {
	stop := make(chan struct{})
	var sending sync.WaitGroup
	for range 1000 {
		conn, err := s.dial("127.6.6.6")
		if err != nil {
			return err
		}
		sending.Go(func() {
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for _, c := range []byte("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + strings.Repeat("x", 600)) {
				if _, err := conn.Write([]byte{c}); err != nil {
					return // the exporter has closed it
				}
				select {
				case <-stop:
					return
				case <-tick.C:
				}
			}
		})
	}
	s.later(func() error {
		close(stop)
		sending.Wait()
		return nil
	})
	return nil
}

func slowReaders(s *session) error {
	for i := range 200 {
		conn, err := s.dial("127.6.6.6")
		if err != nil {
			return err
		}
		if err := conn.(*net.TCPConn).SetReadBuffer(1024); err != nil {
			return err
		}
		path := []string{"/metrics", "/", "/api/v1/findings"}[i%3]
		if _, err := fmt.Fprintf(conn, strings.Repeat("GET %[1]s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 50), path); err != nil {
			return err
		}
	}
	return programs.Pause(s, 2*time.Second)
}

func malformed(s *session) error {
	for _, request := range []string{
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 200) + "\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n X: folded\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX\x00: y\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: \x1b[2J\x00\r\n\r\n",
		"GET / HTTP/99.9\r\nHost: 127.0.0.1\r\n\r\n",
		"G\x00T / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"\xff\xfe / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"BREW / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
		"GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"GET /../../etc/shadow HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"GET /api/v1/findings/%2e%2e/%00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"GET /%zz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"POST /-/reload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"POST /-/reload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
		"POST /-/reload HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\nzz\r\nGET / HTTP/1.1\r\n\r\n",
		"POST /-/reload HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"GET /debug/pprof/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"DELETE /api/v1/findings HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
	} {
		conn, err := s.dial("127.6.6.6")
		if err != nil {
			return err
		}
		if _, err := io.WriteString(conn, request); err != nil {
			return err
		}
		if err := conn.SetReadDeadline(time.Now().Add(answerLimit)); err != nil {
			return err
		}
		answer := make([]byte, 256)
		n, err := io.ReadAtLeast(conn, answer, len("HTTP/1.1 400"))
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				continue // it was closed: as good
			}
			return fmt.Errorf("%q: %w", request, err)
		}
		if first, _, _ := strings.Cut(string(answer[:n]), "\r\n"); !strings.HasPrefix(first, "HTTP/1.1 4") && !strings.HasPrefix(first, "HTTP/1.1 5") && !strings.HasPrefix(first, "HTTP/1.1 3") {
			return fmt.Errorf("%q is answered with %q", request, first)
		}
		_ = conn.Close()
	}
	return nil
}

// refused sends a beginning and so many pieces, until the exporter closes the connection. It
// must have done so before the end, with an answer of that status, if one is given.
func (s *session) refused(beginning, piece string, pieces int, status string) error {
	conn, err := s.dial("127.6.6.6")
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	answer := make(chan string, 1)
	go func() {
		first := make([]byte, 256)
		n, _ := io.ReadAtLeast(conn, first, len("HTTP/1.1 400"))
		answer <- string(first[:n])
	}()
	_, err = io.WriteString(conn, beginning)
	sent := 0
	for ; err == nil && sent < pieces; sent++ {
		_, err = io.WriteString(conn, piece)
	}
	said := <-answer
	switch {
	case err == nil:
		return fmt.Errorf("it took all %d pieces after %.60q, and said %.60q", sent, beginning, said)
	case status != "" && said != "" && !strings.Contains(said, " "+status+" "):
		return fmt.Errorf("it said %.60q to %.60q, want %s", said, beginning, status)
	}
	return nil
}

func pipelined(s *session) error {
	conn, err := s.dial("127.6.6.6")
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		return err
	}
	const requests = 3000
	failed := make(chan error, 1)
	go func() {
		_, err := io.WriteString(conn, strings.Repeat("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", requests))
		failed <- err
	}()
	reader := bufio.NewReader(conn)
	for i := range requests {
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return fmt.Errorf("answer %d: %w", i, err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return fmt.Errorf("answer %d: %w", i, err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("answer %d: %s", i, response.Status)
		}
	}
	return <-failed
}

package probe_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/services/probe"
)

const (
	timeLimit = 2 * time.Second
	byteLimit = 64 << 10
)

var target = netip.MustParseAddrPort("192.0.2.1:4711")

// scenario is one way in which a service may answer, and what is to be told of it.
type scenario struct {
	Want struct {
		Auth    model.Auth `yaml:"auth"`
		App     *string    `yaml:"app"` // the file's if it is not set
		Version string     `yaml:"version"`
		Lowered bool       `yaml:"lowered"`
	} `yaml:"want"`
	Answers map[string]struct { // by path, or by what is sent
		Status  int               `yaml:"status"`
		Headers map[string]string `yaml:"headers"`
		Body    string            `yaml:"body"`
	} `yaml:"answers"`
}

func scenarios(t testing.TB, app string) map[string]scenario {
	t.Helper()
	file, err := os.Open("testdata/answers/" + app + ".yml")
	if err != nil {
		t.Fatalf("every service with checks needs answers to test them with: %v", err)
	}
	defer file.Close()
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	var all map[string]scenario
	if err := decoder.Decode(&all); err != nil {
		t.Fatalf("%s: %v", app, err)
	}
	return all
}

// serve is a service that answers as the scenario says, and 404 otherwise.
func (s *scenario) serve(conn net.Conn) {
	request := readRequest(conn)
	if strings.HasPrefix(request, "GET ") {
		path, _, _ := strings.Cut(request[len("GET "):], " ")
		answer, ok := s.Answers[path]
		switch {
		case !ok:
			answer.Status, answer.Body = http.StatusNotFound, "<html><body><h1>404 Not Found</h1></body></html>"
		case answer.Status == 0:
			answer.Status = http.StatusOK
		}
		fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\n", answer.Status, http.StatusText(answer.Status), len(answer.Body))
		for name, value := range answer.Headers {
			fmt.Fprintf(conn, "%s: %s\r\n", name, value)
		}
		fmt.Fprintf(conn, "\r\n%s", answer.Body)
		return
	}
	if answer, ok := s.Answers[request]; ok {
		io.WriteString(conn, answer.Body)
		return
	}
	// A server of HTTP got what is none.
	io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 11\r\n\r\nBad Request")
}

// readRequest reads a request of HTTP or a line.
func readRequest(conn io.Reader) string {
	reader := bufio.NewReader(conn)
	var request strings.Builder
	for {
		line, err := reader.ReadString('\n')
		request.WriteString(line)
		if err != nil || line == "\r\n" || !strings.HasPrefix(request.String(), "GET ") {
			return request.String()
		}
	}
}

// network is where a fake is reached. It counts what the prober receives.
type network struct {
	serve    func(net.Conn)
	received atomic.Int64
	dialled  atomic.Int64
}

func (n *network) dial(context.Context, string, string) (net.Conn, error) {
	n.dialled.Add(1)
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		n.serve(server)
	}()
	return &countedConn{client, &n.received}, nil
}

type countedConn struct {
	net.Conn
	received *atomic.Int64
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.received.Add(int64(n))
	return n, err
}

// ask asks a fake, and fails where a limit is passed. It is to be called within a
// bubble of synctest, which also fails where a goroutine is left behind.
func ask(t *testing.T, candidates []catalogue.Candidate, serve func(net.Conn)) (model.Answer, *network) {
	t.Helper()
	n := &network{serve: serve}
	prober := probe.Prober{Now: time.Now, Dial: n.dial}
	start := time.Now()
	answer := prober.Probe(t.Context(), target, candidates)
	if took := time.Since(start); took > timeLimit {
		t.Errorf("it took %s", took)
	}
	if n.received.Load() > byteLimit {
		t.Errorf("%d bytes were received", n.received.Load())
	}
	if n.dialled.Load() > 6 {
		t.Errorf("%d connections", n.dialled.Load())
	}
	if !answer.Time.Equal(start) || answer.Asked != target {
		t.Errorf("asked %s at %s", answer.Asked, answer.Time)
	}
	if (answer.Failure == "") != (answer.Auth != model.AuthUnknown) {
		t.Errorf("auth %q and failure %q", answer.Auth, answer.Failure)
	}
	if answer.OtherApp && answer.App != "" {
		t.Errorf("it is %s and is not", answer.App)
	}
	time.Sleep(time.Minute) // for the fakes to end
	return answer, n
}

// certificate is what the fakes show. Nobody checks it.
func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	content, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{content}, PrivateKey: key}
}

// overTLS serves over TLS, and answers to anything else as refuse does.
func overTLS(config *tls.Config, refuse string, serve func(net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		first := make([]byte, 1)
		if _, err := io.ReadFull(conn, first); err != nil {
			return
		}
		whole := &prefixed{conn, io.MultiReader(bytes.NewReader(first), newInbox(conn))}
		if first[0] != 0x16 {
			readRequest(whole)
			io.WriteString(conn, refuse)
			return
		}
		session := tls.Server(whole, config)
		if session.Handshake() == nil {
			serve(session)
			session.Close()
		}
	}
}

type prefixed struct {
	net.Conn
	reader io.Reader
}

func (p *prefixed) Read(b []byte) (int, error) { return p.reader.Read(b) }

// inbox reads ahead, as a socket does: an alert may cross a request.
type inbox struct {
	arrived chan []byte
	rest    []byte
}

func newInbox(conn io.Reader) *inbox {
	in := &inbox{arrived: make(chan []byte, 64)}
	go func() {
		defer close(in.arrived)
		for {
			part := make([]byte, 4096)
			n, err := conn.Read(part)
			if err != nil {
				return
			}
			in.arrived <- part[:n]
		}
	}()
	return in
}

func (in *inbox) Read(p []byte) (int, error) {
	if len(in.rest) == 0 {
		part, ok := <-in.arrived
		if !ok {
			return 0, io.EOF
		}
		in.rest = part
	}
	n := copy(p, in.rest)
	in.rest = in.rest[n:]
	return n, nil
}

// Package probe finds out whether a listening socket lets anybody in. It only reads:
// what it can send is a GET without a body, or one short text. It follows no redirect,
// resolves no name, and takes at most 2 s and 64 KiB in all.
package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const userAgent = "cryptojack_exporter (asks whether this service wants a password)"

// Prober probes services. It may be used by several goroutines at once.
type Prober struct {
	Now  func() time.Time                                                     // nil: time.Now
	Dial func(ctx context.Context, network, address string) (net.Conn, error) // nil: a net.Dialer
}

// Probe makes the checks of one candidate after the other, until the socket answers as
// one of them does. All of it together takes at most 2 s, 64 KiB and 6 connections. It
// returns early when the context ends; what is unknown, and why, is in the answer.
func (p *Prober) Probe(ctx context.Context, target netip.AddrPort, candidates []catalogue.Candidate) model.Answer {
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	now, dial := p.Now, p.Dial
	if now == nil {
		now = time.Now
	}
	if dial == nil {
		dial = (&net.Dialer{KeepAlive: -1}).DialContext
	}
	answer := model.Answer{Time: now(), Asked: target, Auth: model.AuthUnknown}
	// In the header `Host`, a zone or IPv4 in IPv6 is an error to some servers.
	plain := netip.AddrPortFrom(target.Addr().Unmap(), target.Port())
	named := netip.AddrPortFrom(plain.Addr().WithZone(""), plain.Port())
	attempt := &run{
		dial: dial, target: plain.String(), host: named.String(), budget: budget{byteLimit}, connections: requestLimit,
	}
	var all verdict
	for _, candidate := range candidates {
		one := attempt.candidate(ctx, candidate, len(candidates) > 1)
		if one.app {
			all, answer.App = one, candidate.App
			break
		}
		all.add(&one.reply)
	}
	if all.auth != "" {
		answer.Auth = all.auth
	}
	answer.Version, answer.Lowered = all.version, all.lowered
	answer.OtherApp = all.other && !all.app && all.auth != model.AuthRequired
	if answer.Auth == model.AuthUnknown {
		answer.Failure = all.unknownBecause()
	}
	return answer
}

// verdict is what several replies say together.
type verdict struct{ reply }

// add counts one more reply: who is let in once is let in.
func (v *verdict) add(r *reply) {
	switch {
	case r.auth == model.AuthNone:
		v.auth, v.lowered = r.auth, r.lowered
	case v.auth != model.AuthNone && r.auth == model.AuthRequired, v.auth == "":
		v.auth = r.auth
	}
	v.app = v.app || r.app
	v.other = v.other || r.other
	if v.version == "" {
		v.version = r.version
	}
	if v.failure == "" {
		v.failure = r.failure
	}
}

// unknownBecause says why it is not known whether anybody is let in.
func (v *verdict) unknownBecause() string {
	switch {
	case v.app:
		return "What it answered does not tell whether it asks for a password."
	case v.other:
		return "It answered, but not as such a service does."
	case v.failure != "":
		return v.failure
	default:
		return "There is no harmless way to ask it."
	}
}

// run is one call of Probe.
type run struct {
	dial        func(ctx context.Context, network, address string) (net.Conn, error)
	target      string
	host        string
	budget      budget
	connections int
	secure      bool // the service was seen to speak TLS
}

// candidate makes an app's checks. Where there are several candidates, one whose
// first check is not answered as the app does is given up for the next.
func (p *run) candidate(ctx context.Context, candidate catalogue.Candidate, several bool) verdict {
	var v verdict
	for i := range candidate.Checks {
		if p.connections == 0 || ctx.Err() != nil {
			break
		}
		r := p.check(ctx, &candidate.Checks[i])
		v.add(&r)
		if v.auth == model.AuthNone || (several && !v.app) {
			break
		}
	}
	return v
}

// check makes one request, a second time over TLS if the first answer asks for it.
func (p *run) check(ctx context.Context, check *catalogue.Check) reply {
	if p.secure || check.TLS {
		return p.exchange(ctx, check, true)
	}
	plain := p.exchange(ctx, check, false)
	if !plain.tls || p.connections == 0 || (check.Send != "" && plain.err != nil) {
		return plain
	}
	secure := p.exchange(ctx, check, true)
	if !p.secure {
		return plain
	}
	return secure
}

// exchange opens a connection, sends the request and interprets the answer.
func (p *run) exchange(ctx context.Context, check *catalogue.Check, secure bool) reply {
	p.connections--
	socket, err := p.dial(ctx, "tcp", p.target)
	if err != nil {
		return failed(sentence(err, true), err)
	}
	defer func() { _ = socket.Close() }()
	deadline, _ := ctx.Deadline()
	_ = socket.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { _ = socket.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	conn := &meteredConn{Conn: socket, budget: &p.budget}
	if !secure {
		_, _ = conn.Write(p.request(check)) // where it fails, reading does too
		return interpret(check, conn)
	}

	wantsCertificate := false // of the client
	session := tls.Client(conn, &tls.Config{
		// It is a socket of this very host, and nothing secret is sent.
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS10,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			wantsCertificate = true
			return &tls.Certificate{}, nil
		},
	})
	if err := session.HandshakeContext(ctx); err != nil {
		return p.failedHandshake(err, wantsCertificate)
	}
	p.secure = true
	_, _ = session.Write(p.request(check))
	r := interpret(check, session)
	if r.err != nil && refusesStranger(r.err, wantsCertificate) {
		return reply{auth: model.AuthRequired}
	}
	return r
}

func (p *run) request(check *catalogue.Check) []byte {
	if check.Send != "" {
		return []byte(check.Send)
	}
	const accept = "application/json, text/html;q=0.9, */*;q=0.8"
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\nAccept: %s\r\nConnection: close\r\n\r\n",
		check.Get, p.host, userAgent, accept)
}

// failedHandshake interprets a TLS handshake that failed.
func (p *run) failedHandshake(err error, wantsCertificate bool) reply {
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return other() // it does not speak TLS
	}
	if refusesStranger(err, wantsCertificate) {
		p.secure = true
		return reply{auth: model.AuthRequired}
	}
	if alert(err) != "" {
		p.secure = true
		return failed("It speaks TLS in a way that this program does not.", err)
	}
	return failed(sentence(err, true), err)
}

// refusesStranger tells whether a server wants a certificate: its alert says so, or it
// asked for one and ended the connection when it got none. (The alert may be lost when
// it crosses the request on the way.)
func refusesStranger(err error, wantsCertificate bool) bool {
	text := alert(err)
	if strings.Contains(text, "certificate required") || strings.Contains(text, "bad certificate") {
		return true
	}
	return wantsCertificate && (text != "" || hungUp(err))
}

// alert is the text of a TLS alert from the other side, or "".
func alert(err error) string {
	var remote *net.OpError
	if errors.As(err, &remote) && remote.Op == "remote error" {
		return remote.Err.Error()
	}
	return ""
}

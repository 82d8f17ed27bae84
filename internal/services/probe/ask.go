// Package probe asks one listening socket whether it lets anybody in. It only
// reads: what it can send is a GET without a body, or one short text. It follows
// nothing, resolves no name, and takes at most 2 s and 64 KiB in all.
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

// Prober asks services. It may be used by several goroutines at once.
type Prober struct {
	Now  func() time.Time
	Dial func(ctx context.Context, network, address string) (net.Conn, error) // nil: a net.Dialer
}

// Ask asks a socket whether it lets anybody in: for one candidate after the
// other, until it answers as one does. All of it together takes at most 2 s,
// 64 KiB and 6 connections.
func (p *Prober) Ask(ctx context.Context, target netip.AddrPort, candidates []catalogue.Candidate) model.Answer {
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	answer := model.Answer{Time: p.Now(), Asked: target, Auth: model.AuthUnknown}
	// In the header `Host`, a zone or IPv4 in IPv6 is an error to some servers.
	plain := netip.AddrPortFrom(target.Addr().Unmap(), target.Port())
	named := netip.AddrPortFrom(plain.Addr().WithZone(""), plain.Port())
	a := &asking{dial: p.Dial, target: plain.String(), host: named.String(), budget: budget{byteLimit}, connections: requestLimit}
	if a.dial == nil {
		a.dial = (&net.Dialer{KeepAlive: -1}).DialContext
	}
	var told verdict
	for _, candidate := range candidates {
		one := a.candidate(ctx, candidate, len(candidates) > 1)
		if one.app {
			told, answer.App = one, candidate.App
			break
		}
		told.add(&one.reply)
	}
	if told.auth != "" {
		answer.Auth = told.auth
	}
	answer.Version, answer.Lowered = told.version, told.lowered
	answer.OtherApp = told.other && !told.app && told.auth != model.AuthRequired
	if answer.Auth == model.AuthUnknown {
		answer.Failure = told.why()
	}
	return answer
}

// verdict is what several replies tell together.
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

// why says why it is not known whether anybody is let in.
func (v *verdict) why() string {
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

// asking is one Ask under way.
type asking struct {
	dial        func(ctx context.Context, network, address string) (net.Conn, error)
	target      string
	host        string
	budget      budget
	connections int
	secure      bool // it was seen to speak TLS
}

// candidate makes an app's checks. Where there are more candidates, one that does
// not answer the first check its way is left for the next.
func (a *asking) candidate(ctx context.Context, candidate catalogue.Candidate, several bool) verdict {
	var v verdict
	for i := range candidate.Checks {
		if a.connections == 0 || ctx.Err() != nil {
			break
		}
		r := a.ask(ctx, &candidate.Checks[i])
		v.add(&r)
		if v.auth == model.AuthNone || several && !v.app {
			break
		}
	}
	return v
}

// ask makes one request, a second time over TLS if the first answer asks for it.
func (a *asking) ask(ctx context.Context, check *catalogue.Check) reply {
	if a.secure || check.TLS {
		return a.exchange(ctx, check, true)
	}
	plain := a.exchange(ctx, check, false)
	if !plain.tls || a.connections == 0 || check.Send != "" && plain.err != nil {
		return plain
	}
	secure := a.exchange(ctx, check, true)
	if !a.secure {
		return plain
	}
	return secure
}

// exchange opens a connection, sends the request and judges the answer.
func (a *asking) exchange(ctx context.Context, check *catalogue.Check, secure bool) reply {
	a.connections--
	socket, err := a.dial(ctx, "tcp", a.target)
	if err != nil {
		return failed(sentence(err, true), err)
	}
	defer func() { _ = socket.Close() }()
	deadline, _ := ctx.Deadline()
	_ = socket.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { _ = socket.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	conn := &meteredConn{Conn: socket, budget: &a.budget}
	if !secure {
		_, _ = conn.Write(a.request(check)) // where it fails, reading does too
		return judge(check, conn)
	}

	wanted := false // a certificate of the client
	session := tls.Client(conn, &tls.Config{
		// It is a socket of this very host, and nothing secret is sent.
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS10,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			wanted = true
			return &tls.Certificate{}, nil
		},
	})
	if err := session.HandshakeContext(ctx); err != nil {
		return a.refused(err, wanted)
	}
	a.secure = true
	_, _ = session.Write(a.request(check))
	r := judge(check, session)
	if r.err != nil && refusesStranger(r.err, wanted) {
		return reply{auth: model.AuthRequired}
	}
	return r
}

func (a *asking) request(check *catalogue.Check) []byte {
	if check.Send != "" {
		return []byte(check.Send)
	}
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\nAccept: application/json, text/html;q=0.9, */*;q=0.8\r\nConnection: close\r\n\r\n",
		check.Get, a.host, userAgent)
}

// refused judges a handshake that failed.
func (a *asking) refused(err error, wanted bool) reply {
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return other() // it does not speak TLS
	}
	if refusesStranger(err, wanted) {
		a.secure = true
		return reply{auth: model.AuthRequired}
	}
	if alert(err) != "" {
		a.secure = true
		return failed("It speaks TLS in a way that this program does not.", err)
	}
	return failed(sentence(err, true), err)
}

// refusesStranger tells that a server wants a certificate: its alert says so, or
// it asked for one and ended the connection when it got none. (The alert is lost
// where the request crosses it.)
func refusesStranger(err error, wanted bool) bool {
	text := alert(err)
	return strings.Contains(text, "certificate required") || strings.Contains(text, "bad certificate") || wanted && (text != "" || hungUp(err))
}

// alert is the text of a TLS alert from the other side, or "".
func alert(err error) string {
	var remote *net.OpError
	if errors.As(err, &remote) && remote.Op == "remote error" {
		return remote.Err.Error()
	}
	return ""
}

package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

const (
	connectTime = 5 * time.Second
	answerTime  = 15 * time.Second // for all of one attempt
	maxAnswer   = 4 << 10          // bytes that are read of an answer
	maxQuoted   = 120              // bytes of an answer that are told
	mostAsked   = 10 * time.Minute // that the other side may ask to wait
)

// Webhook is where to post to, and how.
type Webhook struct {
	URL           *url.URL // a secret, as a rule
	Format        Format
	Authorization string         // of the header of this name; "" for none
	Roots         *x509.CertPool // that sign the other side's certificate; nil for the system's
	Proxy         *url.URL       // nil for none: the environment's is not used
	Resolved      bool           // also tell the end of what was posted
	Page          string         // address of the exporter's page, for people; ""
}

// client makes connections as the webhook says. It follows no redirect: what leads elsewhere is not what was configured.
func (w *Webhook) client() *http.Client {
	transport := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: connectTime}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: w.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    connectTime,
		ResponseHeaderTimeout:  answerTime,
		MaxResponseHeaderBytes: 64 << 10,
		DisableKeepAlives:      true, // there are few messages
	}
	if w.Proxy != nil {
		transport.Proxy = http.ProxyURL(w.Proxy)
	}
	return &http.Client{
		Transport: transport, Timeout: answerTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// refusal is an answer that says no.
type refusal struct {
	status int
	says   string        // the beginning of the answer, escaped
	after  time.Duration // that it asks to wait; 0 if it does not
}

func (r *refusal) Error() string {
	words := fmt.Sprintf("it answers %d %s", r.status, http.StatusText(r.status))
	if r.status >= 300 && r.status < 400 {
		words += ", and redirects are not followed: set `url` to where it leads"
	}
	if r.says != "" {
		words += ": " + r.says
	}
	return words
}

// lasting tells whether another attempt with the same message would be in vain. What a change of the configuration or of the
// other side may mend is not.
func (r *refusal) lasting() bool {
	switch r.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return r.status >= 400 && r.status < 500
}

// post sends one message. No error of it tells the address, which may hold a token.
func (w *Webhook) post(ctx context.Context, message Message, version string) error {
	request, err := w.Format.request(ctx, w.URL, message)
	if err != nil {
		return fmt.Errorf("make the message: %w", hideURL(err))
	}
	request.Header.Set("User-Agent", "cryptojack_exporter/"+version)
	if w.Authorization != "" {
		request.Header.Set("Authorization", w.Authorization)
	}
	response, err := w.client().Do(request)
	if err != nil {
		return hideURL(err)
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if response.StatusCode >= 200 && response.StatusCode < 300 {
		return nil // whatever became of the rest of its answer
	}
	if err != nil {
		answer = nil
	}
	refused := &refusal{status: response.StatusCode, says: text.Escape(cut(string(answer), maxQuoted))}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		refused.after = min(time.Duration(min(seconds, int(mostAsked/time.Second)))*time.Second, mostAsked)
	}
	return refused
}

// hideURL takes the address off an error of net/http, and the port of this end, which is another one each time.
func hideURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var network *net.OpError
	if errors.As(err, &network) && network.Addr != nil {
		err = fmt.Errorf("%s %s: %w", network.Op, network.Addr, network.Err)
	}
	return err
}

// kind is what is the same of an error as long as its cause is.
func kind(err error) string {
	var refused *refusal
	if errors.As(err, &refused) {
		return strconv.Itoa(refused.status)
	}
	return err.Error()
}

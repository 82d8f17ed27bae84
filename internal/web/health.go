package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// HealthPath is where the exporter says that it serves.
const HealthPath = "/-/healthy"

// HealthAnswer is what it says there.
const HealthAnswer = "healthy\n"

// AskHealth asks the exporter that listens at an address of --web.listen-address whether it serves, and returns where it
// asked. A wildcard is asked over loopback, with TLS or without: whichever the exporter speaks. Its certificate is
// not verified, since it is of a name and not of loopback, and nothing secret is sent. An exporter that wants
// a password or a client's certificate, or has too many requests (--web.config.file), serves.
func AskHealth(ctx context.Context, listenAddress string) (asked string, err error) {
	host, port, err := net.SplitHostPort(listenAddress)
	if err != nil {
		return listenAddress, fmt.Errorf("only an address HOST:PORT can be asked: %w", err)
	}
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	where := url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: HealthPath}
	client := &http.Client{
		Transport: &http.Transport{
			Proxy:             nil, // it is this host that is asked, whatever the environment says
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	status, err := ask(ctx, client, where.String())
	if err == nil && status == http.StatusBadRequest { // net/http's answer of a server that speaks TLS
		where.Scheme = "https"
		status, err = ask(ctx, client, where.String())
	}
	switch {
	case isRefusal(err):
		return where.String(), nil
	case err != nil:
		return where.String(), fmt.Errorf("ask %s: %w", where.String(), err)
	case status == http.StatusOK, status == http.StatusUnauthorized, status == http.StatusTooManyRequests:
		return where.String(), nil
	default:
		return where.String(), fmt.Errorf("%s answers %d %s", where.String(), status, http.StatusText(status))
	}
}

// ask returns the status of an answer, whose text has to be the exporter's own if it is 200.
func ask(ctx context.Context, client *http.Client, where string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, unwrapURL(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(len(HealthAnswer))+1))
	if err != nil {
		return 0, fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode == http.StatusOK && !bytes.Equal(body, []byte(HealthAnswer)) {
		return 0, errors.New("another program than the exporter answers there")
	}
	return response.StatusCode, nil
}

// isRefusal tells whether the other side has looked for a client's certificate, and said by TLS that it takes none but
// those that it knows.
func isRefusal(err error) bool {
	var refused *net.OpError
	return errors.As(err, &refused) && refused.Op == "remote error"
}

// unwrapURL leaves out what *url.Error says before the reason: the URL, which the caller names too.
func unwrapURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

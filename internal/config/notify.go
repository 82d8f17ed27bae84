package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/notify"
)

const (
	maxSecretFile      = 4 << 10
	maxCertificateFile = 1 << 20
)

// notifySettings is whom critical findings are posted to, as it is written.
type notifySettings struct {
	Webhook *webhook `yaml:"webhook"`
}

type webhook struct {
	URL               string `yaml:"url"`
	URLFile           string `yaml:"url_file"` // in place of url, which is a secret as a rule
	Format            string `yaml:"format"`
	AuthorizationFile string `yaml:"authorization_file"` // holds the value of the header of this name
	CAFile            string `yaml:"ca_file"`
	ProxyURL          string `yaml:"proxy_url"`
	Resolved          bool   `yaml:"resolved"`
	Page              string `yaml:"page"`
}

// webhook returns what is configured, or nil. No error of it quotes an address, since that may hold a token.
func (d *document) webhook() (*notify.Webhook, error) {
	if d.Notify == nil || d.Notify.Webhook == nil {
		return nil, nil
	}
	w := d.Notify.Webhook
	out := &notify.Webhook{Format: notify.Format(w.Format), Resolved: w.Resolved, Page: w.Page}
	if w.Format == "" {
		out.Format = notify.JSON
	}
	if !slices.Contains(notify.Formats(), out.Format) {
		return nil, fmt.Errorf("format %q is none of %v", w.Format, notify.Formats())
	}
	address := w.URL
	var err error
	switch {
	case (w.URL == "") == (w.URLFile == ""):
		return nil, errors.New("set either url or url_file")
	case w.URLFile != "":
		if address, err = readSecret(w.URLFile); err != nil {
			return nil, fmt.Errorf("url_file: %w", err)
		}
	}
	if out.URL, err = parseURL(address); err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	if w.Page != "" {
		if _, err := parseURL(w.Page); err != nil {
			return nil, fmt.Errorf("page: %w", err)
		}
	}
	if w.ProxyURL != "" {
		if out.Proxy, err = parseURL(w.ProxyURL); err != nil {
			return nil, fmt.Errorf("proxy_url: %w", err)
		}
	}
	if w.AuthorizationFile != "" {
		if out.Authorization, err = readSecret(w.AuthorizationFile); err != nil {
			return nil, fmt.Errorf("authorization_file: %w", err)
		}
		if out.URL.Scheme != "https" && !isLoopback(out.URL.Hostname()) {
			return nil, errors.New("authorization_file: the secret would be sent unencrypted; use https")
		}
	}
	if w.CAFile != "" {
		if out.Roots, err = readCertificates(w.CAFile); err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
	}
	return out, nil
}

// parseURL takes addresses of HTTP only.
func parseURL(s string) (*url.URL, error) {
	parsed, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("it is no address: give one like https://example.org/path")
	}
	if parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Hostname() == "" || parsed.Fragment != "" {
		return nil, errors.New("it is no address of HTTP: give one like https://example.org/path")
	}
	return parsed, nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// readSecret reads the one line of a file.
func readSecret(name string) (string, error) {
	content, err := readSmall(name, maxSecretFile)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(content))
	if secret == "" || strings.ContainsFunc(secret, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", fmt.Errorf("%s does not hold one line of printable ASCII", name)
	}
	return secret, nil
}

func readCertificates(name string) (*x509.CertPool, error) {
	content, err := readSmall(name, maxCertificateFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", name)
	}
	return pool, nil
}

// readSmall reads a regular file, whatever else has its name.
func readSmall(name string, limit int64) ([]byte, error) {
	if !filepath.IsAbs(name) {
		return nil, fmt.Errorf("%q is not an absolute path", name)
	}
	file, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if stat, err := file.Stat(); err != nil || !stat.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s is no file with content, but a directory, a FIFO or a device", name), err)
	}
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	return content, nil
}

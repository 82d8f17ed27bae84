package config

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/notify"
)

func TestWebhook(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	certificate := file("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	address, token := file("url", "https://h.example/T0KEN\n"), file("token", "Bearer T0KEN\n")

	config, err := Load(write(t, ""))
	if err != nil || config.Webhook != nil {
		t.Errorf("%+v, %v", config.Webhook, err)
	}
	config, err = Load(write(t, "notify: {webhook: {url_file: "+address+", format: slack, authorization_file: "+token+", ca_file: "+certificate+
		", proxy_url: 'http://proxy:3128', resolved: true, page: 'http://h:10042/'}}"))
	if err != nil {
		t.Fatal(err)
	}
	w := config.Webhook
	if w.URL.String() != "https://h.example/T0KEN" || w.Format != notify.Slack || w.Authorization != "Bearer T0KEN" || w.Roots == nil || w.Proxy.Host != "proxy:3128" || !w.Resolved || w.Page != "http://h:10042/" {
		t.Errorf("%+v", w)
	}
	config, err = Load(write(t, "notify: {webhook: {url: 'http://127.0.0.1:8080/x', authorization_file: "+token+"}}"))
	if err != nil || config.Webhook.Format != notify.JSON || config.Webhook.Proxy != nil || config.Webhook.Roots != nil {
		t.Errorf("%+v, %v", config, err)
	}

	fifo := filepath.Join(directory, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for content, want := range map[string]string{
		"{}": "set either url or url_file", "{url: 'https://a/', url_file: " + address + "}": "set either url or url_file",
		"{url: 'ftp://T0KEN/'}": "no address of HTTP", "{url: '/T0KEN'}": "no address of HTTP", "{url: 'https://'}": "no address of HTTP", "{url: 'https://h/#T0KEN'}": "no address of HTTP",
		"{url: 'https://h/%zzT0KEN'}": "it is no address", "{url: 'https://h/', format: teams}": "is none of",
		"{url: 'http://h/T0KEN', authorization_file: " + token + "}": "use https", "{url: 'https://h/', authorization_file: relative}": "not an absolute path",
		"{url: 'https://h/', authorization_file: " + file("lines", "a\nT0KEN") + "}": "one line of printable ASCII", "{url: 'https://h/', authorization_file: " + file("empty", "\n") + "}": "one line",
		"{url_file: " + fifo + "}": "FIFO", "{url_file: " + directory + "}": "directory", "{url_file: " + filepath.Join(directory, "none") + "}": "no such file",
		"{url_file: " + file("large", strings.Repeat("a", maxSecretFile+1)) + "}": "larger than", "{url: 'https://h/', ca_file: " + token + "}": "no certificate in PEM",
		"{url: 'https://h/', proxy_url: 'socks5://h'}": "proxy_url", "{url: 'https://h/', page: 'javascript:T0KEN'}": "page", "{url: 'https://h/', method: GET}": "field method not found",
	} {
		config, err := Load(write(t, "notify: {webhook: "+content+"}"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v, want %q", content, config, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "T0KEN") {
			t.Errorf("%s: the error tells a secret: %v", content, err)
		}
	}
}

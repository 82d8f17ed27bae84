package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ask sends a request with headers; "Host" is that of the request.
func (s server) ask(t *testing.T, method, path string, header ...string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			request.Host = header[i+1]
		}
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

func TestWhoIsTold(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "config.yml")
	if err := os.WriteFile(file, []byte("directories: [/tmp]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, "--web.enable-pprof", "--web.enable-lifecycle", "--config.file="+file)
	audience := func(header ...string) string {
		status, body := s.ask(t, http.MethodGet, "/api/v1/findings", header...)
		var document struct{ Audience string }
		if err := json.Unmarshal([]byte(body), &document); err != nil || status != http.StatusOK {
			t.Errorf("%v: %d, %v: %.200s", header, status, err, body)
		}
		return document.Audience
	}
	for _, test := range []struct {
		want   string
		header []string
	}{
		{"full", nil},
		{"full", []string{"Host", "localhost"}},
		{"public", []string{"X-Forwarded-For", "192.0.2.1"}},
		{"public", []string{"X-Forwarded-For", "192.0.2.1", "Host", "page.example"}},
		{"public", []string{"Authorization", "Basic cHJvbWV0aGV1czp4", "Via", "1.1 x"}}, // nobody has asked for it
	} {
		if got := audience(test.header...); got != test.want {
			t.Errorf("%v: %s, want %s", test.header, got, test.want)
		}
	}
	for _, path := range []string{"/", "/api/v1/findings", "/-/reload", "/debug/pprof/", "/debug/pprof/cmdline"} {
		if status, body := s.ask(t, http.MethodPost, path, "Host", "evil.example"); status != http.StatusForbidden || !strings.Contains(body, "DNS rebinding") {
			t.Errorf("%s as evil.example: %d %s", path, status, body)
		}
	}
	if status, _ := s.ask(t, http.MethodGet, "/metrics", "Host", "scraped.example"); status != http.StatusOK {
		t.Errorf("/metrics by another name, as Prometheus may have for it: %d", status)
	}
	if status, _ := s.ask(t, http.MethodGet, "/debug/pprof/cmdline", "Via", "1.1 x"); status != http.StatusForbidden {
		t.Errorf("the command line through a proxy: %d", status)
	}

	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
		if status, _ := s.ask(t, http.MethodPost, "/-/reload", header...); status != http.StatusForbidden {
			t.Errorf("a reload with %v: %d", header, status)
		}
	}
	if status, body := s.ask(t, http.MethodPost, "/-/reload", "Sec-Fetch-Site", "same-origin"); status != http.StatusOK {
		t.Errorf("a reload of the page itself: %d %s", status, body)
	}
	if err := os.WriteFile(file, []byte("secret_line: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		quotes bool
		header []string
	}{{true, nil}, {false, []string{"Via", "1.1 x"}}} {
		status, body := s.ask(t, http.MethodPost, "/-/reload", test.header...)
		if status != http.StatusInternalServerError || strings.Contains(body, "secret_line") != test.quotes {
			t.Errorf("a mistake in the configuration, with %v: %d %s", test.header, status, body)
		}
	}
}

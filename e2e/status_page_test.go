package e2e

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pageNamesSuspect looks at the status page with a browser, as a person would.
func pageNamesSuspect(t *testing.T, running *incident) {
	page := runToEnd(t, "/usr/bin/chromium", browserFlags(t, "--dump-dom", running.exporter.url+"/")...)
	if page.code != 0 {
		t.Fatalf("chromium exits %d: %s", page.code, tail(page.stderr, 2000))
	}
	for _, wanted := range []string{"kdevtmpfsi", burnerPath, guardianPath, running.suspect} {
		if !strings.Contains(page.stdout, wanted) {
			t.Errorf("the page does not name %s:\n%s", wanted, tail(page.stdout, 4000))
		}
	}

	accessible(t, map[string]string{
		"page":     getBody(t, running.exporter.url+"/"),
		"runbook":  getBody(t, running.exporter.url+"/runbooks/CryptojackMinerFound"),
		"runbooks": getBody(t, running.exporter.url+"/runbooks/"),
	})

	for name, flags := range map[string][]string{
		"status-page":       {"--window-size=1280,1600"},
		"status-page-dark":  {"--window-size=1280,1600", "--blink-settings=preferredColorScheme=0"},
		"status-page-phone": {"--window-size=500,1600"}, // no window is less wide
	} {
		picture := filepath.Join(picturesDirectory(t), name+".png")
		shot := runToEnd(t, "/usr/bin/chromium", browserFlags(t, append(flags, "--hide-scrollbars", "--screenshot="+picture, running.exporter.url+"/")...)...)
		isFile(t, picture, "\x89PNG", shot.stderr)
	}
	paper := filepath.Join(picturesDirectory(t), "status-page.pdf")
	printed := runToEnd(t, "/usr/bin/chromium", browserFlags(t, "--no-pdf-header-footer", "--print-to-pdf="+paper, running.exporter.url+"/")...)
	isFile(t, paper, "%PDF", printed.stderr)
}

// isFile fails where a browser has made no file of a kind.
func isFile(t *testing.T, path, begins, said string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: chromium wrote: %s", err, tail(said, 2000))
	}
	if !strings.HasPrefix(string(content), begins) || len(content) < 5000 {
		t.Errorf("%s is no picture of a page: %d bytes", path, len(content))
	}
	t.Logf("the page is in %s", path)
}

// browserFlags make Chromium run without a screen and reach nothing but the
// loopback address.
func browserFlags(t *testing.T, more ...string) []string {
	return append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-dev-shm-usage",
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
		"--user-data-dir=" + t.TempDir(),
	}, more...)
}

// getBody returns what an address answers.
func getBody(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %s: %v", url, response.Status, err)
	}
	return string(body)
}

package report

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func get(handler http.Handler, method, path string) *httptest.ResponseRecorder {
	out := httptest.NewRecorder()
	handler.ServeHTTP(out, httptest.NewRequest(method, path, nil))
	return out
}

// servedTo is what the handlers need to show a report to one audience.
func servedTo(audience Audience, show func() Report) Served {
	return Served{Logger: log.NewNopLogger(), Show: show, AudienceOf: func(*http.Request) Audience { return audience }}
}

func TestHandlers(t *testing.T) {
	t.Parallel()
	page := NewPage(servedTo(Full, incident), "/metrics")
	findings := NewFindingsHandler(servedTo(Full, incident))
	for _, test := range []struct {
		name, method, path string
		handler            http.Handler
		status             int
		contentType        string
		empty              bool
	}{
		{"page", "GET", "/", page, 200, "text/html; charset=utf-8", false},
		{"page without query", "GET", "/?x=1", page, 200, "text/html; charset=utf-8", false},
		{"page head", "HEAD", "/", page, 200, "text/html; charset=utf-8", true},
		{"page post", "POST", "/", page, 405, "text/plain; charset=utf-8", false},
		{"elsewhere", "GET", "/other", page, 404, "text/plain; charset=utf-8", false},
		{"findings", "GET", "/api/v1/findings", findings, 200, "application/json; charset=utf-8", false},
		{"findings head", "HEAD", "/api/v1/findings", findings, 200, "application/json; charset=utf-8", true},
		{"findings delete", "DELETE", "/api/v1/findings", findings, 405, "text/plain; charset=utf-8", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			out := get(test.handler, test.method, test.path)
			if out.Code != test.status || out.Header().Get("Content-Type") != test.contentType || (out.Body.Len() == 0) != test.empty {
				t.Errorf("status %d, type %q, %d bytes", out.Code, out.Header().Get("Content-Type"), out.Body.Len())
			}
			if test.status == 405 && out.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("Allow: %q", out.Header().Get("Allow"))
			}
			if test.status == 200 && out.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", out.Header())
			}
			if policy := out.Header().Get("Content-Security-Policy"); test.path == "/" && (!strings.HasPrefix(policy, "default-src 'none'; ") || !strings.Contains(policy, "frame-ancestors 'none'")) {
				t.Errorf("headers %v", out.Header())
			}
		})
	}
}

func TestPageShowsNoCommandLine(t *testing.T) {
	t.Parallel()
	r := incident()
	r.Findings.Active[0].Suspect.Process.Argv = []string{"x", "--password=secret"}
	if body := get(NewPage(servedTo(Full, func() Report { return r }), "/metrics"), "GET", "/").Body.String(); strings.Contains(body, "secret") {
		t.Error("the page shows arguments, which may be secrets")
	}
}

func TestBlindnessIsNeverGreen(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Report){
		"sentence":        func(r *Report) { r.Blind = []string{"One process hides."} },
		"share":           func(r *Report) { r.Snapshot.Processes.Visibility[model.AspectExe] = model.Share{Readable: 1, Total: 2} },
		"files off":       func(r *Report) { r.Snapshot.Files = nil },
		"sockets off":     func(r *Report) { r.Snapshot.Sockets = nil },
		"truncated":       func(r *Report) { r.Snapshot.Files.Truncated = map[string]bool{"/tmp": true} },
		"overdue sampler": func(r *Report) { r.Snapshot.Sockets.Time = noon().Add(-time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := idle()
			change(&r)
			if v := newView(r, "/metrics"); v.Tone != "partial" {
				t.Errorf("tone %q", v.Tone)
			}
		})
	}
	r := idle()
	r.Snapshot.Files.Interval, r.Snapshot.Files.Time = 0, noon().Add(-time.Minute) // a sensor need not say when it looks again
	if v := newView(r, "/metrics"); v.Tone != "ok" {
		t.Errorf("without blindness: tone %q", v.Tone)
	}
}

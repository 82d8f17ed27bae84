package report

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"strconv"
	"sync"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/web"
)

//go:embed page.html
var pageHTML string

// Served is what the handlers of reports share.
type Served struct {
	Logger log.Logger
	// Show returns what is known now. Whom it is for is set afterwards.
	Show func() Report
	// AudienceOf tells whom a request is answered for.
	AudienceOf func(*http.Request) Audience
}

// NewPage returns the status page. It answers GET and HEAD of "/" exactly.
func NewPage(served Served, telemetryPath string) http.Handler {
	page := template.Must(template.New("page").Parse(pageHTML))
	answer := newAnswer(served, "text/html; charset=utf-8", func(out *bytes.Buffer, r Report) error { return page.Execute(out, newView(r, telemetryPath)) })
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.URL.Path != "/" {
			http.NotFound(w, request)
			return
		}
		w.Header().Set("Content-Security-Policy", web.PagePolicy)
		if seconds := reloadAfter(request, served.Show); seconds > 0 {
			w.Header().Set("Refresh", strconv.Itoa(seconds))
		}
		answer(w, request)
	})
}

// reloadAfter says after how many seconds a browser looks again, 0 for never. Only whoever asks for it
// gets that: a page that reloads by itself takes the place away from a person who copies a
// command, and makes a screen reader begin anew. Before the first sample there is nothing to read.
func reloadAfter(request *http.Request, show func() Report) int {
	switch {
	case request.URL.Query().Has("again"):
		return 15
	case show().Findings == nil:
		return 3
	default:
		return 0
	}
}

// NewFindingsHandler returns the findings as JSON, for GET and HEAD.
func NewFindingsHandler(served Served) http.Handler {
	return newAnswer(served, "application/json; charset=utf-8", func(out *bytes.Buffer, r Report) error { return JSON(out, r) })
}

// newAnswer renders to memory first: an error must not leave half a page. What it has rendered
// it gives to every request, see rendering.
func newAnswer(served Served, contentType string, render func(*bytes.Buffer, Report) error) http.HandlerFunc {
	var failed sync.Once
	kept := map[Audience]*rendering{Public: newRendering(render), Full: newRendering(render)}
	return func(w http.ResponseWriter, request *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if !web.OnlyReads(w, request) {
			return
		}
		r := served.Show()
		r.Audience = served.AudienceOf(request)
		body, err := kept[r.Audience].of(r)
		if err != nil {
			failed.Do(func() {
				level.Error(served.Logger).Log("msg", "a report could not be rendered", "path", request.URL.Path, "err", err)
			})
			http.Error(w, "the report could not be rendered; see the exporter's log", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		if request.Method == http.MethodGet {
			w.Write(body)
		}
	}
}

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
)

//go:embed page.html
var pageHTML string

// NewPage returns the status page. It answers GET and HEAD of "/" exactly; show
// is called once for each.
func NewPage(logger log.Logger, telemetryPath string, show func() Report) http.Handler {
	page := template.Must(template.New("page").Parse(pageHTML))
	render := func(out *bytes.Buffer, r Report) error { return page.Execute(out, newView(&r, telemetryPath)) }
	answer := newAnswer(logger, "text/html; charset=utf-8", render, show)
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.URL.Path != "/" {
			http.NotFound(w, request)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		answer(w, request)
	})
}

// NewFindingsHandler returns the findings as JSON, for GET and HEAD.
func NewFindingsHandler(logger log.Logger, show func() Report) http.Handler {
	render := func(out *bytes.Buffer, r Report) error { return JSON(out, r) }
	return newAnswer(logger, "application/json; charset=utf-8", render, show)
}

// newAnswer renders to memory first: an error must not leave half a page.
func newAnswer(logger log.Logger, contentType string, render func(*bytes.Buffer, Report) error, show func() Report) http.HandlerFunc {
	var failed sync.Once
	return func(w http.ResponseWriter, request *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if request.Method != http.MethodGet && request.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are answered", http.StatusMethodNotAllowed)
			return
		}
		var out bytes.Buffer
		if err := render(&out, show()); err != nil {
			failed.Do(func() {
				level.Error(logger).Log("msg", "a report could not be rendered", "path", request.URL.Path, "err", err)
			})
			http.Error(w, "the report could not be rendered; see the exporter's log", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(out.Len()))
		if request.Method == http.MethodGet {
			w.Write(out.Bytes())
		}
	}
}

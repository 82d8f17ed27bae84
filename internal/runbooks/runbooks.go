// Package runbooks serves the runbooks of the alerts as pages: whoever reaches the exporter has them, also where
// nothing leads to the outside.
package runbooks

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/web"
)

//go:embed page.html
var pageHTML string

type page struct {
	Title string
	List  string // the path of all
	Body  template.HTML
}

// NewHandler returns the pages below a path that ends with a slash, by the names of their alerts, and at the path itself
// a list of them. The texts are Markdown and our own. It fails on one that cannot be rendered.
func NewHandler(path string, texts map[string][]byte) (http.Handler, error) {
	layout, err := template.New("runbook").Parse(pageHTML)
	if err != nil {
		return nil, err
	}
	markdown := goldmark.New(goldmark.WithExtensions(extension.Table))
	pages := map[string][]byte{}
	render := func(name, title, text string) error {
		var body, whole bytes.Buffer
		if err := markdown.Convert([]byte(text), &body); err != nil {
			return fmt.Errorf("render the runbook %s: %w", name, err)
		}
		if err := layout.Execute(&whole, page{title, path, template.HTML(body.String())}); err != nil { //nolint:gosec // from a text of this repository, in which goldmark leaves no HTML
			return fmt.Errorf("render the runbook %s: %w", name, err)
		}
		pages[name] = whole.Bytes()
		return nil
	}
	var list strings.Builder
	list.WriteString("# Runbooks\n\nWhat each alert means, how sure it is, what to run and what to do.\n\n")
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		fmt.Fprintf(&list, "- [%s](%s)\n", name, path+name)
		if err := render(name, name, string(texts[name])); err != nil {
			return nil, err
		}
	}
	if err := render("", "Runbooks", list.String()); err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if !web.OnlyReads(w, request) {
			return
		}
		name, _ := strings.CutPrefix(request.URL.Path, path)
		body, found := pages[strings.TrimSuffix(name, ".md")]
		if !found {
			http.Error(w, "there is no such runbook; "+path+" lists them", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Security-Policy", web.PagePolicy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		if request.Method == http.MethodGet {
			w.Write(body)
		}
	}), nil
}

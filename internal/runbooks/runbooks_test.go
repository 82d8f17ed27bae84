package runbooks

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func get(handler http.Handler, method, path string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(method, path, nil))
	return answer
}

func TestHandler(t *testing.T) {
	t.Parallel()
	handler, err := NewHandler("/runbooks/", map[string][]byte{
		"B": []byte("# B\n\n| a | b |\n| --- | --- |\n| `x < y` | 2 |\n\n<script>alert(1)</script>\n"),
		"A": []byte("# A\n\n1. first\n2. `kill -9`\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path string
		code         int
		holds        []string
		not          string
	}{
		{http.MethodGet, "/runbooks/A", http.StatusOK, []string{"<title>A - ", "<h1>A</h1>", "<li>first</li>", "<code>kill -9</code>", `href="/"`}, ""},
		{http.MethodGet, "/runbooks/A.md", http.StatusOK, []string{"<h1>A</h1>"}, ""},
		{http.MethodGet, "/runbooks/B", http.StatusOK, []string{"<td><code>x &lt; y</code></td>"}, "<script"},
		{http.MethodGet, "/runbooks/", http.StatusOK, []string{`<a href="/runbooks/A">A</a>`, `<a href="/runbooks/B">B</a>`}, ""},
		{http.MethodGet, "/runbooks/C", http.StatusNotFound, []string{"no such runbook"}, "<"},
		{http.MethodGet, "/runbooks/A/../../x", http.StatusNotFound, nil, ""},
		{http.MethodPost, "/runbooks/A", http.StatusMethodNotAllowed, nil, ""},
		{http.MethodHead, "/runbooks/A", http.StatusOK, nil, "A"},
	} {
		answer := get(handler, c.method, c.path)
		body := answer.Body.String()
		if answer.Code != c.code {
			t.Errorf("%s %s: %d", c.method, c.path, answer.Code)
		}
		for _, want := range c.holds {
			if !strings.Contains(body, want) {
				t.Errorf("%s %s lacks %q:\n%s", c.method, c.path, want, body)
			}
		}
		if c.not != "" && strings.Contains(body, c.not) {
			t.Errorf("%s %s has %q:\n%s", c.method, c.path, c.not, body)
		}
		if c.code == http.StatusOK && !strings.Contains(answer.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s %s may load and run what it likes: %v", c.method, c.path, answer.Header())
		}
	}
}

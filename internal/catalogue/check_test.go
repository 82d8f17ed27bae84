package catalogue

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"{shows: [a]}":                                           "set either get or send",
		"{get: /a, send: b, shows: [a]}":                         "set either get or send",
		"{get: a, shows: [a]}":                                   `"a" is not a path`,
		"{get: 'http://192.0.2.1/', shows: [a]}":                 "is not a path",
		"{get: '/a b', shows: [a]}":                              "is not a path",
		`{get: "/a\r\nX: y", shows: [a]}`:                        "is not a path",
		"{get: '/" + strings.Repeat("a", 256) + "', shows: [a]}": "at most 256 bytes",
		"{get: /a}":                                                         "set shows or contains",
		"{get: /a, shows: ['']}":                                            "an empty text would match everything",
		"{get: /a, shows: [a], closed: ['']}":                               "an empty text would match everything",
		"{get: /a, contains: ['']}":                                         "an empty text would match everything",
		"{get: /a, shows: [a,b,c,d,e,f,g,h,i]}":                             "at most 8 entries",
		"{get: /a, shows: [a.b.c.d.e.f.g.h.i]}":                             "at most 8 levels",
		"{send: a, shows: [a, b]}":                                          "set one text in shows",
		"{send: a, contains: [a]}":                                          "set one text in shows",
		"{get: /a, shows: [a], lowered: {when: b}}":                         "set because, and open: true",
		"{get: /a, shows: [a], lowered: {because: b}}":                      "set because, and open: true",
		"{get: /a, shows: [a], open: true, lowered: {when: b}}":             "set because, and open: true",
		"{send: a, shows: [a], open: true, lowered: {when: b, because: c}}": "when is only for get",
	} {
		if err := parse(t, content).Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", content, err, want)
		}
	}
	for _, content := range []string{
		"{get: '/a?b=c', shows: [a, 'b=c=d'], closed: [x], open: true, version: a.b, lowered: {because: c}}",
		"{get: /, contains: [a], tls: true}",
		`{send: "a\r\n", shows: [a], closed: [b, c], open: true, version: "a "}`,
	} {
		if err := parse(t, content).Validate(); err != nil {
			t.Errorf("%s: %v", content, err)
		}
	}
}

func parse(t *testing.T, content string) *Check {
	t.Helper()
	var check Check
	if err := yaml.Unmarshal([]byte(content), &check); err != nil {
		t.Fatalf("%s: %v", content, err)
	}
	return &check
}

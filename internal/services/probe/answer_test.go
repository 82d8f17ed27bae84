package probe

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

var testChecks = []catalogue.Check{
	{Get: "/", Shows: []string{"name", "mode=open"}, Open: true, Version: "version", Lowered: &catalogue.Lowered{When: "less=true", Because: "It gives less."}},
	{Get: "/", Contains: []string{"Welcome"}, Closed: []string{"Log in"}, Open: true, Version: "Version "},
	{Send: "PING\r\n", Shows: []string{"+PONG"}, Closed: []string{"-NOAUTH"}, Open: true, Version: "v="},
}

func TestJudge(t *testing.T) {
	t.Parallel()
	const json, page, text = 0, 1, 2
	ok := func(body string) string { return "HTTP/1.1 200 OK\r\n\r\n" + body }
	app := func(auth model.Auth, version, lowered string) reply {
		return reply{app: true, auth: auth, version: version, lowered: lowered}
	}
	other := reply{auth: model.AuthUnknown, other: true}
	wantsTLS := reply{auth: model.AuthUnknown, other: true, tls: true}
	required := reply{auth: model.AuthRequired}
	redirect := func(location string) string { return "HTTP/1.1 302 Found\r\nLocation: " + location + "\r\n\r\n" }
	for _, test := range []struct {
		name   string
		check  int
		answer string
		want   reply
	}{
		{"open", json, ok(`{"name":1,"mode":"open","version":"1.2"}`), app(model.AuthNone, "1.2", "")},
		{"lowered", json, ok(`{"name":1,"mode":"open","less":true}`), app(model.AuthNone, "", "It gives less.")},
		{"null is not there", json, ok(`{"name":null,"mode":"open"}`), other},
		{"another value", json, ok(`{"name":1,"mode":"opened"}`), other},
		{"chunked", json, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n19\r\n" + `{"name":1,"mode":"open"} ` + "\r\n0\r\n\r\n", app(model.AuthNone, "", "")},
		{"after 100 and 103", json, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok(`{"name":1,"mode":"open"}`), app(model.AuthNone, "", "")},
		{"hostile version", json, ok(`{"name":1,"mode":"open","version":"` + strings.Repeat("9", 99) + `"}`), app(model.AuthNone, strings.Repeat("9", 32), "")},
		{"version of control characters", json, ok(`{"name":1,"mode":"open","version":"1\u001b[31m\u202e2"}`), app(model.AuthNone, "1", "")},
		{"compressed though not asked for", json, ok("\x1f\x8b\x08\x00garbage"), other},
		{"a page", page, ok("Welcome to Version 1.2, dear"), app(model.AuthNone, "1.2", "")},
		{"a page that asks", page, ok("Welcome, Log in"), required},
		{"no page", page, ok(""), other},
		{"401", json, "HTTP/1.1 401 Unauthorized\r\n\r\n" + `{"name":1,"mode":"open"}`, required},
		{"403", json, "HTTP/1.1 403 Forbidden\r\n\r\n", required},
		{"407", json, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", required},
		{"to a login", json, redirect("/login?next=/"), required},
		{"to Jenkins' login", json, redirect("/securityRealm/commenceLogin?from=/"), required},
		{"to another host's", json, redirect("https://sso.example.com/"), required},
		{"to OAuth", json, redirect("/oauth2/start"), required},
		{"to an author", json, redirect("/author/lesson"), other},
		{"to a login only in the query", json, redirect("/?from=login"), other},
		{"to HTTPS at a port", json, redirect("https://192.0.2.1:8081/config"), wantsTLS},
		{"to HTTPS elsewhere", json, redirect("https://192.0.2.1/config"), other},
		{"to nowhere", json, redirect("://"), other},
		{"404", json, "HTTP/1.1 404 Not Found\r\n\r\n" + `{"name":1,"mode":"open"}`, other},
		{"101", json, "HTTP/1.1 101 Switching Protocols\r\n\r\n", other},
		{"400 of a TLS server", json, "HTTP/1.1 400 Bad Request\r\n\r\nThe plain HTTP request was sent to HTTPS port", wantsTLS},
		{"another 400", json, "HTTP/1.1 400 Bad Request\r\n\r\nno", other},
		{"a TLS alert", json, "\x15\x03\x01\x00\x02\x02\x46", wantsTLS},
		{"no HTTP", json, "SSH-2.0-OpenSSH_9.6\r\n", other},
		{"bad HTTP", json, "HTTP/1.1 abc\r\n\r\n", other},
		{"a length that is none", json, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", other},
		{"PONG", text, "+PONG\r\n", app(model.AuthNone, "", "")},
		{"NOAUTH", text, "-NOAUTH Authentication required.\r\n", reply{app: true, auth: model.AuthRequired}},
		{"another line", text, "-ERR unknown command\r\n", other},
		{"PONG later", text, "hello\r\n+PONG\r\n", other},
		{"an endless line", text, strings.Repeat("x", 2*4096), other},
	} {
		for mode, reader := range map[string]io.Reader{
			"at once":      strings.NewReader(test.answer),
			"byte by byte": iotest.OneByteReader(strings.NewReader(test.answer)),
		} {
			got := interpret(&testChecks[test.check], reader)
			if got != test.want {
				t.Errorf("%s, %s: got %+v, want %+v", test.name, mode, got, test.want)
			}
		}
	}
}

// TestJudgeCutOff shows that a beginning is enough where all is in it.
func TestJudgeCutOff(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
	for answer, want := range map[string]model.Auth{
		head + `{"name":1,"mode":"open","list":[1,2`: model.AuthNone,
		head + `{"name":1,"list":[1,2`:               model.AuthUnknown,
		"HTTP/1.1 2":                                 model.AuthUnknown,
		head:                                         model.AuthUnknown,
	} {
		got := interpret(&testChecks[0], strings.NewReader(answer))
		if got.auth != want || got.other || (got.failure == "") != (want == model.AuthNone) {
			t.Errorf("%q: %+v", answer, got)
		}
	}
}

// FuzzJudge gives any bytes as an answer.
func FuzzJudge(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n"))
	f.Add([]byte("HTTP/1.1 302 Found\r\nLocation: https://x:1/login\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\n\r\n{\"name\":1,\"mode\":\"open\",\"version\":\"\\u0000\"}"))
	f.Add([]byte("+PONG v=\x1b[31m\r\n"))
	f.Add([]byte("\x15\x03\x01"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		for i := range testChecks {
			got := interpret(&testChecks[i], bytes.NewReader(answer))
			switch {
			case got.auth != model.AuthNone && got.auth != model.AuthRequired && got.auth != model.AuthUnknown:
				t.Errorf("auth %q", got.auth)
			case got.auth == model.AuthNone && !got.app:
				t.Error("open, and not the app's")
			case got.other && (got.app || got.auth != model.AuthUnknown):
				t.Errorf("contradiction: %+v", got)
			case got.auth == model.AuthUnknown && !got.app && !got.other && got.failure == "":
				t.Error("no reason is given")
			case len(got.version) > maxVersion || strings.ContainsFunc(got.version, func(r rune) bool { return r <= ' ' || r > '~' }):
				t.Errorf("version %q", got.version)
			case got.auth == model.AuthNone && i < 2 && !bytes.Contains(answer, []byte(" 2")):
				t.Errorf("open without a status like %d", http.StatusOK)
			}
		}
	})
}

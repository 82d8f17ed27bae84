package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func incident() Message {
	return Message{
		Host: "worker-3", Version: "0.1.0", Time: noon, Page: "http://worker-3:10042/",
		Findings: []Finding{{
			Rule: "known_miner_name", Title: "/tmp/kdevtmpfsi (pid 4711, user flink) is a miner or belongs to one",
			Facts:    []Fact{{"pid", "4711"}, {"kept alive by", "/var/tmp/kinsing (pid 812)"}},
			Evidence: []string{"It is called <kdevtmpfsi> & runs from /tmp."}, Document: map[string]string{"id": "suspect:6e25"},
		}},
	}
}

// sent is what a receiver gets.
func sent(t *testing.T, f Format, m Message) (body string, header http.Header) {
	t.Helper()
	request, err := f.request(context.Background(), &url.URL{Scheme: "https", Host: "h", Path: "/x"}, m)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(request.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content), request.Header
}

func decoded(t *testing.T, body string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return out
}

func TestFormats(t *testing.T) {
	t.Parallel()
	const title = "Critical finding on worker-3: known_miner_name"
	const body = "/tmp/kdevtmpfsi (pid 4711, user flink) is a miner or belongs to one\npid: 4711\nkept alive by: /var/tmp/kinsing (pid 812)\n" +
		"- It is called <kdevtmpfsi> & runs from /tmp.\nWhat to do: http://worker-3:10042/"

	plain, header := sent(t, Ntfy, incident())
	if diff := cmp.Diff(body, plain); diff != "" {
		t.Error(diff)
	}
	if header.Get("Title") != title || header.Get("Priority") != "urgent" || header.Get("Click") != "http://worker-3:10042/" || header.Get("Markdown") != "" {
		t.Errorf("%v", header)
	}

	d, _ := sent(t, JSON, incident())
	if diff := cmp.Diff(map[string]any{
		"schema_version": 1.0, "event": "raised", "host": "worker-3", "version": "0.1.0", "time": "2026-11-23T12:00:00Z", "text": title + "\n" + body,
		"page": "http://worker-3:10042/", "findings": []any{map[string]any{"id": "suspect:6e25"}},
	}, decoded(t, d)); diff != "" {
		t.Error(diff)
	}

	slack, _ := sent(t, Slack, incident())
	blocks := decoded(t, slack)["blocks"].([]any)
	section := blocks[1].(map[string]any)["text"].(map[string]any)
	if section["type"] != "plain_text" || section["text"] != strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(body) {
		t.Errorf("%v", section)
	}

	chat, _ := sent(t, Mattermost, incident())
	if got := decoded(t, chat)["text"]; got != ":rotating_light: **cryptojack_exporter: a critical finding**\n```text\n"+title+"\n"+body+"\n```" {
		t.Errorf("%v", got)
	}
}

// TestMany: one message tells of many, and says how many it does not list.
func TestMany(t *testing.T) {
	t.Parallel()
	m := incident()
	for i := range 40 {
		f := m.Findings[0]
		f.Title, f.Rule = fmt.Sprintf("/tmp/%d is a miner", i), fmt.Sprintf("rule_%d", i)
		m.Findings = append(m.Findings, f)
	}
	body, header := sent(t, Ntfy, m)
	if lines := strings.Split(body, "\n"); len(lines) != maxListed+2 || lines[maxListed] != "and 31 more" || !strings.HasPrefix(header.Get("Title"), "41 critical findings on worker-3: known_miner_name, rule_0") {
		t.Errorf("%s\n%v", body, header)
	}
	m.Ended, m.Page = true, ""
	body, header = sent(t, Ntfy, m)
	if !strings.Contains(body, "cryptojack_exporter scan") || header.Get("Priority") != "default" || !strings.HasPrefix(header.Get("Title"), "41 critical findings ended on") {
		t.Errorf("%s\n%v", body, header)
	}
}

// FuzzFormats: whatever somebody calls his program, it is text for whoever reads the message: no markup, no mention, no line that
// is not one of ours, and no more than the receiver takes.
func FuzzFormats(f *testing.F) {
	for _, hostile := range []string{
		"", "<!channel> <https://evil.example|click> & more", "```\n@all # heading [x](https://evil.example)", "````text", strings.Repeat("`", 500), "\x00\xff\r\nX-Header: y",
		strings.Repeat("ä", 3000), "*bold* _it_ ~st~ `code`", "\u202egnp.exe", "=?utf-8?q?forged?=", "日本語のプログラム",
	} {
		f.Add(hostile, hostile, hostile, uint8(3), false)
	}
	f.Fuzz(func(t *testing.T, title, fact, host string, count uint8, ended bool) {
		m := Message{Ended: ended, Host: text.Escape(host), Time: noon}
		for range count%70 + 1 {
			m.Findings = append(m.Findings, Finding{
				Rule: "known_miner_name", Title: text.Escape(title), Facts: []Fact{{"path", text.Escape(fact)}}, Evidence: []string{text.Escape(fact), text.Escape(title)}, Document: 1,
			})
		}
		known := m.title() + "\n" + m.text()
		if !utf8.ValidString(known) || len(m.text()) > maxText+200 || len(m.title()) > maxTitle {
			t.Fatalf("%d bytes of text, %d of title, or no UTF-8: %q", len(m.text()), len(m.title()), known)
		}
		for _, line := range strings.Split(known, "\n") {
			if text.Escape(line) != line {
				t.Errorf("%q can mislead", line)
			}
		}

		body, header := sent(t, Ntfy, m)
		decodedTitle, err := new(mime.WordDecoder).DecodeHeader(header.Get("Title"))
		if err != nil || body != m.text() {
			t.Errorf("%v: %q", err, header.Get("Title"))
		}
		if decodedTitle != m.title() && !strings.Contains(m.title(), "=?") {
			t.Errorf("the title reads %q, not %q", decodedTitle, m.title())
		}
		for name, values := range header {
			for _, value := range values {
				if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
					t.Errorf("the header %s is %q", name, value)
				}
			}
		}

		slack, _ := sent(t, Slack, m)
		all := decoded(t, slack)
		texts := []string{all["text"].(string)}
		for _, block := range all["blocks"].([]any) {
			object := block.(map[string]any)["text"].(map[string]any)
			if object["type"] != "plain_text" {
				t.Errorf("%v", object)
			}
			texts = append(texts, object["text"].(string))
		}
		for _, shown := range texts {
			if strings.ContainsAny(shown, "<>") {
				t.Errorf("%q holds markup of Slack", shown)
			}
			if strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(shown) != map[bool]string{true: m.title(), false: m.text()}[shown != texts[2]] {
				t.Errorf("%q is not what was told", shown)
			}
		}

		chat, _ := sent(t, Mattermost, m)
		lines := strings.Split(decoded(t, chat)["text"].(string), "\n")
		fence := strings.TrimSuffix(lines[1], "text")
		if strings.Trim(fence, "`") != "" || len(fence) < 3 || lines[len(lines)-1] != fence {
			t.Fatalf("%q", lines)
		}
		if inside := strings.Join(lines[2:len(lines)-1], "\n"); inside != known || strings.Contains(inside, fence) {
			t.Errorf("%q leaves its block", inside)
		}

		if d := decoded(t, func() string { body, _ := sent(t, JSON, m); return body }()); d["text"] != known || len(d["findings"].([]any)) != len(m.Findings) {
			t.Errorf("%v", d)
		}
	})
}

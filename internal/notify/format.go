package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Format is the form of a message that a receiver takes.
type Format string

// The formats.
const (
	JSON       Format = "json"
	Slack      Format = "slack"
	Ntfy       Format = "ntfy"
	Mattermost Format = "mattermost"
)

// Formats lists every format.
func Formats() []Format { return []Format{JSON, Slack, Ntfy, Mattermost} }

const (
	schemaVersion = 1    // of Format JSON; it grows when a field changes its meaning or goes away
	maxListed     = 10   // findings of which the text of one message tells
	maxEvidence   = 5    // sentences of one finding
	maxLine       = 400  // bytes
	maxText       = 2800 // bytes of a text; Slack takes 3,000 characters, ntfy 4,096 bytes
	maxTitle      = 140  // bytes; Slack takes 150 characters
)

// Finding is what a message tells of a finding. All text of it is valid UTF-8 on one line (text.Escape).
type Finding struct {
	Rule     string // one of a closed set
	Title    string
	Facts    []Fact
	Evidence []string
	Document any // the finding as /api/v1/findings has it; for Format JSON
}

// Fact is one line about a finding.
type Fact struct{ Name, Value string }

// Message is what is posted.
type Message struct {
	Ended    bool // else they were raised
	Host     string
	Version  string
	Time     time.Time
	Page     string
	Findings []Finding // at least one
}

// document is Format JSON.
type document struct {
	SchemaVersion int       `json:"schema_version"`
	Event         string    `json:"event"` // raised or ended
	Host          string    `json:"host"`
	Version       string    `json:"version"`
	Time          time.Time `json:"time"`
	Text          string    `json:"text"` // for people
	Page          string    `json:"page,omitempty"`
	Findings      []any     `json:"findings"` // as in /api/v1/findings
}

// request makes the request of a message.
func (f Format) request(ctx context.Context, to *url.URL, m Message) (*http.Request, error) {
	if f == Ntfy {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), strings.NewReader(m.text()))
		if err != nil {
			return nil, err
		}
		// ntfy decodes what RFC 2047 encodes; a header holds nothing else but ASCII.
		request.Header.Set("Title", mime.QEncoding.Encode("utf-8", m.title()))
		request.Header.Set("Content-Type", "text/plain; charset=utf-8")
		request.Header.Set("Tags", "rotating_light")
		request.Header.Set("Priority", "urgent")
		if m.Ended {
			request.Header.Set("Tags", "white_check_mark")
			request.Header.Set("Priority", "default")
		}
		if m.Page != "" {
			request.Header.Set("Click", m.Page)
		}
		return request, nil
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(f.body(m)); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), &body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	return request, nil
}

// body is what is encoded as JSON.
func (f Format) body(m Message) any {
	switch f {
	case Slack:
		return slackBody(m)
	case Mattermost:
		return map[string]string{"text": mattermostText(m)}
	default:
		d := document{
			SchemaVersion: schemaVersion, Event: "raised", Host: m.Host, Version: m.Version, Time: m.Time.UTC(), Text: m.title() + "\n" + m.text(), Page: m.Page, Findings: []any{},
		}
		if m.Ended {
			d.Event = "ended"
		}
		for i := range m.Findings {
			d.Findings = append(d.Findings, m.Findings[i].Document)
		}
		return d
	}
}

// slackText is text as Slack wants it: <, > and & make links, mentions and entities.
func slackText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// slackBody has blocks of plain text, in which Slack knows no markup; the first text is for its notifications.
func slackBody(m Message) any {
	plain := func(s string) map[string]any {
		return map[string]any{"type": "plain_text", "text": slackText(s), "emoji": false}
	}
	return map[string]any{
		"text": slackText(m.title()), "mrkdwn": false, "link_names": false, "parse": "none", "unfurl_links": false, "unfurl_media": false,
		"blocks": []any{
			map[string]any{"type": "header", "text": plain(m.title())},
			map[string]any{"type": "section", "text": plain(m.text())},
		},
	}
}

// mattermostText has what others chose in a block of code, in which Mattermost knows neither markup nor mentions. Only the
// fence could end it, so it is longer than any in the text.
func mattermostText(m Message) string {
	content := m.title() + "\n" + m.text()
	fence := "```"
	for strings.Contains(content, fence) {
		fence += "`"
	}
	word := ":rotating_light: **cryptojack_exporter: a critical finding**"
	if m.Ended {
		word = ":white_check_mark: **cryptojack_exporter: a critical finding has ended**"
	}
	return word + "\n" + fence + "text\n" + content + "\n" + fence
}

// title is one line: of what kind, and where.
func (m *Message) title() string {
	var rules []string
	for i := range m.Findings {
		if !slices.Contains(rules, m.Findings[i].Rule) {
			rules = append(rules, m.Findings[i].Rule)
		}
	}
	what := "critical finding"
	if n := len(m.Findings); n > 1 {
		what = fmt.Sprintf("%d critical findings", n)
	}
	if m.Ended {
		what += " ended"
	}
	return cut(fmt.Sprintf("%s on %s: %s", upperFirst(what), cut(m.Host, 64), strings.Join(rules, ", ")), maxTitle)
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// text tells of the findings, the first in full if it is the only one, and where to read on. Each of its lines is one of
// ours: no text that somebody else chose holds a newline.
func (m *Message) text() string {
	var lines []string
	left := maxText
	add := func(line string) bool {
		line = cut(line, maxLine)
		if left -= len(line) + 1; left < 0 {
			return false
		}
		lines = append(lines, line)
		return true
	}
	var end []string
	if m.Page != "" {
		end = append(end, "What to do: "+cut(m.Page, maxLine))
	} else {
		end = append(end, "What to do: run `sudo cryptojack_exporter scan` on that host, or open the exporter's page there")
	}
	left -= len(end[0]) + 1
	listed := 0
	for i := range m.Findings {
		f := &m.Findings[i]
		if listed == maxListed || !add(f.Title) {
			break
		}
		listed++
		if len(m.Findings) > 1 || m.Ended {
			continue
		}
		for _, fact := range f.Facts {
			add(fact.Name + ": " + fact.Value)
		}
		for _, sentence := range f.Evidence[:min(len(f.Evidence), maxEvidence)] {
			add("- " + sentence)
		}
	}
	if more := len(m.Findings) - listed; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(append(lines, end...), "\n")
}

// cut shortens on a character.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	at := most - len("...")
	for at > 0 && !utf8.RuneStart(s[at]) {
		at--
	}
	return s[:at] + "..."
}

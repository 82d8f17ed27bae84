package report

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/tuning"
)

// reasonPlaceholder is for whoever pastes an entry of the allow list.
const reasonPlaceholder = "say why, and who knows"

// allowAdvice says what the allow list does about a process, and which entry would fit.
func (p *printer) allowAdvice(advice *tuning.AllowAdvice) {
	p.title("Allow list")
	for i := range advice.Matches {
		p.wrapped("  ", 4, matchText(&advice.Matches[i]))
	}
	if len(advice.Matches) == 0 {
		p.line("  No entry names it.")
	}
	if advice.Fits == nil {
		return
	}
	p.line("  This entry would lower it:")
	p.line("")
	for _, line := range yamlEntry(advice.Fits) {
		p.line("    " + line)
	}
	for i, sentence := range adviceSentences(advice) {
		if i == 0 {
			p.line("")
		}
		p.wrapped("  - ", 4, text.Escape(sentence))
	}
}

func matchText(match *tuning.AllowMatch) string {
	words := "An entry"
	if place := match.Place(); place != "" {
		words = place
	}
	words += " names it: " + match.String()
	switch end := match.End(); {
	case match.Ended:
		words += ". It ended " + end + " and lowers nothing any more"
	case end != "":
		words += ". It ends " + end
	}
	return words + "."
}

// adviceSentences are what to think of before the entry is used.
func adviceSentences(advice *tuning.AllowAdvice) []string {
	sentences := advice.Doubts
	if len(advice.Others) > 0 {
		words := "It names other suspects too, which run now: " + strings.Join(advice.Others, ", ")
		if advice.More > 0 {
			words += fmt.Sprintf(" and %d more", advice.More)
		}
		sentences = append(sentences[:len(sentences):len(sentences)], words+".")
	}
	return sentences
}

// yamlEntry writes an entry of the allow list for the configuration, line by line.
func yamlEntry(a *policy.Allow) []string {
	lines := []string{"allow:"}
	add := func(field, value string) {
		start := "    "
		if len(lines) == 1 {
			start = "  - "
		}
		lines = append(lines, start+field+": "+value)
	}
	for _, field := range a.Fields() {
		add(field.Name, yamlString(field.Value))
	}
	if a.Containers {
		add("containers", "true")
	}
	add("reason", yamlString(reasonPlaceholder))
	add("until", a.Until.AddDate(0, 0, -1).Format(time.DateOnly)) // the last day
	return lines
}

// yamlString makes one line of YAML of any string, which shows nothing that could
// mislead a reader and gives the same bytes when it is read.
func yamlString(s string) string {
	switch {
	case !utf8.ValidString(s):
		return "!!binary '" + base64.StdEncoding.EncodeToString([]byte(s)) + "'"
	case text.Escape(s) == s && !strings.ContainsAny(s, "\uFFFE\uFFFF"): // which no YAML may hold as they are
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString("\\" + string(r))
		case r >= ' ' && r <= '~':
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return `"` + b.String() + `"`
}

type jsonAllowAdvice struct {
	Matches []jsonAllowMatch `json:"matches"` // entries that name the process
	Fits    string           `json:"fits"`    // YAML of an entry that would lower it; "" for none
	Doubts  []string         `json:"doubts"`  // what to think of before it is used
}

type jsonAllowMatch struct {
	Line   int    `json:"line"` // of the configuration, from 1
	Entry  string `json:"entry"`
	Reason string `json:"reason"`
	Ended  bool   `json:"ended"`
}

func newJSONAllowAdvice(advice *tuning.AllowAdvice) jsonAllowAdvice {
	out := jsonAllowAdvice{Matches: []jsonAllowMatch{}, Doubts: escapeAll(adviceSentences(advice))}
	for i := range advice.Matches {
		match := &advice.Matches[i]
		out.Matches = append(out.Matches, jsonAllowMatch{match.Line, match.String(), text.Escape(match.Reason), match.Ended})
	}
	if advice.Fits != nil {
		out.Fits = strings.Join(yamlEntry(advice.Fits), "\n") + "\n"
	}
	return out
}

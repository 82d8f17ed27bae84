package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// view is what the page shows. Every string is escaped by package text, and
// again by the template.
type view struct {
	Host, Version, Time, TelemetryPath string
	Clock                              string // Time as HTML's
	Tone, Word, Headline               string
	First, Last                        []numberedStep
	Steps                              int // how many there are
	Suspects                           []card
	MoreSuspects                       int
	Files, Exposed, Entries, Others    []card
	Notes                              []string
	MoreNotes                          int
	Earlier                            []earlierView
	MoreEarlier                        int
	EarlierNote                        string
	PlanNote, Withheld                 string
	Coverage                           []coverageView
	Blind                              []string
}

// coverageView is one line of what could be seen. Tone is "good", "blind" or
// "none".
type coverageView struct {
	Name, Value, Tone string
}

func newView(of Report, telemetryPath string) view {
	shown := of.forAudience()
	r := &shown
	v := view{
		Host: text.Label(r.Hostname), Version: text.Escape(r.Version), Time: timeText(r.Now), Clock: r.Now.UTC().Format(time.RFC3339), TelemetryPath: telemetryPath,
		Headline: capital(r.headline()), PlanNote: planNote, Coverage: r.coverage(), Blind: r.blindness(),
		Files: cardsOf(r.files()), Exposed: cardsOf(r.exposedServices()), Entries: cardsOf(r.entries()), Others: cardsOf(r.others()),
	}
	v.Suspects, v.MoreSuspects = r.suspectCards()
	v.plan(r)
	if r.Audience == Public {
		v.Withheld = withheld
	}
	v.Tone, v.Word = string(r.verdict()), capital(string(r.verdict()))
	switch {
	case r.Findings == nil:
		v.Word, v.Headline = "Looking", "The first sample is not finished. This page looks again by itself until it is."
	case r.verdict() == verdictOK && r.isBlind():
		v.Tone, v.Word = "partial", "Nothing found, but not all was seen"
	case r.verdict() == verdictOK:
		v.Word = "All quiet"
	}
	v.Earlier, v.MoreEarlier = r.earlier()
	v.EarlierNote = text.Escape(r.HistoryNote)
	notes := r.notes()
	if len(notes) > maxNotes {
		v.MoreNotes = len(notes) - maxNotes
		notes = notes[:maxNotes]
	}
	for _, finding := range notes {
		v.Notes = append(v.Notes, noteText(finding))
	}
	return v
}

// isBlind tells whether a quiet verdict would promise too much.
func (r *Report) isBlind() bool {
	if len(r.blindness()) > 0 {
		return true
	}
	for _, line := range r.coverage() {
		if line.Tone == "blind" {
			return true
		}
	}
	return false
}

// coverage lists each sensor with its age and each aspect with its share.
func (r *Report) coverage() []coverageView {
	var lines []coverageView
	for _, sensor := range r.sensors() {
		line := coverageView{sensor.Title, "off, or its first sample is not finished", "blind"}
		if sensor.Meta != nil {
			line.Value = fmt.Sprintf("%s, %s ago", sensor.LookedAt, span(r.Now.Sub(sensor.Meta.Time)))
			line.Tone = "good"
		}
		if sensor.overdue(r.Now) {
			line.Value += ": overdue"
			line.Tone = "blind"
		}
		lines = append(lines, line)
	}
	for _, share := range r.aspects() {
		line := coverageView{share.Title, fmt.Sprintf("all %d", share.Total), "good"}
		switch {
		case share.Total == 0:
			line.Value, line.Tone = "nothing to look at", "none"
		case share.Readable < share.Total:
			line.Value, line.Tone = fmt.Sprintf("%d of %d", share.Readable, share.Total), "blind"
		}
		lines = append(lines, line)
	}
	return lines
}

func capital(s string) string {
	if s == "ok" {
		return "OK"
	}
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

package report

import (
	"fmt"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// view is what the page shows. Every string is escaped by package text, and
// again by the template.
type view struct {
	Host, Version, Time, TelemetryPath string
	Tone, Word, Headline               string
	Suspects                           []suspectView
	MoreSuspects                       int
	Files, Exposed, Entries            []findingView
	Others, Notes                      []findingView
	MoreNotes                          int
	Earlier                            []earlierView
	MoreEarlier                        int
	Plan                               []Step
	PlanNote, Withheld                 string
	Coverage                           []coverageView
	Blind                              []string
}

type suspectView struct {
	Severity, Title string
	Runbook         string // path
	Evidence        []string
	Facts           []fact
	Chain           []string
}

type findingView struct {
	Severity, Title string
	Runbook         string // path; "" if there is none
	Evidence        []string
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
		Host: text.Label(r.Hostname), Version: text.Escape(r.Version), Time: timeText(r.Now), TelemetryPath: telemetryPath,
		Headline: capital(r.headline()), Plan: shortPlan(*r), PlanNote: planNote, Coverage: r.coverage(), Blind: r.blindness(),
		Files: findingViews(r.files()), Exposed: findingViews(r.exposedServices()),
		Entries: findingViews(r.entries()), Others: findingViews(r.others()),
	}
	if r.Audience == Public {
		v.Withheld = withheld
	}
	v.Tone, v.Word = string(r.verdict()), capital(string(r.verdict()))
	switch {
	case r.Findings == nil:
		v.Word, v.Headline = "Looking", "The first sample is not finished. This page reloads by itself."
	case r.verdict() == verdictOK && r.isBlind():
		v.Tone, v.Word = "partial", "Nothing found, but not all was seen"
	case r.verdict() == verdictOK:
		v.Word = "All quiet"
	}
	for i, finding := range r.suspects() {
		if i == maxShown {
			v.MoreSuspects = len(r.suspects()) - maxShown
			break
		}
		v.Suspects = append(v.Suspects, suspectView{
			Severity: string(finding.Severity), Title: text.Escape(finding.Title), Evidence: escapeAll(finding.Evidence),
			Facts: r.facts(finding), Chain: chain(finding.Suspect), Runbook: runbookPath(finding),
		})
	}
	v.Earlier, v.MoreEarlier = r.earlier()
	notes := r.notes()
	if len(notes) > maxNotes {
		v.MoreNotes = len(notes) - maxNotes
		notes = notes[:maxNotes]
	}
	for _, finding := range notes {
		v.Notes = append(v.Notes, findingView{Severity: string(finding.Severity), Title: noteText(finding)})
	}
	return v
}

func findingViews(list []*model.Finding) []findingView {
	views := make([]findingView, 0, min(len(list), maxShown+1))
	for i, finding := range list {
		if i == maxShown {
			views = append(views, findingView{Severity: string(model.Info), Title: fmt.Sprintf("and %d more, in the findings as JSON", len(list)-maxShown)})
			break
		}
		views = append(views, findingView{string(finding.Severity), text.Escape(finding.Title), runbookPath(finding), escapeAll(finding.Evidence)})
	}
	return views
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

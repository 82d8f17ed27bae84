package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// view is what the page shows. Every string is escaped by package text, and
// again by the template.
type view struct {
	Host, Version, Time, TelemetryPath string
	Tone, Word, Headline               string
	Suspects                           []suspectView
	MoreSuspects                       int
	Files, Doors, Others, Notes        []findingView
	MoreNotes                          int
	Plan                               []Step
	Coverage                           []coverageView
	Blind                              []string
}

type suspectView struct {
	Severity, Title string
	Evidence        []string
	Facts           []fact
	Chain           []string
}

type findingView struct {
	Severity, Title string
	Evidence        []string
}

// coverageView is one line of what could be seen. Tone is "good", "blind" or
// "none".
type coverageView struct {
	Name, Value, Tone string
}

func newView(r *Report, telemetryPath string) view {
	v := view{
		Host: text.Label(r.Hostname), Version: text.Escape(r.Version), Time: timeText(r.Now), TelemetryPath: telemetryPath,
		Headline: capital(r.headline()), Plan: Plan(*r), Coverage: r.coverage(), Blind: r.blindness(),
		Files: findingViews(r.files()), Doors: findingViews(r.doors()),
		Others: findingViews(r.pick(func(f *host.Finding) bool {
			return f.Severity != host.Info && f.Suspect == nil && f.File == nil && f.Socket == nil
		})),
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
			Facts: r.facts(finding), Chain: chain(finding.Suspect),
		})
	}
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

func findingViews(list []*host.Finding) []findingView {
	views := make([]findingView, 0, min(len(list), maxShown+1))
	for i, finding := range list {
		if i == maxShown {
			views = append(views, findingView{Severity: string(host.Info), Title: fmt.Sprintf("and %d more, in the findings as JSON", len(list)-maxShown)})
			break
		}
		views = append(views, findingView{string(finding.Severity), text.Escape(finding.Title), escapeAll(finding.Evidence)})
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
	var metas []host.Meta
	var lines []coverageView
	sensor := func(name string, meta *host.Meta, what string) {
		if meta == nil {
			lines = append(lines, coverageView{name, "off, or its first sample is not finished", "blind"})
			return
		}
		metas = append(metas, *meta)
		age := r.Now.Sub(meta.Time)
		line := coverageView{name, fmt.Sprintf("%s, %s ago", what, span(age)), "good"}
		if age > 3*meta.Interval+30*time.Second {
			line.Value += ": overdue"
			line.Tone = "blind"
		}
		lines = append(lines, line)
	}
	if s := r.Snapshot.Processes; s != nil {
		sensor("Processes", &s.Meta, count(len(s.Processes), "process", "processes"))
	} else {
		sensor("Processes", nil, "")
	}
	if s := r.Snapshot.Files; s != nil {
		sensor("Files", &s.Meta, count(len(s.Directories), "directory", "directories"))
	} else {
		sensor("Files", nil, "")
	}
	if s := r.Snapshot.Sockets; s != nil {
		sensor("Sockets", &s.Meta, count(len(s.Sockets), "listening socket", "listening sockets"))
	} else {
		sensor("Sockets", nil, "")
	}
	return append(lines, shares(metas)...)
}

// shares adds up what the sensors say of each aspect.
func shares(metas []host.Meta) []coverageView {
	var lines []coverageView
	for _, aspect := range []struct {
		key  host.Aspect
		name string
	}{
		{host.AspectStat, "Processes that could be read"},
		{host.AspectExe, "Executables that could be read"},
		{host.AspectFd, "Owners of sockets"},
		{host.AspectCgroup, "Users and cgroups"},
		{host.AspectTemp, "Directories that could be searched"},
		{host.AspectNetns, "Network namespaces"},
	} {
		sum, known := host.Share{}, false
		for _, meta := range metas {
			if share, ok := meta.Visibility[aspect.key]; ok {
				known = true
				sum.Readable += share.Readable
				sum.Total += share.Total
			}
		}
		switch {
		case !known:
		case sum.Total == 0:
			lines = append(lines, coverageView{aspect.name, "nothing to look at", "none"})
		case sum.Readable < sum.Total:
			lines = append(lines, coverageView{aspect.name, fmt.Sprintf("%d of %d", sum.Readable, sum.Total), "blind"})
		default:
			lines = append(lines, coverageView{aspect.name, fmt.Sprintf("all %d", sum.Total), "good"})
		}
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

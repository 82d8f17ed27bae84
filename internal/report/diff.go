package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/tuning"
)

// Diff is what two configurations judge differently.
type Diff struct {
	OldName, NewName string
	Changes          []tuning.Change // the worst first
	Same             int             // findings that stay as they are
	Notes            []string        // what it cannot show
}

// DiffText tells a person what the new configuration raises and lowers now.
func DiffText(w io.Writer, d Diff) error {
	p := &printer{}
	between := fmt.Sprintf("from %s to %s", text.Label(d.OldName), text.Label(d.NewName))
	if len(d.Changes) == 0 {
		p.line(fmt.Sprintf("Nothing changes %s (%s).", between, count(d.Same, "finding", "findings")))
	} else {
		p.line(fmt.Sprintf("%s %s; %d are judged as before.", count(len(d.Changes), "finding changes", "findings change"), between, d.Same))
	}
	for i := range d.Changes {
		if i == maxShown {
			p.line(fmt.Sprintf("\nAnd %d more, in the comparison as JSON.", len(d.Changes)-maxShown))
			break
		}
		change := &d.Changes[i]
		finding := change.Finding()
		p.line("")
		p.wrapped(fmt.Sprintf("%-8s %s -> %s  ", strings.ToUpper(change.Word()), severityText(change.Before), severityText(change.After)), 4, changeTitle(finding))
		p.fact(fact{"rule", finding.Rule})
		for _, because := range change.Because {
			p.fact(fact{"because of", text.Escape(because)})
		}
		if after := change.After; after != nil && after.Exempted != "" {
			p.fact(fact{"expected", text.Escape(after.Exempted)})
		}
	}
	p.sentences("What is not shown", escapeAll(d.Notes))
	if _, err := w.Write(p.out.Bytes()); err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	return nil
}

// changeTitle names a file: several findings about one directory read the same without it.
func changeTitle(f *model.Finding) string {
	if f.File != nil {
		return text.Escape(f.Title) + ": " + text.Label(f.File.Path)
	}
	return text.Escape(f.Title)
}

// changeSubject is what a finding is about.
func changeSubject(f *model.Finding) string {
	switch {
	case f.Suspect != nil:
		return text.Escape(subject(&f.Suspect.Process))
	case f.File != nil:
		return text.Escape(f.File.Path)
	case f.Persistence != nil:
		return text.Escape(f.Persistence.Path)
	case f.Exposure != nil:
		return text.Escape(f.Exposure.Endpoints[0])
	default:
		return text.Escape(f.Title)
	}
}

func severityText(f *model.Finding) string {
	if f == nil {
		return "nothing"
	}
	return string(f.Severity)
}

type jsonDiff struct {
	SchemaVersion int          `json:"schema_version"`
	Old           string       `json:"old"`
	New           string       `json:"new"`
	Changes       []jsonChange `json:"changes"` // the worst first
	Unchanged     int          `json:"unchanged"`
	Notes         []string     `json:"notes"`
}

type jsonChange struct {
	ID       string   `json:"id"`
	Change   string   `json:"change"` // new, gone, raised or lowered
	Rule     string   `json:"rule"`
	Subject  string   `json:"subject"` // path of a program, file or entry; address of a service
	Title    string   `json:"title"`
	Before   string   `json:"before"` // severity; "" for none
	After    string   `json:"after"`
	Because  []string `json:"because"`
	Exempted string   `json:"exempted"` // why it is lowered after the change
}

// DiffJSON is DiffText for tools.
func DiffJSON(w io.Writer, d Diff) error {
	out := jsonDiff{
		SchemaVersion: schemaVersion, Old: text.Escape(d.OldName), New: text.Escape(d.NewName), Changes: []jsonChange{}, Unchanged: d.Same, Notes: escapeAll(d.Notes),
	}
	for i := range d.Changes {
		change := &d.Changes[i]
		finding := change.Finding()
		entry := jsonChange{
			ID: text.Escape(finding.ID), Change: change.Word(), Rule: finding.Rule, Subject: changeSubject(finding), Title: text.Escape(finding.Title), Because: escapeAll(change.Because),
		}
		if change.Before != nil {
			entry.Before = string(change.Before.Severity)
		}
		if change.After != nil {
			entry.After, entry.Exempted = string(change.After.Severity), text.Escape(change.After.Exempted)
		}
		out.Changes = append(out.Changes, entry)
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(out); err != nil {
		return fmt.Errorf("write the comparison as JSON: %w", err)
	}
	return nil
}

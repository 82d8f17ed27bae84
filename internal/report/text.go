package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

const (
	width    = 100 // of a line, in characters, where words allow it
	maxNotes = 10
	maxShown = 20 // suspects, files, exposed services, commands of a step: somebody may make thousands
)

// Text writes the report for a person at a terminal. The first line is the
// verdict. Colour is ANSI (ECMA-48 SGR).
func Text(w io.Writer, r Report, colour bool) error {
	r = r.forAudience()
	p := &printer{colour: colour}
	p.line(p.paint(r.verdict(), strings.ToUpper(string(r.verdict()))) + ": " + r.headline())
	p.suspects(&r)
	p.listing("Files that do not belong there", r.files())
	p.listing("Exposed services", r.exposedServices())
	p.listing("What starts programs by itself and should not", r.entries())
	p.listing("Other findings", r.others())
	p.plan(shortPlan(r))
	p.sentences("What could not be seen", r.blindness())
	p.notes(r.notes())
	if names := r.runbooks(); len(names) > 0 {
		p.line("")
		p.wrapped("", 2, "Runbooks: "+strings.Join(names, ", ")+". A running exporter serves them at "+RunbookPath+", and `cryptojack_exporter assets DIR` writes them.")
	}
	if _, err := w.Write(p.out.Bytes()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// printer gathers the lines of one report.
type printer struct {
	out    bytes.Buffer
	colour bool
}

func (p *printer) line(s string) { p.out.WriteString(s + "\n") }

func (p *printer) paint(v verdict, s string) string {
	if !p.colour {
		return s
	}
	code := "1;35"
	switch v {
	case verdictCritical:
		code = "1;31"
	case verdictWarning:
		code = "1;33"
	case verdictOK:
		code = "1;32"
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *printer) title(s string) {
	if p.colour {
		s = "\x1b[1m" + s + "\x1b[0m"
	}
	p.line("\n" + s)
}

// wrapped prints words after a first indent; further lines are indented by hang.
func (p *printer) wrapped(first string, hang int, s string) {
	line, used := first, utf8.RuneCountInString(first)
	fresh := true
	for word := range strings.SplitSeq(s, " ") {
		length := utf8.RuneCountInString(word)
		if !fresh && used+1+length > width {
			p.line(strings.TrimRight(line, " "))
			line, used, fresh = strings.Repeat(" ", hang), hang, true
		}
		if !fresh {
			line += " "
			used++
		}
		line += word
		used += length
		fresh = false
	}
	p.line(strings.TrimRight(line, " "))
}

func (p *printer) suspects(r *Report) {
	list := r.suspects()
	for i, finding := range list {
		if i == maxShown {
			p.title(fmt.Sprintf("And %s, in the report as JSON.", count(len(list)-maxShown, "more suspect", "more suspects")))
			return
		}
		p.suspect(r, finding)
	}
}

func (p *printer) suspect(r *Report, finding *model.Finding) {
	p.line("")
	severity := strings.ToUpper(string(finding.Severity))
	p.wrapped(p.paint(verdict(finding.Severity), severity)+"  ", 2, text.Escape(finding.Title))
	for _, sentence := range finding.Evidence {
		p.wrapped("  - ", 4, text.Escape(sentence))
	}
	for _, f := range r.facts(finding) {
		p.fact(f)
	}
	if links := chain(finding.Suspect); len(links) > 0 {
		p.fact(fact{"chain", strings.Join(links, " -> ")})
	}
	name := "started by"
	for _, link := range ancestry(finding.Suspect) {
		p.fact(fact{name, link})
		name = ""
	}
	if words := commandLine(finding.Suspect.Process.Argv); words != "" {
		p.fact(fact{"command line", words})
	}
}

func (p *printer) fact(f fact) {
	p.wrapped(fmt.Sprintf("    %-14s", f.Name), 18, f.Value)
}

func (p *printer) listing(title string, list []*model.Finding) {
	if len(list) == 0 {
		return
	}
	p.title(title)
	for i, finding := range list {
		if i == maxShown {
			p.line(fmt.Sprintf("  and %d more", len(list)-maxShown))
			return
		}
		p.wrapped("  "+p.paint(verdict(finding.Severity), strings.ToUpper(string(finding.Severity)))+"  ", 4, text.Escape(finding.Title))
		for _, sentence := range finding.Evidence {
			p.wrapped("    - ", 6, text.Escape(sentence))
		}
	}
}

func (p *printer) plan(steps []Step) {
	if len(steps) == 0 {
		return
	}
	p.title("What to do, in this order (the exporter never does this itself)")
	p.wrapped("  ", 2, planNote)
	for i, step := range steps {
		p.wrapped(fmt.Sprintf("  %d. ", i+1), 5, step.Title)
		if step.Command == "" {
			continue
		}
		for command := range strings.SplitSeq(step.Command, "\n") {
			p.line("       " + command)
		}
	}
}

func (p *printer) sentences(title string, list []string) {
	if len(list) == 0 {
		return
	}
	p.title(title)
	for _, sentence := range list {
		p.wrapped("  - ", 4, sentence)
	}
}

func (p *printer) notes(list []*model.Finding) {
	var sentences []string
	for i, finding := range list {
		if i == maxNotes {
			sentences = append(sentences, fmt.Sprintf("and %d more", len(list)-maxNotes))
			break
		}
		sentences = append(sentences, noteText(finding))
	}
	p.sentences("Also noticed", sentences)
}

// noteText names a file: several notes about one directory read the same
// without it.
func noteText(finding *model.Finding) string {
	words := text.Escape(finding.Title)
	if finding.File != nil {
		words += ": " + text.Label(finding.File.Path)
	}
	if finding.Exempted != "" {
		words += " (" + text.Escape(finding.Exempted) + ")"
	}
	return words
}

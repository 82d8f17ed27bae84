package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/detect"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// SeverityCode is ExitCode for one finding; "" is none.
func SeverityCode(severity model.Severity) int {
	switch severity {
	case model.Critical:
		return exitCritical
	case model.Warning:
		return exitWarning
	default:
		return exitOK
	}
}

// ExplainText tells a person which signals were considered for one process, and
// what each of them says.
func ExplainText(w io.Writer, e detect.Explanation) error {
	p := &printer{}
	process := &e.Process
	p.line(fmt.Sprintf("%s: %s (pid %d, user %s)", explainedVerdict(e), text.Label(subject(process)), process.PID, text.Label(process.User)))
	if e.Exempted != "" {
		p.wrapped("  expected: ", 4, text.Escape(e.Exempted))
	}
	if words := commandLine(process.Argv); words != "" {
		p.fact(fact{"command line", words})
	}
	p.fact(fact{"place", fmt.Sprintf("%s, cgroup %s", process.Origin, text.Label(process.Cgroup))})
	if words := containerText(process.Container, process.ContainerID); words != "" {
		p.fact(fact{"container", words})
	}
	name := "started by"
	for i := range process.Ancestors {
		a := &process.Ancestors[i]
		p.fact(fact{name, fmt.Sprintf("pid %d %s (user %s)", a.PID, text.Label(a.Exe), text.Label(a.User))})
		name = ""
	}
	if e.Guardian != nil {
		p.fact(fact{"kept alive by", guardianText(e.Guardian)})
	}
	if e.Entry != nil {
		p.fact(fact{"came in by", entryName(e.Entry) + " on " + endpoint(e.Entry.Address, e.Entry.Port)})
	}
	p.line("")
	for _, answer := range e.Answers {
		word := "no  "
		switch {
		case answer.Limit == policy.Off:
			word = "off "
		case answer.Weak:
			word = "weak"
		case answer.Holds:
			word = "YES "
		}
		p.wrapped(fmt.Sprintf("  %s  %-20s ", word, answer.Rule), 29, text.Escape(answer.Sentence))
	}
	p.allowAdvice(&e.AllowList)
	p.line("")
	p.wrapped("", 0, "A finding is critical with an indicator or two kinds of evidence (place, disguise, mining, load, survival, entry), a warning with one. Load alone is a note; what is weak counts for nothing.")
	if _, err := w.Write(p.out.Bytes()); err != nil {
		return fmt.Errorf("write the explanation: %w", err)
	}
	return nil
}

func explainedVerdict(e detect.Explanation) string {
	if e.Severity == "" {
		return "NOTHING"
	}
	return strings.ToUpper(string(e.Severity))
}

type jsonExplanation struct {
	SchemaVersion int          `json:"schema_version"`
	PID           int          `json:"pid"`
	Exe           string       `json:"exe"`
	Suspect       string       `json:"suspect"`
	Severity      string       `json:"severity"`
	Exempted      string       `json:"exempted"`
	Signals       []jsonAnswer `json:"signals"`

	AllowList jsonAllowAdvice `json:"allow_list"`
}

type jsonAnswer struct {
	Rule      string `json:"rule"`
	Family    string `json:"family"`
	Technique string `json:"technique"`
	Holds     bool   `json:"holds"`
	Weak      bool   `json:"weak"`
	Sentence  string `json:"sentence"`
	Limit     string `json:"limit"` // off, info or warning by the configuration; "" for none
}

// ExplainJSON is ExplainText for tools.
func ExplainJSON(w io.Writer, e detect.Explanation) error {
	out := jsonExplanation{
		SchemaVersion: schemaVersion, PID: e.Process.PID, Exe: text.Escape(e.Process.Exe), Suspect: e.Suspect, Severity: string(e.Severity),
		Exempted: text.Escape(e.Exempted), Signals: []jsonAnswer{}, AllowList: newJSONAllowAdvice(&e.AllowList),
	}
	for _, a := range e.Answers {
		out.Signals = append(out.Signals, jsonAnswer{a.Rule, string(a.Family), a.Technique, a.Holds, a.Weak, text.Escape(a.Sentence), string(a.Limit)})
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(out); err != nil {
		return fmt.Errorf("write the explanation as JSON: %w", err)
	}
	return nil
}

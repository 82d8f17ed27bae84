package shell

import (
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/programs"
)

// unparsed analyzes a text that is no shell script, or none that the parser knows,
// line by line: by the words between the signs that separate commands. In another
// language only a fetch or decode that is piped into a shell counts, and what is given
// to a function that runs it, since a path in another string may be anything.
func (a *analysis) unparsed() {
	var joined strings.Builder
	number := 0
	for line := range strings.Lines(a.text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		// A line that goes on is analyzed with the next.
		if before, ok := strings.CutSuffix(line, "\\"); ok && joined.Len() < maxParsedBytes {
			joined.WriteString(before + " ")
			continue
		}
		joined.WriteString(line)
		a.unparsedLine(joined.String(), number)
		joined.Reset()
		if len(a.verdict.Suspicions) >= maxSuspicions && a.verdict.Left >= maxLeft {
			return
		}
	}
	a.unparsedLine(joined.String(), number)
}

func (a *analysis) unparsedLine(line string, number int) {
	if trimmed := strings.TrimSpace(line); trimmed == "" || trimmed[0] == '#' {
		return
	}
	at := *a
	at.command = line
	if at.line == 0 {
		at.line = number
	}
	if a.Dialect == Foreign {
		at.foreignCode(line, nil)
	}
	flows, text := model.PersistenceReason(""), flow{}
	for _, segment := range segments(line) {
		if !segment.piped {
			flows, text = "", flow{}
		}
		if a.Dialect == Foreign {
			if segment.piped && programs.IsShell(programOf(segment.words)) {
				at.suspect(flows, line, nil)
			}
			flows = fetchAnywhere(segment.words, flows)
			continue
		}
		c, before := commandOf(segment.words), text
		if segment.piped && c.stdin {
			at.given(text, flows, line, isInterpreter(programOf(c.last)), nil)
		}
		if text = (flow{}); a.variables.allowance.step() {
			text = a.variables.allowance.gives(c.last, before)
		}
		if did := transferOf(c.last); did.file == "" {
			flows = stronger(flows, did.reason)
		}
		for _, t := range c.targets {
			// A name without a directory is one of PATH here.
			t.inPath = true
			at.file(t, nil)
		}
	}
}

// fetchAnywhere looks for a fetch at any place among words, because in another
// language the command is an argument of a function.
func fetchAnywhere(words []word, flows model.PersistenceReason) model.PersistenceReason {
	for i := range words {
		if did := transferOf(words[i:]); did.reason != "" && did.file == "" && !isInterpreter(baseName(words[i].text)) {
			return did.reason
		}
	}
	return flows
}

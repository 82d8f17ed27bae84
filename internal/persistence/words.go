package persistence

import (
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// words judges a text that is no shell script, or none that the parser knows,
// line by line: by the words between the signs that separate commands. In
// another language only a fetch or decode that is piped into a shell counts,
// since a path in a string may be anything.
func (j *judging) words() {
	var joined strings.Builder
	number := 0
	for line := range strings.Lines(j.text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		// A line that goes on is judged with the next.
		if before, ok := strings.CutSuffix(line, "\\"); ok && joined.Len() < maxShellBytes {
			joined.WriteString(before + " ")
			continue
		}
		joined.WriteString(line)
		j.wordsOf(joined.String(), number)
		joined.Reset()
		if len(j.verdict.suspicions) >= maxSuspicions {
			return
		}
	}
	j.wordsOf(joined.String(), number)
}

func (j *judging) wordsOf(line string, number int) {
	if trimmed := strings.TrimSpace(line); trimmed == "" || trimmed[0] == '#' {
		return
	}
	if j.line != 0 {
		number = j.line
	}
	suspect := func(reason model.PersistenceReason, evidence string) {
		j.verdict.suspect(suspicion{reason: reason, evidence: evidence, command: line, line: number})
	}
	flows := model.PersistenceReason("")
	for _, segment := range segments(line) {
		if !segment.piped {
			flows = ""
		}
		arguments := segment.words
		if j.dialect == dialectForeign {
			if segment.piped && len(arguments) > 0 && isShell(baseName(arguments[0].text)) {
				suspect(flows, line)
			}
			flows = j.anywhere(arguments, flows)
			continue
		}
		e := describe(arguments)
		if segment.piped && e.stdin {
			suspect(flows, line)
		}
		if did := transferOf(e.last); did.reason != "" && did.file == "" && (flows == "" || rank(did.reason) < rank(flows)) {
			flows = did.reason
		}
		for _, t := range e.targets {
			name := t.text
			if strings.Contains(name, "/") {
				j.verdict.program(j.resolve(name))
				if isTemporary(name) {
					suspect(model.PersistenceTempPath, name)
				}
				if isHidden(name, j.home, t.sourced) {
					suspect(model.PersistenceHiddenPath, name)
				}
			}
			if base := baseName(name); base != "" && j.known(base) {
				suspect(model.PersistenceKnownMiner, name)
			}
		}
	}
}

// anywhere looks for a fetch at any place among words, because in another
// language the command is an argument of a function.
func (j *judging) anywhere(words []word, flows model.PersistenceReason) model.PersistenceReason {
	for i := range words {
		if did := transferOf(words[i:]); did.reason != "" && did.file == "" && !isInterpreter(baseName(words[i].text)) {
			return did.reason
		}
	}
	return flows
}

// segment is what stands between two signs that separate commands.
type segment struct {
	words []word
	piped bool // the sign before it is |
}

// segments splits a line without understanding it.
func segments(line string) []segment {
	var all []segment
	current := segment{}
	var b strings.Builder
	flushWord := func() {
		if b.Len() > 0 {
			current.words = append(current.words, word{text: b.String()})
			b.Reset()
		}
	}
	flush := func(piped bool) {
		flushWord()
		if len(current.words) > 0 {
			all = append(all, current)
			current = segment{piped: piped}
		} else {
			current.piped = piped && len(all) > 0
		}
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case ' ', '\t', '"', '\'', '\r', 0:
			flushWord()
		case '|':
			if i+1 < len(line) && line[i+1] == '|' {
				i++
				flush(false)
			} else {
				flush(true)
			}
		case ';', '&', '(', ')', '{', '}', '`':
			flush(false)
		default:
			b.WriteByte(c)
		}
	}
	flush(false)
	return all
}

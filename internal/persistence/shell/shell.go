// Package shell says what a command or a script would run, and why that is
// suspicious, without running it and without looking at a file. Whoever wrote the
// text may be hostile: what it costs to analyze it is bounded.
package shell

import (
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/programs"
)

const (
	// MaxCommandBytes is what is kept of a command.
	MaxCommandBytes = 1024
	// MaxEvidenceBytes is what is kept of the part of a command that is suspicious.
	MaxEvidenceBytes = 256
	// MaxPrograms is how many programs of one text are kept.
	MaxPrograms = 16

	maxSuspicions  = 64       // of one text
	maxLeft        = 4096     // counted beyond those, of a text that is analyzed by its words
	maxParsedBytes = 64 << 10 // of a text that is parsed; a longer one is analyzed by its words
	maxAllBytes    = 1 << 20  // analyzed of a text and of the strings of commands in it
	maxSteps       = 1 << 20  // nodes looked at for what they give out
	maxNested      = 4        // depth of sh -c '...'
)

// Context is what is known around a text.
type Context struct {
	Known   func(baseName string) bool // is it the name of a known miner?
	Home    string                     // of the user whom it runs as; "" if unknown
	Dialect Dialect
	Input   string // what the command reads as its standard input

	Allowance *Allowance // of the file that the text is of; nil gives the text one of its own
}

// Analyze says what a text would run.
func Analyze(text string, c Context) Verdict {
	v := Verdict{}
	a := newAnalysis(text, c, &v)
	if c.Input != "" && readsCommands(text) {
		a.text, a.Dialect = c.Input, Shell
		a.run()
		a.budget.bytes = maxAllBytes
		a.text, a.Dialect, a.Input = text, c.Dialect, ""
	}
	switch c.Dialect {
	case Binary:
	case Library:
		a.file(target{word: word{text: text}, inPath: true}, nil)
	default:
		a.run()
	}
	return v
}

// readsCommands reports whether the first command of a text runs its standard input.
func readsCommands(text string) bool {
	all := segments(text)
	return len(all) > 0 && commandOf(all[0].words).stdin
}

// baseName is the name of a program without its directory.
func baseName(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// isInterpreter knows the programs that run the code of another language than a
// shell's: as a file, an argument or from the standard input.
func isInterpreter(base string) bool {
	known, ok := programs.InterpreterOf(base)
	return ok && !known.Java && !known.Subcommands && !programs.IsShell(base)
}

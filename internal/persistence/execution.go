package persistence

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// word is one word of a command, as far as it is known without running it.
type word struct {
	text string
	node *syntax.Word // nil where the shell could not be parsed
}

// target is a file that a command runs.
type target struct {
	word
	sourced bool // read by the shell itself, as with `.`
	bare    bool // a command word, which is looked for in PATH if it has no slash
}

// execution is what one simple command runs.
type execution struct {
	targets []target
	code    []word   // run as shell commands, as with -c
	foreign []string // run as another language's
	stdin   bool     // runs what it reads from the standard input
	last    []word   // the command without its wrappers
}

// maxWrappers bounds sudo nice timeout ... of one command.
const maxWrappers = 8

// describe tells what a simple command runs.
func describe(arguments []word) execution {
	var e execution
	fed := false // by xargs(1): the arguments come from the standard input
	for range maxWrappers {
		if len(arguments) == 0 {
			return e
		}
		e.last = arguments
		e.targets = append(e.targets, target{word: arguments[0], bare: true})
		base, rest := baseName(arguments[0].text), arguments[1:]
		if isCodeOption(base) && len(e.targets) > 1 { // su -c, flock FILE -c
			e.targets = e.targets[:len(e.targets)-1]
			e.codeOption(arguments)
			return e
		}
		if base == "tmux" && len(rest) > 1 {
			e.code = append(e.code, rest[len(rest)-1])
			return e
		}
		if base == "find" {
			arguments = executed(rest)
			continue
		}
		w, ok := wrapperOf(base)
		if !ok {
			e.program(base, rest)
			e.stdin = e.stdin || fed && isShell(base)
			return e
		}
		fed = fed || base == "xargs"
		arguments = w.unwrap(base, rest)
	}
	return e
}

// codeOption takes the shell command of -c COMMAND or --command=COMMAND.
func (e *execution) codeOption(arguments []word) {
	if value, ok := strings.CutPrefix(arguments[0].text, "--command="); ok {
		e.code = append(e.code, word{text: value, node: arguments[0].node})
	} else if len(arguments) > 1 {
		e.code = append(e.code, arguments[1])
	}
}

// executed is the command after -exec of find(1).
func executed(arguments []word) []word {
	for i, argument := range arguments {
		switch argument.text {
		case "-exec", "-execdir", "-ok", "-okdir":
			return arguments[i+1:]
		}
	}
	return nil
}

// program adds what a program that is no wrapper runs by its arguments.
func (e *execution) program(base string, arguments []word) {
	switch {
	case isShell(base):
		e.shell(arguments)
	case isInterpreter(base):
		e.interpreter(base, arguments)
	case base == "." || base == "source":
		if len(arguments) > 0 {
			e.script(arguments[0], true)
		}
	case base == "eval":
		e.code = append(e.code, joined(arguments))
	case base == "trap" && len(arguments) > 1:
		e.code = append(e.code, arguments[0])
	case base == "watch" && len(arguments) > 0:
		e.code = append(e.code, arguments[len(arguments)-1])
	case base == "at" || base == "batch":
		e.stdin = true
	case strings.HasPrefix(base, "ld-linux") || base == "ld.so":
		if len(arguments) > 0 {
			e.script(arguments[0], false)
		}
	}
}

// shell reads the arguments of sh(1).
func (e *execution) shell(arguments []word) {
	for i := 0; i < len(arguments); i++ {
		text := arguments[i].text
		switch {
		case text == "-" || text == "--":
		case text == "--rcfile" || text == "--init-file":
			if i++; i < len(arguments) {
				e.script(arguments[i], true)
			}
		case strings.HasPrefix(text, "--"):
		case len(text) > 1 && (text[0] == '-' || text[0] == '+'):
			if text[0] == '-' && strings.Contains(text, "c") {
				e.commandString(arguments[i+1:])
				return
			}
			if strings.Contains(text, "s") {
				e.stdin = true
				return
			}
			if takesNext("-"+text[1:], "oO") {
				i++
			}
		default:
			e.script(arguments[i], false)
			return
		}
	}
	e.stdin = true
}

// commandString takes the first argument after -c that is no option.
func (e *execution) commandString(arguments []word) {
	for _, argument := range arguments {
		if !strings.HasPrefix(argument.text, "-") {
			e.code = append(e.code, argument)
			return
		}
	}
}

// interpreter reads the arguments of python(1), perl(1) and their like.
func (e *execution) interpreter(base string, arguments []word) {
	for i := 0; i < len(arguments); i++ {
		text := arguments[i].text
		switch {
		case text == "-" || text == "/dev/stdin":
			e.stdin = true
			return
		case strings.HasPrefix(text, "-m") && !strings.HasPrefix(base, "perl"), text == "-V", text == "--version":
			return
		case len(text) > 1 && text[0] == '-':
			letter := text[len(text)-1]
			if letter == 'c' || letter == 'e' || letter == 'E' || letter == 'r' && base != "ruby" {
				e.foreign = append(e.foreign, next(arguments, i))
				return
			}
			if (letter == 'W' || letter == 'X') && len(text) == 2 {
				i++
			}
		default:
			e.script(arguments[i], false)
			return
		}
	}
	e.stdin = true
}

// script adds a file that an interpreter reads.
func (e *execution) script(file word, sourced bool) {
	if file.text == "/dev/stdin" || file.text == "/dev/fd/0" || file.text == "/proc/self/fd/0" {
		e.stdin = true
		return
	}
	e.targets = append(e.targets, target{word: file, sourced: sourced})
}

// joined is what eval makes of its arguments.
func joined(arguments []word) word {
	if len(arguments) == 1 {
		return arguments[0]
	}
	all := &syntax.Word{}
	for _, argument := range arguments {
		if argument.node != nil {
			all.Parts = append(all.Parts, argument.node.Parts...)
		}
	}
	return word{text: strings.Join(texts(arguments), " "), node: all}
}

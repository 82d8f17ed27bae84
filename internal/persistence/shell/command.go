package shell

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/programs"
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
	inPath  bool // a command word, which is looked for in PATH if it has no slash
}

// command is what one simple command runs.
type command struct {
	targets []target
	code    []word   // run as shell commands, as with -c
	foreign []string // run as another language's
	stdin   bool     // runs what it reads from the standard input
	last    []word   // the command without its launchers
}

// maxLaunchers bounds sudo nice timeout ... of one command.
const maxLaunchers = 8

// commandOf says what a simple command runs.
func commandOf(arguments []word) command {
	var c command
	fed := false // by xargs(1): the arguments come from the standard input
	for range maxLaunchers {
		if len(arguments) == 0 {
			return c
		}
		c.last = arguments
		c.targets = append(c.targets, target{word: arguments[0], inPath: true})
		base, rest := baseName(arguments[0].text), arguments[1:]
		if isCodeOption(base) && len(c.targets) > 1 { // su -c, flock FILE -c
			c.targets = c.targets[:len(c.targets)-1]
			c.codeOption(arguments)
			return c
		}
		if base == "tmux" && len(rest) > 1 {
			c.code = append(c.code, rest[len(rest)-1])
			return c
		}
		if base == "find" {
			arguments = executed(rest)
			continue
		}
		launcher, ok := launcherOf(base)
		if !ok {
			c.program(base, rest)
			c.stdin = c.stdin || fed && programs.IsShell(base)
			return c
		}
		fed = fed || base == "xargs"
		arguments = launched(base, launcher, rest)
	}
	return c
}

// codeOption takes the shell command of -c COMMAND or --command=COMMAND.
func (c *command) codeOption(arguments []word) {
	if value, ok := strings.CutPrefix(arguments[0].text, "--command="); ok {
		c.code = append(c.code, word{text: value, node: arguments[0].node})
	} else if len(arguments) > 1 {
		c.code = append(c.code, arguments[1])
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

// program adds what a program that is no launcher runs by its arguments.
func (c *command) program(base string, arguments []word) {
	switch {
	case programs.IsShell(base):
		c.shell(arguments)
	case isInterpreter(base):
		c.interpreter(base, arguments)
	case base == "." || base == "source":
		if len(arguments) > 0 {
			c.script(arguments[0], true)
		}
	case base == "eval":
		c.code = append(c.code, joined(arguments))
	case base == "trap" && len(arguments) > 1:
		c.code = append(c.code, arguments[0])
	case base == "watch" && len(arguments) > 0:
		c.code = append(c.code, arguments[len(arguments)-1])
	case base == "at" || base == "batch":
		c.stdin = true
	case strings.HasPrefix(base, "ld-linux") || base == "ld.so":
		if len(arguments) > 0 {
			c.script(arguments[0], false)
		}
	}
}

// shell reads the arguments of sh(1).
func (c *command) shell(arguments []word) {
	for i := 0; i < len(arguments); i++ {
		text := arguments[i].text
		switch {
		case text == "-" || text == "--":
		case text == "--rcfile" || text == "--init-file":
			if i++; i < len(arguments) {
				c.script(arguments[i], true)
			}
		case strings.HasPrefix(text, "--"):
		case len(text) > 1 && (text[0] == '-' || text[0] == '+'):
			if text[0] == '-' && strings.Contains(text, "c") {
				c.commandString(arguments[i+1:])
				return
			}
			if strings.Contains(text, "s") {
				c.stdin = true
				return
			}
			if takesNext("-"+text[1:], "oO") {
				i++
			}
		default:
			c.script(arguments[i], false)
			return
		}
	}
	c.stdin = true
}

// commandString takes the first argument after -c that is no option.
func (c *command) commandString(arguments []word) {
	for _, argument := range arguments {
		if !strings.HasPrefix(argument.text, "-") {
			c.code = append(c.code, argument)
			return
		}
	}
}

// interpreter reads the arguments of python(1), perl(1) and their like.
func (c *command) interpreter(base string, arguments []word) {
	for i := 0; i < len(arguments); i++ {
		text := arguments[i].text
		switch {
		case text == "-" || text == "/dev/stdin":
			c.stdin = true
			return
		case strings.HasPrefix(text, "-m") && !strings.HasPrefix(base, "perl"), text == "-V", text == "--version":
			return
		case len(text) > 1 && text[0] == '-':
			letter := text[len(text)-1]
			if letter == 'c' || letter == 'e' || letter == 'E' || letter == 'r' && base != "ruby" {
				c.foreign = append(c.foreign, next(arguments, i))
				return
			}
			if (letter == 'W' || letter == 'X') && len(text) == 2 {
				i++
			}
		default:
			c.script(arguments[i], false)
			return
		}
	}
	c.stdin = true
}

// script adds a file that an interpreter reads.
func (c *command) script(file word, sourced bool) {
	if file.text == "/dev/stdin" || file.text == "/dev/fd/0" || file.text == "/proc/self/fd/0" {
		c.stdin = true
		return
	}
	c.targets = append(c.targets, target{word: file, sourced: sourced})
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

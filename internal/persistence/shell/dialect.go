package shell

import (
	"path"
	"strings"
)

// Dialect is the language of a text.
type Dialect int

// The dialects.
const (
	Shell   Dialect = iota // sh(1), bash(1) and their like
	Zsh                    // zsh(1)
	Words                  // a shell that the parser does not know, such as csh(1)
	Foreign                // no shell: python, perl
	Binary                 // no text, but a program (elf(5))
	Library                // the path of a library that ld.so(8) loads into every program
)

// DialectOf takes the language of a file from its first line, else from its name.
func DialectOf(name, text string) Dialect {
	if strings.HasPrefix(text, "\x7fELF") {
		return Binary
	}
	base := path.Base(name)
	switch strings.TrimRight(interpreterOf(text), "0123456789.") {
	case "zsh":
		return Zsh
	case "csh", "tcsh", "fish":
		return Words
	case "sh", "bash", "dash", "ash", "ksh", "mksh", "rbash", "openrc-run", "runscript", "rc", "busybox":
		return Shell
	case "":
	default:
		return Foreign
	}
	switch {
	case strings.Contains(base, "zsh"), strings.HasPrefix(base, ".z"), path.Base(path.Dir(name)) == "zsh":
		return Zsh
	case strings.HasSuffix(base, ".csh"), strings.HasSuffix(base, ".fish"):
		return Words
	}
	return Shell
}

// interpreterOf is the program that the first line of a script names (execve(2)):
// #!/bin/sh, #!/usr/bin/env -S python3; "" without such a line.
func interpreterOf(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	rest, ok := strings.CutPrefix(first, "#!")
	if !ok {
		return ""
	}
	interpreter := ""
	for _, field := range strings.Fields(rest) {
		if interpreter = path.Base(field); interpreter != "env" && !strings.HasPrefix(field, "-") {
			break
		}
	}
	return interpreter
}

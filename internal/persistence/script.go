package persistence

import (
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// script understands a file that a shell or the kernel runs as a whole. It is
// one entry; each line that is suspicious is told in its place.
func script(d document) parsed { return scriptOf(d, d.home.user) }

func scriptOf(d document, user string) parsed {
	p := parsed{}
	if user == "" && d.kind != model.PersistenceProfile && d.kind != model.PersistenceAt {
		user = "root"
	}
	v := verdict{}
	if !isBinary(d.text) {
		v = judge(d.text, d.scope(user, dialectOf(d)))
	}
	whole := model.PersistenceEntry{User: user, Command: firstLine(d.text), Programs: v.programs}
	if d.kind == model.PersistenceCronScript || d.kind == model.PersistenceInit {
		whole.Programs = append([]string{d.path}, v.programs[:min(len(v.programs), maxPrograms-1)]...)
	}
	suspicions := v.byLine()
	if len(suspicions) == 0 {
		p.add(d, d.text, whole)
		return p
	}
	for i, s := range suspicions {
		e := model.PersistenceEntry{
			Line: s.line, User: user, Command: s.command, Programs: v.programs, Reason: s.reason, Evidence: s.evidence,
		}
		if i == 0 {
			p.add(d, d.text, e)
		} else {
			p.keep(d, e) // the file counts once
		}
	}
	return p
}

// dialectOf takes the language from the first line, else from the name.
func dialectOf(d document) dialect {
	base := d.base()
	interpreter := ""
	if rest, ok := strings.CutPrefix(firstLine(d.text), "#!"); ok {
		fields := strings.Fields(rest)
		for _, f := range fields {
			if interpreter = path.Base(f); interpreter != "env" && !strings.HasPrefix(f, "-") {
				break
			}
		}
	}
	switch strings.TrimRight(interpreter, "0123456789.") {
	case "zsh":
		return dialectZsh
	case "csh", "tcsh", "fish":
		return dialectWords
	case "sh", "bash", "dash", "ash", "ksh", "mksh", "rbash", "openrc-run", "runscript", "rc", "busybox":
		return dialectShell
	case "":
	default:
		return dialectForeign
	}
	switch {
	case strings.Contains(base, "zsh"), strings.HasPrefix(base, ".z"), path.Base(path.Dir(d.path)) == "zsh":
		return dialectZsh
	case strings.HasSuffix(base, ".csh"), strings.HasSuffix(base, ".fish"):
		return dialectWords
	}
	return dialectShell
}

// isBinary holds for programs (elf(5)), which are not read.
func isBinary(text string) bool { return strings.HasPrefix(text, "\x7fELF") }

func firstLine(text string) string {
	if isBinary(text) {
		return ""
	}
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimRight(line, "\r")
}

package persistence

import (
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/persistence/shell"
)

// script parses a file that a shell or the kernel runs as a whole. It is one entry;
// each suspicious line has an entry in its place.
func script(d document) parsed { return scriptOf(d, d.home.user) }

func scriptOf(d document, user string) parsed {
	p := parsed{}
	ofUsers := d.kind == model.PersistenceProfile || d.kind == model.PersistenceAt || strings.Contains(d.path, "/systemd/user-")
	if user == "" && !ofUsers {
		user = "root"
	}
	c := d.context(user)
	c.Dialect = shell.DialectOf(d.path, d.text)
	v := shell.Analyze(d.text, c)
	whole := model.PersistenceEntry{User: user, Programs: v.Programs}
	if c.Dialect != shell.Binary {
		whole.Command, _, _ = strings.Cut(d.text, "\n")
	}
	if d.kind == model.PersistenceCronScript || d.kind == model.PersistenceInit || d.kind == model.PersistenceGenerator {
		whole.Programs = append([]string{d.path}, v.Programs[:min(len(v.Programs), shell.MaxPrograms-1)]...)
	}
	p.suspicious += v.Left
	suspicions := v.PerLine()
	if len(suspicions) == 0 {
		p.add(d, d.text, whole)
		return p
	}
	for i, s := range suspicions {
		e := model.PersistenceEntry{
			Line: s.Line, User: user, Command: s.Command, Programs: v.Programs, Reason: s.Reason, Evidence: s.Evidence,
			Decoded: s.Decoded,
		}
		if i == 0 {
			p.add(d, d.text, e)
		} else {
			p.remember(d, e) // the file counts once
		}
	}
	return p
}

package persistence

import (
	"hash/maphash"
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// document is one file to be understood.
type document struct {
	kind model.PersistenceKind
	path string
	text string
	home home
	unit string // that a drop-in belongs to; "" for another file
	of   map[string]string
	seed maphash.Seed

	known func(baseName string) bool
}

// parsed is what a file holds.
type parsed struct {
	entries    []model.PersistenceEntry
	count      int      // of entries, also of those that are not remembered
	identities []uint64 // of what makes an entry another one
	broken     int      // lines that are not understood
}

// format understands the files of a place.
type format func(document) parsed

// add takes an entry that counts.
func (p *parsed) add(d document, identity string, e model.PersistenceEntry) {
	p.count++
	p.identities = append(p.identities, maphash.String(d.seed, identity))
	p.keep(d, e)
}

// keep remembers an entry. Beyond the limit only suspicious ones are, in the
// place of a harmless one.
func (p *parsed) keep(d document, e model.PersistenceEntry) {
	e.Kind, e.Path = d.kind, d.path
	e.Command, e.User, e.Unit = cut(strings.TrimSpace(e.Command), maxCommandBytes), cut(e.User, maxEvidence), cut(e.Unit, maxEvidence)
	if len(p.entries) < maxFileEntries {
		p.entries = append(p.entries, e)
		return
	}
	if e.Reason == "" {
		return
	}
	for i := range p.entries {
		if p.entries[i].Reason == "" {
			p.entries[i] = e
			return
		}
	}
}

// judge judges a command of the document.
func (d document) judge(command, user string) verdict {
	return judge(command, d.scope(user, dialectShell))
}

func (d document) scope(user string, in dialect) scope {
	directory := d.home.path
	if directory == "" {
		directory = d.of[user]
	}
	return scope{known: d.known, home: directory, dialect: in}
}

// entry is that of a command with its verdict.
func entry(line int, user, command string, v verdict) model.PersistenceEntry {
	worst := v.strongest()
	return model.PersistenceEntry{
		Line: line, User: user, Command: command, Programs: v.programs, Reason: worst.reason, Evidence: worst.evidence,
	}
}

// base is the file's name.
func (d document) base() string { return path.Base(d.path) }

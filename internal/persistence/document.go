package persistence

import (
	"iter"
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/persistence/shell"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/secrets"
)

// document is one file to be parsed.
type document struct {
	kind  model.PersistenceKind
	path  string
	text  string
	home  home
	owner string            // who writes the file; "" for root and the system
	unit  string            // that a drop-in belongs to; "" for another file
	homes map[string]string // user -> home
	key   []byte            // of the hashes of identities

	known     func(baseName string) bool
	allowance *shell.Allowance
}

// parsed is what a file holds.
type parsed struct {
	entries    []model.PersistenceEntry
	count      int      // of entries, also of those that are not remembered
	suspicious int      // of entries with a reason, also of those that are not remembered
	identities []uint64 // of what makes an entry another one
	broken     int      // lines that are not understood
	worths     [worths]int
}

// format parses the files of a location.
type format func(document) parsed

// add takes an entry that counts.
func (p *parsed) add(d document, identity string, e model.PersistenceEntry) {
	p.count++
	p.identities = append(p.identities, hashOf(d.key, identity))
	p.remember(d, e)
}

// remember keeps an entry. Beyond the limit it takes the place of one that counts
// less, if there is any.
func (p *parsed) remember(d document, e model.PersistenceEntry) {
	e.Kind, e.Path, e.Owner = d.kind, d.path, d.owner
	e.Command = shell.Cut(strings.TrimSpace(e.Command), shell.MaxCommandBytes)
	e.User, e.Unit = shell.Cut(e.User, shell.MaxEvidenceBytes), shell.Cut(e.Unit, shell.MaxEvidenceBytes)
	e.Starts = shell.Cut(e.Starts, shell.MaxEvidenceBytes)
	if e.Reason != "" {
		p.suspicious++
	}
	worth := worthOf(&e)
	// What is kept is for people. The programs, and what makes an entry another one, were found before.
	e.Command, e.Evidence, e.Decoded = secrets.Line(e.Command), secrets.Line(e.Evidence), secrets.Line(e.Decoded)
	if len(p.entries) < maxFileEntries {
		p.entries = append(p.entries, e)
		p.worths[worth]++
		return
	}
	for least := range worth {
		if p.worths[least] == 0 {
			continue
		}
		for i := range p.entries {
			if worthOf(&p.entries[i]) == least {
				p.worths[least]--
				p.worths[worth]++
				p.entries[i] = e
				return
			}
		}
	}
}

// worths is how much an entry counts: only one that names a program can be found to
// start a suspect.
const worths = 4

func worthOf(e *model.PersistenceEntry) int {
	worth := 0
	if e.Reason != "" {
		worth += 2
	}
	if len(e.Programs) > 0 {
		worth++
	}
	return worth
}

// analyze says what a command of the document would run.
func (d document) analyze(command, user string) shell.Verdict {
	return shell.Analyze(command, d.context(user))
}

func (d document) context(user string) shell.Context {
	return shell.Context{Known: d.known, Home: d.homeOf(user), Allowance: d.allowance}
}

// homeOf is the home that commands of a user of the document run in; "" if unknown.
func (d document) homeOf(user string) string {
	if d.home.path != "" {
		return d.home.path
	}
	return d.homes[user]
}

// base is the file's name.
func (d document) base() string { return path.Base(d.path) }

// entry is that of a command with its verdict.
func entry(line int, user, command string, v shell.Verdict) model.PersistenceEntry {
	worst := v.Strongest()
	return model.PersistenceEntry{
		Line: line, User: user, Command: command, Programs: v.Programs, Reason: worst.Reason, Evidence: worst.Evidence,
		Decoded: worst.Decoded,
	}
}

// eachLine yields the lines, from 1, that are neither empty nor begin with one of
// the characters of comments, without the white space around them.
func eachLine(text, comments string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range strings.Lines(text) {
			number++
			line = strings.TrimSpace(line)
			if line == "" || strings.IndexByte(comments, line[0]) >= 0 {
				continue
			}
			if !yield(number, line) {
				return
			}
		}
	}
}

// eachJoinedLine is eachLine for files in which a line that ends in a backslash goes
// on in the next one. It yields the number of the first.
func eachJoinedLine(text, comments, separator string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		first := 0
		var joined strings.Builder
		for number, line := range eachLine(text, comments) {
			if joined.Len() == 0 {
				first = number
			}
			before, goesOn := strings.CutSuffix(line, `\`)
			joined.WriteString(before)
			if goesOn {
				joined.WriteString(separator)
				continue
			}
			whole := joined.String()
			joined.Reset()
			if !yield(first, whole) {
				return
			}
		}
		if joined.Len() > 0 {
			yield(first, joined.String())
		}
	}
}

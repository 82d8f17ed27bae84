package persistence

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// dialect is the language that a text is judged in.
type dialect int

const (
	dialectShell   dialect = iota // sh(1), bash(1) and their like
	dialectZsh                    // zsh(1)
	dialectWords                  // a shell that the parser does not know, such as csh(1)
	dialectForeign                // no shell
)

// maxOpeners bounds how deep brackets nest, because the parser recurses: beyond
// it a text is judged by its words.
const maxOpeners = 8192

// scope is what is known around a command.
type scope struct {
	known   func(baseName string) bool
	home    string // of the user whom it runs as; "" if unknown
	dialect dialect
}

// judge tells what a command or a script runs, and why that is suspicious. It
// runs nothing and looks at no file.
func judge(text string, c scope) verdict {
	v := verdict{}
	budget := budget{bytes: 4 * maxFileBytes, steps: 1 << 20}
	j := newJudge(text, c, &v, &budget)
	j.run()
	return v
}

// budget bounds what judging one text costs, whatever its author nests.
type budget struct {
	bytes int // parsed
	steps int // nodes looked at
}

// judging is one text, or a string of commands in another.
type judging struct {
	scope
	text    string
	depth   int
	line    int    // of the outer script where this text is a string of it; 0 in the script itself
	command string // of the outer script

	variables map[string]string                  // with values that are known
	tainted   map[string]model.PersistenceReason // variables and functions that hold or give what was fetched
	written   map[string]model.PersistenceReason // files that hold what was fetched
	directory string                             // the script went there; "" if unknown

	piped   map[*syntax.BinaryCmd]bool
	verdict *verdict
	budget  *budget
}

func newJudge(text string, c scope, v *verdict, b *budget) *judging {
	return &judging{
		scope: c, text: text, verdict: v, budget: b,
		variables: map[string]string{}, tainted: map[string]model.PersistenceReason{},
		written: map[string]model.PersistenceReason{}, piped: map[*syntax.BinaryCmd]bool{},
	}
}

// nest judges a string of commands with what is known around it. Line and
// command stay those of the script.
func (j *judging) nest(text string, at syntax.Node) {
	if strings.TrimSpace(text) == "" || j.depth >= maxNested {
		return
	}
	inner := *j
	inner.text, inner.depth, inner.piped = text, j.depth+1, map[*syntax.BinaryCmd]bool{}
	if j.line == 0 {
		inner.line, inner.command = j.place(at)
	}
	inner.run()
}

func (j *judging) run() {
	if j.budget.bytes -= len(j.text); j.budget.bytes < 0 {
		return
	}
	file := j.parse()
	if file == nil {
		j.words()
		return
	}
	j.collect(file)
	syntax.Walk(file, j.visit)
}

// parse returns nil for what is no shell script or too large for one.
func (j *judging) parse() (file *syntax.File) {
	if j.dialect == dialectWords || j.dialect == dialectForeign || len(j.text) > maxShellBytes || openers(j.text) > maxOpeners {
		return nil
	}
	variants := []syntax.LangVariant{syntax.LangBash, syntax.LangPOSIX}
	if j.dialect == dialectZsh {
		variants = []syntax.LangVariant{syntax.LangZsh, syntax.LangBash}
	}
	// A parser that fails on hostile text costs the parse, not the exporter.
	defer func() {
		if recover() != nil {
			file = nil
		}
	}()
	for _, variant := range variants {
		parsed, err := syntax.NewParser(syntax.Variant(variant)).Parse(strings.NewReader(j.text), "")
		if err == nil {
			return parsed
		}
	}
	return nil
}

// openers counts what may nest.
func openers(text string) int {
	n := 0
	for i := range len(text) {
		switch text[i] {
		case '(', '{', '[', '`':
			n++
		}
	}
	return n
}

// visit looks at one node of a script.
func (j *judging) visit(node syntax.Node) bool {
	switch n := node.(type) {
	case *syntax.Stmt:
		if call, ok := n.Cmd.(*syntax.CallExpr); ok {
			j.call(n, call)
		}
	case *syntax.BinaryCmd:
		if isPipe(n) && !j.piped[n] {
			j.pipeline(n)
		}
	case *syntax.Assign:
		if n.Name != nil && n.Name.Value == "LD_PRELOAD" && n.Value != nil {
			for _, library := range strings.FieldsFunc(j.render(n.Value), isPreloadSeparator) {
				j.file(target{word: word{text: library, node: n.Value}}, n)
			}
		}
	}
	return true
}

// isPreloadSeparator knows what separates libraries (ld.so(8)).
func isPreloadSeparator(r rune) bool {
	return r == ':' || r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\f' || r == '\v'
}

func isPipe(n *syntax.BinaryCmd) bool { return n.Op == syntax.Pipe || n.Op == syntax.PipeAll }

// call judges a simple command.
func (j *judging) call(statement *syntax.Stmt, call *syntax.CallExpr) {
	arguments := j.arguments(call)
	if len(arguments) == 0 {
		return
	}
	if arguments[0].text == "cd" && len(arguments) > 1 {
		j.directory = arguments[1].text
	}
	e := describe(arguments)
	for _, t := range e.targets {
		j.file(t, call)
	}
	for _, code := range e.code {
		if code.node != nil {
			j.suspect(j.taint(code.node), j.source(statement), call)
		}
		j.nest(code.text, call)
	}
	for _, code := range e.foreign {
		j.suspect(foreignRun(code), j.source(call), call)
	}
	if e.stdin {
		j.redirected(statement, call)
	}
}

// redirected judges what a shell reads from where its input is redirected to.
func (j *judging) redirected(statement *syntax.Stmt, call *syntax.CallExpr) {
	for _, r := range statement.Redirs {
		if r.Word != nil {
			if name := j.render(r.Word); strings.HasPrefix(name, "/dev/tcp/") || strings.HasPrefix(name, "/dev/udp/") {
				j.suspect(model.PersistenceFetchAndRun, j.source(statement), call)
				continue
			}
		}
		switch r.Op {
		case syntax.RdrIn:
			j.file(target{word: word{text: j.render(r.Word), node: r.Word}}, call)
		case syntax.WordHdoc:
			j.suspect(j.taint(r.Word), j.source(statement), call)
			j.nest(j.render(r.Word), call)
		case syntax.Hdoc, syntax.DashHdoc:
			if r.Hdoc != nil {
				j.suspect(j.taint(r.Hdoc), j.source(statement), call)
				j.nest(j.render(r.Hdoc), call)
			}
		}
	}
}

// file judges a file that is run.
func (j *judging) file(t target, at syntax.Node) {
	if isWhole(t) {
		j.suspect(j.taint(t.node), j.source(at), at)
	}
	name := t.text
	if name == "" || t.bare && !strings.Contains(name, "/") {
		if j.known(name) && name != "" {
			j.suspect(model.PersistenceKnownMiner, name, at)
		}
		return
	}
	j.suspect(j.fetched(name), j.source(at), at)
	resolved := j.resolve(name)
	j.verdict.program(resolved)
	if isTemporary(resolved) {
		j.suspect(model.PersistenceTempPath, name, at)
	}
	if isHidden(resolved, j.home, t.sourced) {
		j.suspect(model.PersistenceHiddenPath, name, at)
	}
	if base := baseName(resolved); base != "" && j.known(base) {
		j.suspect(model.PersistenceKnownMiner, name, at)
	}
}

// isWhole tells whether a file that is run is nothing but what a command gives:
// $(curl ...) as the command itself, sh <(curl ...). A name that only holds such
// a part, as that of a downloaded version, is a file of its own.
func isWhole(t target) bool {
	if t.node == nil || len(t.node.Parts) != 1 {
		return false
	}
	part := t.node.Parts[0]
	if quoted, ok := part.(*syntax.DblQuoted); ok && len(quoted.Parts) == 1 {
		part = quoted.Parts[0]
	}
	switch part.(type) {
	case *syntax.ProcSubst:
		return true
	case *syntax.CmdSubst, *syntax.ParamExp:
		return t.bare
	}
	return false
}

// fetched tells whether a command of the same script has written a file.
func (j *judging) fetched(name string) model.PersistenceReason {
	if reason := j.written[name]; reason != "" {
		return reason
	}
	for file, reason := range j.written {
		if (file[0] != '/' || name[0] != '/') && baseName(file) != "" && baseName(file) == baseName(name) {
			return reason
		}
	}
	return ""
}

// resolve makes a path absolute, as far as the script tells.
func (j *judging) resolve(name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok && strings.HasPrefix(j.home, "/") {
		return strings.TrimSuffix(j.home, "/") + "/" + rest
	}
	// Only a directory that everybody may write to tells something: scripts of
	// packages go to many others.
	if name[0] != '/' && name[0] != '~' && name[0] != '$' && isTemporary(j.directory+"/x") && !strings.HasPrefix(j.directory+"/", "/dev/x") {
		return j.directory + "/" + name
	}
	return name
}

func (j *judging) suspect(reason model.PersistenceReason, evidence string, at syntax.Node) {
	if reason == "" || len(j.verdict.suspicions) >= maxSuspicions {
		return
	}
	line, command := j.line, j.command
	if line == 0 {
		line, command = j.place(at)
	}
	j.verdict.suspect(suspicion{reason: reason, evidence: evidence, command: command, line: line})
}

// place is the line of a node, and the whole lines that hold it.
func (j *judging) place(node syntax.Node) (line int, lines string) {
	if node == nil {
		return 1, j.text
	}
	start, end := clamp(node.Pos().Offset(), j.text), clamp(node.End().Offset(), j.text)
	from := strings.LastIndexByte(j.text[:start], '\n') + 1
	to := strings.IndexByte(j.text[max(start, end):], '\n')
	if to < 0 {
		to = len(j.text)
	} else {
		to += max(start, end)
	}
	return 1 + strings.Count(j.text[:from], "\n"), j.text[from:to]
}

// source is the text of a node.
func (j *judging) source(node syntax.Node) string {
	if node == nil {
		return j.text
	}
	start, end := clamp(node.Pos().Offset(), j.text), clamp(node.End().Offset(), j.text)
	return j.text[start:max(start, end)]
}

func clamp(offset uint, text string) int { return min(int(offset), len(text)) }

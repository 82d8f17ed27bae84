package shell

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// maxOpeners bounds how deep brackets nest, because the parser recurses: beyond
// it a text is analyzed by its words.
const maxOpeners = 8192

// analysis is that of one text, or of a string of commands in another.
type analysis struct {
	Context
	*taints
	verdict *Verdict

	text      string
	depth     int
	line      int    // of the outer script where this text is a string of it; 0 in the script itself
	command   string // of the outer script
	directory string // the script went there; "" if unknown
	decoded   string // the decoded text that the text is, or is in
	decodings int    // decoded texts that it is in
	piped     map[*syntax.BinaryCmd]bool
}

func newAnalysis(text string, c Context, v *Verdict) *analysis {
	return &analysis{Context: c, taints: newTaints(c.Allowance), verdict: v, text: text, piped: map[*syntax.BinaryCmd]bool{}}
}

// inside is the analysis of a string of commands with what is known around it. Line
// and command stay those of the script.
func (a *analysis) inside(text string, at syntax.Node) *analysis {
	inner := *a
	inner.text, inner.depth, inner.piped, inner.Input = text, a.depth+1, map[*syntax.BinaryCmd]bool{}, ""
	if a.line == 0 {
		inner.line, inner.command = a.location(at)
	}
	return &inner
}

func (a *analysis) run() {
	if a.budget.bytes -= len(a.text); a.budget.bytes < 0 {
		return
	}
	file := a.parse()
	if file == nil {
		a.unparsed()
		return
	}
	a.collect(file)
	syntax.Walk(file, a.visit)
}

// parse returns nil for what is no shell script or too large for one.
func (a *analysis) parse() (file *syntax.File) {
	if a.Dialect == Words || a.Dialect == Foreign || len(a.text) > maxParsedBytes || openers(a.text) > maxOpeners {
		return nil
	}
	variants := []syntax.LangVariant{syntax.LangBash, syntax.LangPOSIX}
	if a.Dialect == Zsh {
		variants = []syntax.LangVariant{syntax.LangZsh, syntax.LangBash}
	}
	// A parser that fails on hostile text costs the parse, not the exporter.
	defer func() {
		if recover() != nil {
			file = nil
		}
	}()
	for _, variant := range variants {
		parsed, err := syntax.NewParser(syntax.Variant(variant)).Parse(strings.NewReader(a.text), "")
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
func (a *analysis) visit(node syntax.Node) bool {
	switch n := node.(type) {
	case *syntax.Stmt:
		if call, ok := n.Cmd.(*syntax.CallExpr); ok {
			a.call(n, call)
		}
	case *syntax.BinaryCmd:
		if isPipe(n) && !a.piped[n] {
			a.pipeline(n)
		}
	case *syntax.Assign:
		if n.Name != nil && n.Name.Value == "LD_PRELOAD" && n.Value != nil {
			for _, library := range strings.FieldsFunc(a.variables.expand(n.Value), IsLibrarySeparator) {
				a.file(target{word: word{text: library, node: n.Value}}, n)
			}
		}
	}
	return true
}

// IsLibrarySeparator knows what stands between the libraries of LD_PRELOAD and of
// /etc/ld.so.preload (ld.so(8)).
func IsLibrarySeparator(r rune) bool { return strings.ContainsRune(": \t\n\r\f\v", r) }

// call analyzes a simple command.
func (a *analysis) call(statement *syntax.Stmt, call *syntax.CallExpr) {
	arguments := a.variables.arguments(call)
	if len(arguments) == 0 {
		return
	}
	if arguments[0].text == "cd" && len(arguments) > 1 {
		a.directory = arguments[1].text
	}
	c := commandOf(arguments)
	for _, t := range c.targets {
		a.file(t, call)
	}
	for _, code := range c.code {
		reason := a.outputOf(code.node)
		a.given(flow{code.text, true, reason == model.PersistenceDecodeRun}, reason, a.source(statement), false, call)
	}
	for _, code := range c.foreign {
		a.suspect(foreignRun(code), a.source(call), call)
		a.foreignCode(code, call)
	}
	if c.stdin {
		a.redirected(statement, call, isInterpreter(programOf(c.last)))
	}
}

// outputOf is output for a word; "" where there is none.
func (a *analysis) outputOf(w *syntax.Word) model.PersistenceReason {
	if w == nil {
		return ""
	}
	return a.output(w)
}

// redirected analyzes what a shell, or a program of another language, reads from where
// its input is redirected to.
func (a *analysis) redirected(statement *syntax.Stmt, call *syntax.CallExpr, foreign bool) {
	for _, r := range statement.Redirs {
		if r.Word != nil {
			if name := a.variables.expand(r.Word); strings.HasPrefix(name, "/dev/tcp/") || strings.HasPrefix(name, "/dev/udp/") {
				a.suspect(model.PersistenceFetchAndRun, a.source(statement), call)
				continue
			}
		}
		switch r.Op {
		case syntax.RdrIn:
			a.file(target{word: word{text: a.variables.expand(r.Word), node: r.Word}}, call)
		case syntax.WordHdoc:
			a.document(r.Word, statement, foreign, call)
		case syntax.Hdoc, syntax.DashHdoc:
			a.document(r.Hdoc, statement, foreign, call)
		}
	}
}

// document analyzes a text of the script that a program runs.
func (a *analysis) document(text *syntax.Word, statement *syntax.Stmt, foreign bool, at syntax.Node) {
	if text == nil {
		return
	}
	reason := a.output(text)
	a.given(flow{a.variables.expand(text), true, reason == model.PersistenceDecodeRun}, reason, a.source(statement), foreign, at)
}

// whole analyzes what the file that is run is made of.
func (a *analysis) whole(w *syntax.Word, at syntax.Node) {
	reason := a.output(w)
	f := flow{}
	if substituted, ok := w.Parts[0].(*syntax.ProcSubst); ok {
		f = a.variables.statements(substituted.Stmts, flow{})
	} else if reason == model.PersistenceDecodeRun {
		f = flow{a.variables.expand(w), true, true}
	}
	a.given(f, reason, a.source(at), false, at)
}

// file analyzes a file that is run.
func (a *analysis) file(t target, at syntax.Node) {
	if isWhole(t) {
		a.whole(t.node, at)
	}
	name := t.text
	if name == "" || t.inPath && !strings.Contains(name, "/") {
		if name != "" && a.Known(name) {
			a.suspect(model.PersistenceKnownMiner, name, at)
		}
		return
	}
	a.given(a.contents[name], a.fetched(name), a.source(at), false, at)
	resolved := a.resolve(name)
	a.verdict.program(resolved)
	if isTemporary(resolved) {
		a.suspect(model.PersistenceTempPath, name, at)
	}
	if isHidden(resolved, a.Home, t.sourced) {
		a.suspect(model.PersistenceHiddenPath, name, at)
	}
	if base := baseName(resolved); base != "" && a.Known(base) {
		a.suspect(model.PersistenceKnownMiner, name, at)
	}
}

// isWhole reports whether a file that is run is nothing but what a command gives:
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
		return t.inPath
	}
	return false
}

// fetched reports whether a command of the same script has written a file.
func (a *analysis) fetched(name string) model.PersistenceReason {
	if reason := a.written[name]; reason != "" {
		return reason
	}
	for file, reason := range a.written {
		if (file[0] != '/' || name[0] != '/') && baseName(file) != "" && baseName(file) == baseName(name) {
			return reason
		}
	}
	return ""
}

// resolve makes a path absolute, as far as the script says.
func (a *analysis) resolve(name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok && strings.HasPrefix(a.Home, "/") {
		return strings.TrimSuffix(a.Home, "/") + "/" + rest
	}
	// Only a directory that everybody may write to says something: scripts of
	// packages go to many others.
	if !strings.ContainsAny(name[:1], "/~$") && isTemporary(a.directory+"/x") {
		return a.directory + "/" + name
	}
	return name
}

func (a *analysis) suspect(reason model.PersistenceReason, evidence string, at syntax.Node) {
	if reason == "" {
		return
	}
	if len(a.verdict.Suspicions) >= maxSuspicions {
		if a.line == 0 && at != nil {
			a.verdict.leave(int(at.Pos().Line()))
		} else {
			a.verdict.leave(a.line)
		}
		return
	}
	line, command := a.line, a.command
	if line == 0 {
		line, command = a.location(at)
	}
	a.verdict.Suspect(Suspicion{Reason: reason, Evidence: evidence, Decoded: a.decoded, Command: command, Line: line})
}

// location is the line of a node, and the whole lines that hold it.
func (a *analysis) location(node syntax.Node) (line int, lines string) {
	if node == nil {
		return 1, a.text
	}
	start, end := clamp(node.Pos().Offset(), a.text), clamp(node.End().Offset(), a.text)
	from := strings.LastIndexByte(a.text[:start], '\n') + 1
	to := strings.IndexByte(a.text[max(start, end):], '\n')
	if to < 0 {
		to = len(a.text)
	} else {
		to += max(start, end)
	}
	return 1 + strings.Count(a.text[:from], "\n"), a.text[from:to]
}

// source is the text of a node.
func (a *analysis) source(node syntax.Node) string {
	if node == nil {
		return a.text
	}
	start, end := clamp(node.Pos().Offset(), a.text), clamp(node.End().Offset(), a.text)
	return a.text[start:max(start, end)]
}

func clamp(offset uint, text string) int { return min(int(offset), len(text)) }

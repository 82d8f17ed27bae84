package persistence

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// maxValue bounds what is kept of a variable: values that are made of values
// would else double with every line.
const maxValue = 4096

// collect notes, before anything is judged, which variables and functions a
// script sets and which files it writes with what it fetches. A function may
// stand below its use.
func (j *judging) collect(file *syntax.File) {
	syntax.Walk(file, func(node syntax.Node) bool {
		switch n := node.(type) {
		case *syntax.Assign:
			j.assign(n)
		case *syntax.FuncDecl:
			if n.Name != nil && n.Body != nil {
				if reason := j.taint(n.Body); reason != "" {
					j.tainted[n.Name.Value] = reason
				}
			}
		case *syntax.Stmt:
			j.write(n)
		}
		return true
	})
}

func (j *judging) assign(n *syntax.Assign) {
	if n.Name == nil || n.Value == nil {
		return
	}
	if reason := j.taint(n.Value); reason != "" {
		j.tainted["$"+n.Name.Value] = reason
	}
	value := j.render(n.Value)
	if n.Append {
		value = j.variables[n.Name.Value] + value
	}
	if _, taken := j.variables[n.Name.Value]; taken && value == "" {
		return // a later emptying says less than the value before
	}
	if len(value) <= maxValue {
		j.variables[n.Name.Value] = value
	}
}

// write notes the file that a statement writes what it fetches to.
func (j *judging) write(statement *syntax.Stmt) {
	call, ok := statement.Cmd.(*syntax.CallExpr)
	if ok {
		arguments := describe(j.arguments(call)).last
		if did := transferOf(arguments); did.file != "" {
			j.written[did.file] = did.reason
		}
		if base := programOf(arguments); (base == "mv" || base == "cp" || base == "install") && len(arguments) > 2 {
			from, to := arguments[len(arguments)-2].text, arguments[len(arguments)-1].text
			if reason := j.written[from]; reason != "" && to != "" {
				j.written[to] = reason
			}
		}
	}
	for _, r := range statement.Redirs {
		if r.Op != syntax.RdrOut && r.Op != syntax.AppOut && r.Op != syntax.RdrClob && r.Op != syntax.RdrAll || r.Word == nil || r.N != nil && r.N.Value != "1" {
			continue
		}
		if file := j.render(r.Word); file != "" && !strings.HasPrefix(file, "/dev/") {
			if reason := j.taint(statement.Cmd); reason != "" {
				j.written[file] = reason
			}
		}
	}
	pipe, ok := statement.Cmd.(*syntax.BinaryCmd)
	if !ok || !isPipe(pipe) {
		return
	}
	// curl | base64 -d > FILE: the redirection belongs to the last stage.
	last := pipe.Y
	for _, r := range last.Redirs {
		if (r.Op == syntax.RdrOut || r.Op == syntax.AppOut) && r.Word != nil && (r.N == nil || r.N.Value == "1") {
			if file := j.render(r.Word); file != "" && !strings.HasPrefix(file, "/dev/") {
				if reason := j.taint(statement.Cmd); reason != "" {
					j.written[file] = reason
				}
			}
		}
	}
}

func programOf(arguments []word) string {
	if len(arguments) == 0 {
		return ""
	}
	return baseName(arguments[0].text)
}

// taint tells whether a part of a script gives out what it fetches or decodes.
func (j *judging) taint(node syntax.Node) model.PersistenceReason {
	strongest := model.PersistenceReason("")
	note := func(reason model.PersistenceReason) {
		if reason != "" && (strongest == "" || rank(reason) < rank(strongest)) {
			strongest = reason
		}
	}
	if node == nil {
		return ""
	}
	syntax.Walk(node, func(n syntax.Node) bool {
		if j.budget.steps--; j.budget.steps < 0 {
			return false
		}
		switch n := n.(type) {
		case *syntax.CallExpr:
			arguments := describe(j.arguments(n)).last
			if did := transferOf(arguments); did.file == "" {
				note(did.reason)
			}
			if len(arguments) > 0 {
				note(j.tainted[arguments[0].text])
			}
		case *syntax.ParamExp:
			if n.Param != nil {
				note(j.tainted["$"+n.Param.Value])
			}
		case *syntax.Redirect:
			if n.Word != nil && strings.HasPrefix(n.Word.Lit(), "/dev/tcp/") {
				note(model.PersistenceFetchAndRun)
			}
		}
		return true
	})
	return strongest
}

// arguments renders the words of a simple command.
func (j *judging) arguments(call *syntax.CallExpr) []word {
	all := make([]word, 0, len(call.Args))
	for _, argument := range call.Args {
		text := j.render(argument)
		// An unquoted variable may hold several words: COMMAND="nohup /tmp/x".
		if len(argument.Parts) == 1 && strings.ContainsAny(text, " \t") {
			if _, ok := argument.Parts[0].(*syntax.ParamExp); ok {
				for _, part := range strings.Fields(text) {
					all = append(all, word{text: part, node: argument})
				}
				continue
			}
		}
		all = append(all, word{text: text, node: argument})
	}
	return all
}

package shell

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// maxValue bounds what is kept of a variable, in bytes: values that are made of
// values would otherwise double with every line.
const maxValue = 4096

// budget bounds what the analysis of one text costs, whatever its author nests.
type budget struct {
	bytes int // still to be analyzed
	steps int // nodes still to be looked at
}

// taints is what a script, with the strings of commands in it, does with what it
// fetches or decodes.
type taints struct {
	variables variables
	from      map[string]model.PersistenceReason // $VARIABLE and function -> why what it gives is suspicious
	written   map[string]model.PersistenceReason // file -> why its content is suspicious
	contents  map[string]flow                    // file -> what it is decoded to
	budget    budget
}

// maxContents is how many files' contents are kept.
const maxContents = 16

func newTaints(a *Allowance) *taints {
	return &taints{
		variables: newVariables(a), contents: map[string]flow{}, from: map[string]model.PersistenceReason{}, written: map[string]model.PersistenceReason{},
		budget: budget{bytes: maxAllBytes, steps: maxSteps},
	}
}

// collect notes, before anything is analyzed, which variables and functions a
// script sets and which files it writes with what it fetches. A function may stand
// below its use.
func (t *taints) collect(file *syntax.File) {
	syntax.Walk(file, func(node syntax.Node) bool {
		switch n := node.(type) {
		case *syntax.Assign:
			t.assign(n)
		case *syntax.FuncDecl:
			if n.Name != nil && n.Body != nil {
				t.taint(n.Name.Value, n.Body)
			}
		case *syntax.Stmt:
			t.statement(n)
		}
		return true
	})
}

// taint notes that a variable or function gives what a part of the script does.
func (t *taints) taint(name string, node syntax.Node) {
	if reason := t.output(node); reason != "" {
		t.from[name] = reason
	}
}

func (t *taints) assign(n *syntax.Assign) {
	if n.Name == nil || n.Value == nil {
		return
	}
	t.taint("$"+n.Name.Value, n.Value)
	value := t.variables.expand(n.Value)
	if n.Append {
		value = t.variables.values[n.Name.Value] + value
	}
	if _, taken := t.variables.values[n.Name.Value]; taken && value == "" {
		return // a later emptying says less than the value before
	}
	if len(value) <= maxValue {
		t.variables.values[n.Name.Value] = value
	}
}

// statement notes the files that a statement writes what it fetches to.
func (t *taints) statement(statement *syntax.Stmt) {
	if call, ok := statement.Cmd.(*syntax.CallExpr); ok {
		arguments := commandOf(t.variables.arguments(call)).last
		if did := transferOf(arguments); did.file != "" {
			t.written[did.file] = did.reason
		}
		switch programOf(arguments) {
		case "mv", "cp", "install":
			if len(arguments) > 2 {
				from, to := arguments[len(arguments)-2].text, arguments[len(arguments)-1].text
				if reason := t.written[from]; reason != "" && to != "" {
					t.written[to] = reason
				}
			}
		}
	}
	outputs := statement.Redirs
	if pipe, ok := statement.Cmd.(*syntax.BinaryCmd); ok && isPipe(pipe) {
		// curl | base64 -d > FILE: the redirection belongs to the last stage.
		outputs = append(outputs[:len(outputs):len(outputs)], pipe.Y.Redirs...)
	}
	for _, r := range outputs {
		if !isOutput(r) {
			continue
		}
		file := t.variables.expand(r.Word)
		if file == "" || strings.HasPrefix(file, "/dev/") {
			continue
		}
		if reason := t.output(statement.Cmd); reason != "" {
			t.written[file] = reason
			if content := t.variables.statement(statement, flow{}); content.decoded && len(t.contents) < maxContents {
				t.contents[file] = content
			}
		}
	}
}

// isOutput holds for a redirection of the standard output to a file.
func isOutput(r *syntax.Redirect) bool {
	if r.N != nil && r.N.Value != "1" {
		return false
	}
	switch r.Op {
	case syntax.RdrOut, syntax.AppOut, syntax.RdrClob, syntax.RdrAll:
		return true
	}
	return false
}

func isPipe(n *syntax.BinaryCmd) bool { return n.Op == syntax.Pipe || n.Op == syntax.PipeAll }

func programOf(arguments []word) string {
	if len(arguments) == 0 {
		return ""
	}
	return baseName(arguments[0].text)
}

// stronger returns the reason that comes first in the order of reasons.
func stronger(a, b model.PersistenceReason) model.PersistenceReason {
	if b.Rank() < a.Rank() {
		return b
	}
	return a
}

// output is why what a part of a script gives out is suspicious: it is fetched or
// decoded. "" is for what is not.
func (t *taints) output(node syntax.Node) model.PersistenceReason {
	reason := model.PersistenceReason("")
	if node == nil {
		return reason
	}
	syntax.Walk(node, func(n syntax.Node) bool {
		if t.budget.steps--; t.budget.steps < 0 {
			return false
		}
		switch n := n.(type) {
		case *syntax.CallExpr:
			arguments := commandOf(t.variables.arguments(n)).last
			if did := transferOf(arguments); did.file == "" {
				reason = stronger(reason, did.reason)
			}
			if len(arguments) > 0 {
				reason = stronger(reason, t.from[arguments[0].text])
			}
		case *syntax.ParamExp:
			if n.Param != nil {
				reason = stronger(reason, t.from["$"+n.Param.Value])
			}
		case *syntax.Redirect:
			if n.Word != nil && strings.HasPrefix(n.Word.Lit(), "/dev/tcp/") {
				reason = stronger(reason, model.PersistenceFetchAndRun)
			}
		}
		return true
	})
	return reason
}

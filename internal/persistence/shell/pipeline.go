package shell

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// stages lists the stages of a pipeline. The pipelines that it begins with are
// analyzed with it.
func (a *analysis) stages(n *syntax.BinaryCmd) []*syntax.Stmt {
	var all []*syntax.Stmt
	for {
		a.piped[n] = true
		all = append(all, n.Y)
		left, ok := n.X.Cmd.(*syntax.BinaryCmd)
		if !ok || !isPipe(left) || len(n.X.Redirs) > 0 {
			all = append(all, n.X)
			break
		}
		n = left
	}
	slices.Reverse(all)
	return all
}

// pipeline analyzes what flows into a program that runs its standard input.
func (a *analysis) pipeline(n *syntax.BinaryCmd) {
	stages := a.stages(n)
	flows := a.output(stages[0])
	for i := 1; i < len(stages); i++ {
		if call, last, runs := a.runsInput(stages[i]); runs {
			a.into(stages[:i], flows, a.source(n), isInterpreter(last), n, call)
		}
		flows = stronger(flows, a.output(stages[i]))
	}
}

// into analyzes what stages give to a shell or interpreter.
func (a *analysis) into(stages []*syntax.Stmt, reason model.PersistenceReason, evidence string, foreign bool, n, at syntax.Node) {
	f := a.variables.pipeline(stages, flow{text: a.Input, known: a.Input != ""})
	if !f.known {
		if f = a.literal(stages[0], at); len(stages) > 1 {
			f = flow{}
		}
		if hasEscapes(f.text) {
			reason = stronger(reason, model.PersistenceDecodeRun)
		}
	}
	a.given(f, reason, evidence, foreign, n)
}

// runsInput finds a shell or interpreter in a stage that runs what it reads.
func (a *analysis) runsInput(stage *syntax.Stmt) (at syntax.Node, program string, runs bool) {
	syntax.Walk(stage, func(node syntax.Node) bool {
		if a.budget.steps--; a.budget.steps < 0 || runs {
			return false
		}
		switch n := node.(type) {
		case *syntax.CallExpr:
			if c := commandOf(a.variables.arguments(n)); c.stdin {
				at, program, runs = n, programOf(c.last), true
			}
		case *syntax.CmdSubst, *syntax.ProcSubst:
			return false
		}
		return true
	})
	return at, program, runs
}

// literal analyzes the files that the first stage before a shell reads, as in cat FILE | sh.
// Of echo '...' it returns the text, for where that could not be worked out any more.
func (a *analysis) literal(stage *syntax.Stmt, at syntax.Node) flow {
	call, ok := stage.Cmd.(*syntax.CallExpr)
	if !ok {
		return flow{}
	}
	arguments := commandOf(a.variables.arguments(call)).last
	switch programOf(arguments) {
	case "echo", "printf":
		return flow{text: strings.Join(texts(arguments[1:]), " "), known: true}
	case "cat", "zcat", "head", "tail":
		for _, argument := range arguments[1:] {
			if strings.Contains(argument.text, "/") {
				a.file(target{word: argument}, at)
			}
		}
	}
	return flow{}
}

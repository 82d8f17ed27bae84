package shell

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
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
		if call, runs := a.runsInput(stages[i]); runs {
			a.suspect(flows, a.source(n), n)
			a.literal(stages[:i], call)
		}
		flows = stronger(flows, a.output(stages[i]))
	}
}

// runsInput finds a shell or interpreter in a stage that runs what it reads.
func (a *analysis) runsInput(stage *syntax.Stmt) (at syntax.Node, runs bool) {
	syntax.Walk(stage, func(node syntax.Node) bool {
		if a.budget.steps--; a.budget.steps < 0 || runs {
			return false
		}
		switch n := node.(type) {
		case *syntax.CallExpr:
			if commandOf(a.variables.arguments(n)).stdin {
				at, runs = n, true
			}
		case *syntax.CmdSubst, *syntax.ProcSubst:
			return false
		}
		return true
	})
	return at, runs
}

// literal analyzes text and files that a pipeline gives to a shell: echo '...' | sh
// and cat FILE | sh.
func (a *analysis) literal(stages []*syntax.Stmt, at syntax.Node) {
	call, ok := stages[0].Cmd.(*syntax.CallExpr)
	if !ok {
		return
	}
	arguments := commandOf(a.variables.arguments(call)).last
	switch programOf(arguments) {
	case "echo", "printf":
		if len(stages) == 1 {
			a.nested(strings.Join(texts(arguments[1:]), " "), at)
		}
	case "cat", "zcat", "head", "tail":
		for _, argument := range arguments[1:] {
			if strings.Contains(argument.text, "/") {
				a.file(target{word: argument}, at)
			}
		}
	}
}

package persistence

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// flatten lists the stages of a pipeline.
func flatten(n *syntax.BinaryCmd) []*syntax.Stmt {
	var reversed []*syntax.Stmt
	for {
		reversed = append(reversed, n.Y)
		left, ok := n.X.Cmd.(*syntax.BinaryCmd)
		if !ok || !isPipe(left) || len(n.X.Redirs) > 0 {
			reversed = append(reversed, n.X)
			break
		}
		n = left
	}
	stages := make([]*syntax.Stmt, 0, len(reversed))
	for i := len(reversed) - 1; i >= 0; i-- {
		stages = append(stages, reversed[i])
	}
	return stages
}

// pipeline judges what flows into a program that runs its standard input.
func (j *judging) pipeline(n *syntax.BinaryCmd) {
	for left := n; ; {
		j.piped[left] = true
		next, ok := left.X.Cmd.(*syntax.BinaryCmd)
		if !ok || !isPipe(next) {
			break
		}
		left = next
	}
	stages := flatten(n)
	flows := j.taint(stages[0])
	for i := 1; i < len(stages); i++ {
		if call, runs := j.runsInput(stages[i]); runs {
			j.suspect(flows, j.source(n), n)
			j.literal(stages[:i], call)
		}
		if reason := j.taint(stages[i]); reason != "" && (flows == "" || rank(reason) < rank(flows)) {
			flows = reason
		}
	}
}

// runsInput finds a shell or interpreter in a stage that runs what it reads.
func (j *judging) runsInput(stage *syntax.Stmt) (at syntax.Node, runs bool) {
	syntax.Walk(stage, func(node syntax.Node) bool {
		if j.budget.steps--; j.budget.steps < 0 || runs {
			return false
		}
		switch n := node.(type) {
		case *syntax.CallExpr:
			if describe(j.arguments(n)).stdin {
				at, runs = n, true
			}
		case *syntax.CmdSubst, *syntax.ProcSubst:
			return false
		}
		return true
	})
	return at, runs
}

// literal judges text and files that a pipeline gives to a shell: echo '...' | sh
// and cat FILE | sh.
func (j *judging) literal(stages []*syntax.Stmt, at syntax.Node) {
	call, ok := stages[0].Cmd.(*syntax.CallExpr)
	if !ok {
		return
	}
	arguments := describe(j.arguments(call)).last
	switch programOf(arguments) {
	case "echo", "printf":
		if len(stages) == 1 {
			j.nest(strings.Join(texts(arguments[1:]), " "), at)
		}
	case "cat", "zcat", "head", "tail":
		for _, argument := range arguments[1:] {
			if strings.Contains(argument.text, "/") {
				j.file(target{word: argument}, at)
			}
		}
	}
}

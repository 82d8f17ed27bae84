package shell

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// flow is what a part of a script gives out, as far as that is known without running
// it.
type flow struct {
	text    string
	known   bool
	decoded bool // nobody could read it in the script
}

// statement works out what a statement gives out, given what it reads. Where its
// output is redirected to does not matter.
func (v *variables) statement(s *syntax.Stmt, in flow) flow {
	for _, r := range s.Redirs {
		switch r.Op {
		case syntax.RdrIn:
			in = flow{}
		case syntax.WordHdoc:
			in = flow{text: v.expand(r.Word) + "\n", known: true}
		case syntax.Hdoc, syntax.DashHdoc:
			in = flow{text: v.expand(r.Hdoc), known: r.Hdoc != nil}
		}
	}
	switch c := s.Cmd.(type) {
	case *syntax.CallExpr:
		if !v.allowance.step() {
			return flow{}
		}
		return v.allowance.gives(commandOf(v.arguments(c)).last, in)
	case *syntax.BinaryCmd:
		if isPipe(c) {
			return v.statement(c.Y, v.statement(c.X, in))
		}
	case *syntax.Subshell:
		return v.statements(c.Stmts, in)
	case *syntax.Block:
		return v.statements(c.Stmts, in)
	}
	return flow{}
}

// statements works out what several statements give out, one after the other.
func (v *variables) statements(list []*syntax.Stmt, in flow) flow {
	all := flow{known: len(list) > 0}
	for _, s := range list {
		one := v.statement(s, in)
		if !one.known || !v.allowance.spend(len(one.text)) {
			return flow{}
		}
		all.text += one.text
		all.decoded = all.decoded || one.decoded
	}
	return all
}

// pipeline works out what the stages of a pipeline give out.
func (v *variables) pipeline(stages []*syntax.Stmt, in flow) flow {
	for _, s := range stages {
		in = v.statement(s, in)
	}
	return in
}

// substitution works out $(...) and `...`.
func (v *variables) substitution(s *syntax.CmdSubst) flow {
	if done, ok := v.substituted[s]; ok {
		return done
	}
	if v.depth >= maxSubstituted {
		return flow{}
	}
	v.depth++
	given := v.statements(s.Stmts, flow{})
	v.depth--
	if given.known {
		given.text = strings.TrimRight(given.text, "\n")
		v.substituted[s] = given
	}
	return given
}

// gives works out what a simple command gives out that only rewrites text. It knows
// those that are used to hide commands.
func (a *Allowance) gives(arguments []word, in flow) flow {
	if len(arguments) == 0 {
		return flow{}
	}
	rest := texts(arguments[1:])
	switch base := programOf(arguments); base {
	case "echo":
		return a.paid(0, echoed(rest))
	case "printf":
		return a.paid(0, a.printed(rest))
	default:
		if !in.known || !a.spend(len(in.text)) {
			return flow{}
		}
		out, ok := a.rewritten(base, rest, in.text)
		if !ok {
			return flow{}
		}
		return a.paid(0, flow{text: out, known: true, decoded: in.decoded || base != "cat" && base != "tee"})
	}
}

// paid is a flow that the allowance had room for.
func (a *Allowance) paid(more int, f flow) flow {
	if !a.spend(len(f.text) + more) {
		return flow{}
	}
	return f
}

// echoed is what echo gives out.
func echoed(arguments []string) flow {
	end, escapes := "\n", false
	for len(arguments) > 0 && len(arguments[0]) > 1 && arguments[0][0] == '-' && strings.Trim(arguments[0][1:], "neE") == "" {
		if strings.Contains(arguments[0], "n") {
			end = ""
		}
		escapes = escapes || strings.Contains(arguments[0], "e")
		arguments = arguments[1:]
	}
	out := flow{text: strings.Join(arguments, " ") + end, known: true}
	if escapes && strings.Contains(out.text, `\`) {
		out.decoded = hasEscapes(out.text)
		out.text = decodeANSI(strings.ReplaceAll(out.text, "%", "%%"))
	}
	return out
}

// hasEscapes holds for \x63, \143 and \u0063, behind which a command may hide.
func hasEscapes(text string) bool {
	for i := 0; i+1 < len(text); i++ {
		if text[i] == '\\' && strings.IndexByte("xuU01234567", text[i+1]) >= 0 {
			return true
		}
	}
	return false
}

// printed is what printf(1) gives out: it uses its format until no argument is left.
func (a *Allowance) printed(arguments []string) flow {
	if len(arguments) > 0 && arguments[0] == "--" {
		arguments = arguments[1:]
	}
	if len(arguments) == 0 || strings.HasPrefix(arguments[0], "-v") {
		return flow{}
	}
	format, arguments := arguments[0], arguments[1:]
	if strings.Contains(format, "%b") {
		for i := range arguments {
			arguments[i] = decodeANSI(strings.ReplaceAll(arguments[i], "%", "%%"))
		}
		format = strings.ReplaceAll(format, "%b", "%s")
	}
	var all strings.Builder
	for first := true; first || len(arguments) > 0; first = false {
		one, used, ok := formatted(format, arguments)
		if !ok || all.Len()+len(one) > maxParsedBytes {
			return flow{}
		}
		all.WriteString(one)
		if used == 0 {
			break
		}
		arguments = arguments[min(used, len(arguments)):]
	}
	return flow{text: all.String(), known: true, decoded: hasEscapes(format) || all.String() != format && slices.ContainsFunc(arguments, hasEscapes)}
}

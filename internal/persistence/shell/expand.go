package shell

import (
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// variables are those that a script sets, with values that are known, and what is
// known of the commands in $(...).
type variables struct {
	values      map[string]string
	substituted map[*syntax.CmdSubst]flow
	depth       int // of substitutions at hand
	allowance   *Allowance
}

func newVariables(a *Allowance) variables {
	if a == nil {
		a = NewAllowance()
	}
	return variables{values: map[string]string{}, substituted: map[*syntax.CmdSubst]flow{}, allowance: a}
}

// expand returns a word as the shell would make it, as far as that is known:
// without quotes, with the values of variables. What a command would give is left
// out, unless the command only rewrites text.
func (v *variables) expand(w *syntax.Word) string {
	if w == nil {
		return ""
	}
	var b strings.Builder
	v.parts(&b, w.Parts, false)
	return b.String()
}

func (v *variables) parts(b *strings.Builder, parts []syntax.WordPart, quoted bool) {
	for _, part := range parts {
		if b.Len() > maxParsedBytes {
			return
		}
		switch p := part.(type) {
		case *syntax.Lit:
			unescape(b, p.Value, quoted)
		case *syntax.SglQuoted:
			if p.Dollar {
				b.WriteString(decodeANSI(p.Value))
			} else {
				b.WriteString(p.Value)
			}
		case *syntax.DblQuoted:
			v.parts(b, p.Parts, true)
		case *syntax.ParamExp:
			v.parameter(b, p)
		case *syntax.CmdSubst:
			b.WriteString(v.substitution(p).text)
		case *syntax.BraceExp:
			if len(p.Elems) > 0 {
				v.parts(b, p.Elems[0].Parts, quoted)
			}
		}
	}
}

// parameter puts in the value of a variable.
func (v *variables) parameter(b *strings.Builder, p *syntax.ParamExp) {
	if p.Param == nil {
		return
	}
	name := p.Param.Value
	value, ok := v.values[name]
	switch {
	case ok:
		b.WriteString(value)
	case name == "HOME":
		b.WriteString("~")
	case name == "TMPDIR" && p.Exp == nil:
		b.WriteString("/tmp")
	case hasDefault(p.Exp):
		v.parts(b, p.Exp.Word.Parts, true)
	case name == "IFS":
		b.WriteByte(' ')
	default:
		b.WriteString("$" + name)
	}
}

// hasDefault holds for ${NAME:-WORD} and its like.
func hasDefault(e *syntax.Expansion) bool {
	if e == nil || e.Word == nil {
		return false
	}
	switch e.Op {
	case syntax.DefaultUnset, syntax.DefaultUnsetOrNull, syntax.AssignUnset, syntax.AssignUnsetOrNull:
		return true
	}
	return false
}

// arguments expands the words of a simple command.
func (v *variables) arguments(call *syntax.CallExpr) []word {
	all := make([]word, 0, len(call.Args))
	for _, argument := range call.Args {
		text := v.expand(argument)
		// An unquoted variable may hold several words: COMMAND="nohup /tmp/x".
		if len(argument.Parts) == 1 && strings.ContainsAny(text, " \t\n") {
			switch argument.Parts[0].(type) {
			case *syntax.ParamExp, *syntax.CmdSubst:
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

// unescape takes the backslashes out of a literal.
func unescape(b *strings.Builder, text string, quoted bool) {
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && (!quoted || strings.IndexByte("$`\"\\\n", text[i+1]) >= 0) {
			i++
			if text[i] == '\n' {
				continue
			}
		}
		b.WriteByte(text[i])
	}
}

// decodeANSI decodes the escapes of $'...' that hide text, such as \x2f. What cannot
// be decoded stays as it is.
func decodeANSI(text string) string {
	decoded, _, err := expand.Format(&expand.Config{}, text, nil)
	if err != nil {
		return text
	}
	return decoded
}

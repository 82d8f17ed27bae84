package persistence

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// render returns a word as the shell would make it, as far as that is known:
// the quotes gone, variables that the script sets put in. What a command would
// give is left out.
func (j *judging) render(w *syntax.Word) string {
	if w == nil {
		return ""
	}
	var b strings.Builder
	j.parts(&b, w.Parts, false)
	return b.String()
}

func (j *judging) parts(b *strings.Builder, parts []syntax.WordPart, quoted bool) {
	for _, part := range parts {
		if b.Len() > maxShellBytes {
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
			j.parts(b, p.Parts, true)
		case *syntax.ParamExp:
			j.parameter(b, p)
		case *syntax.BraceExp:
			for _, element := range p.Elems {
				j.parts(b, element.Parts, quoted)
				break
			}
		}
	}
}

// parameter puts in the value of a variable.
func (j *judging) parameter(b *strings.Builder, p *syntax.ParamExp) {
	if p.Param == nil {
		return
	}
	name := p.Param.Value
	value, ok := j.variables[name]
	switch {
	case ok:
		b.WriteString(value)
	case name == "HOME":
		b.WriteString("~")
	case name == "TMPDIR" && p.Exp == nil:
		b.WriteString("/tmp")
	case p.Exp != nil && p.Exp.Word != nil && (p.Exp.Op == syntax.DefaultUnset || p.Exp.Op == syntax.DefaultUnsetOrNull ||
		p.Exp.Op == syntax.AssignUnset || p.Exp.Op == syntax.AssignUnsetOrNull):
		j.parts(b, p.Exp.Word.Parts, true)
	case name == "IFS":
		b.WriteByte(' ')
	default:
		b.WriteString("$" + name)
	}
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

// decodeANSI decodes the escapes of $'...' that hide text: \xHH and octal.
func decodeANSI(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		base, digits := byte(8), 3
		if text[i] == 'x' {
			base, digits = 16, 2
			i++
		}
		value, read := 0, 0
		for ; read < digits && i+read < len(text); read++ {
			digit := digitOf(text[i+read])
			if digit >= base {
				break
			}
			value = value*int(base) + int(digit)
		}
		switch {
		case read > 0:
			b.WriteByte(byte(value))
			i += read - 1
		case i < len(text):
			b.WriteByte(control(text[i]))
		}
	}
	return b.String()
}

func digitOf(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

func control(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	}
	return c
}

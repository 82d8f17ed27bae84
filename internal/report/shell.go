package report

import (
	"fmt"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// shellQuote makes one word of any string. What cannot be shown as it is
// becomes $'..' with octal bytes, which bash reads; a shell that does not know
// it (dash) names a file that does not exist.
func shellQuote(s string) string {
	if text.Escape(s) == s {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for i := range len(s) {
		switch c := s[i]; {
		case c < 0x20 || c >= 0x7f || c == '\'' || c == '\\':
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// shellWord quotes only what needs it.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._:/-") == "" {
		return s
	}
	return shellQuote(s)
}

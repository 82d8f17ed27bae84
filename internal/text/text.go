// Package text makes hostile bytes fit to be shown: on a terminal, on a page
// and as a Prometheus label. Everything that somebody else chose (names, paths,
// arguments) passes through it before it leaves the exporter.
package text

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// LabelBytes is the most that a label value holds, in bytes. Scrapers are often
// set to refuse a whole scrape for one longer value (label_value_length_limit).
const LabelBytes = 128

// Escape returns s as valid UTF-8 on one line: bytes that are no UTF-8, control
// characters and the characters that reorder text (Unicode bidi controls) or
// cannot be seen are written as \xNN or \u{N}. Plain text is returned as it is.
func Escape(s string) string {
	if isPlain(s) {
		return s
	}
	return escape(s, math.MaxInt)
}

// escape stops after limit bytes or a few more.
func escape(s string, limit int) string {
	var b strings.Builder
	for i := 0; i < len(s) && b.Len() < limit; {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case isUnsafe(r) && r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case isUnsafe(r):
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

// Label returns Escape(s) in at most LabelBytes bytes. What is longer is cut on
// a character and ends in `~` and 6 hex digits of the SHA-256 of the whole, so
// that two long values stay two.
func Label(s string) string {
	if len(s) <= LabelBytes && isPlain(s) {
		return s
	}
	escaped := escape(s, LabelBytes+1)
	if len(escaped) <= LabelBytes {
		return escaped
	}
	sum := sha256.Sum256([]byte(s))
	cut := LabelBytes - 7
	for !utf8.RuneStart(escaped[cut]) {
		cut--
	}
	return escaped[:cut] + "~" + hex.EncodeToString(sum[:3])
}

func isPlain(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if isUnsafe(r) {
			return false
		}
	}
	return true
}

// isUnsafe holds for control characters, line and paragraph separators, and
// characters that nobody sees: those of format (bidi controls among them), blanks
// other than the space, and letters and signs that are blank.
func isUnsafe(r rune) bool {
	if r >= ' ' && r <= '~' {
		return false
	}
	switch r {
	case '\u115f', '\u1160', '\u2800', '\u3164', '\uffa0': // fillers of Hangul, the empty pattern of Braille
		return true
	}
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Z, unicode.Variation_Selector)
}

// Duration is a length of time as people say it, rounded: 45 s, 12 min, 3 h.
func Duration(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	if d < 2*time.Hour {
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f h", d.Hours())
}

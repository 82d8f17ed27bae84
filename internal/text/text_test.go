package text

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEscape(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"kdevtmpfsi":          "kdevtmpfsi",
		"/tmp/münze":          "/tmp/münze",
		"a\xffb":              `a\xffb`,
		"a\nb\x1b[31m":        `a\x0ab\x1b[31m`,
		"safe\u202egpj.exe":   `safe\u{202e}gpj.exe`,
		"zero\u200bwidth":     `zero\u{200b}width`,
		"line\u2028separator": `line\u{2028}separator`,
		"no\u00a0break\u3164": `no\u{a0}break\u{3164}`,
		"\u2800\ufe0f":        `\u{2800}\u{fe0f}`,
		"\x7f\u0085":          `\x7f\u{85}`,
		"":                    "",
	} {
		if got := Escape(in); got != want {
			t.Errorf("Escape(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLabelKeepsLongValuesApart(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 100)
	first, second := Label(long+"1"), Label(long+"2")
	if first == second {
		t.Errorf("two values became one label %q", first)
	}
	if len(first) > LabelBytes || !utf8.ValidString(first) {
		t.Errorf("%q: %d bytes", first, len(first))
	}
	exact := strings.Repeat("x", LabelBytes)
	if got := Label(exact); got != exact {
		t.Errorf("a value of just %d bytes was changed to %q", LabelBytes, got)
	}
}

func FuzzLabel(f *testing.F) {
	for _, seed := range []string{"", "a", "\xff\xfe", strings.Repeat("\u202e", 60), strings.Repeat("\x00", 200)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Label(s)
		if !utf8.ValidString(got) || len(got) > LabelBytes {
			t.Fatalf("Label(%q) = %q: %d bytes", s, got, len(got))
		}
		if Escape(got) != got {
			t.Fatalf("Label(%q) = %q still holds something unsafe", s, got)
		}
	})
}

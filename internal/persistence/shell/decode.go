package shell

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"io"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/expand"
)

// rewritten is what a program makes of its standard input; ok is false for one that is
// not known, or that reads a file.
func (a *Allowance) rewritten(base string, arguments []string, input string) (out string, ok bool) {
	is := func(short string, others ...string) bool { return hasText(arguments, short, others...) }
	switch base {
	case "cat", "tee":
		return input, base == "tee" || operands(arguments) == 0
	case "base64", "basenc":
		if !is("d", "--decode") && !is("D") || operands(arguments) > 0 {
			return "", false
		}
		return decodeBase64(input), true
	case "base32":
		if !is("d", "--decode") || operands(arguments) > 0 {
			return "", false
		}
		decoded, _ := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimRight(withoutSpace(input), "="))
		return string(decoded), true
	case "openssl":
		for _, argument := range arguments {
			if !slices.Contains([]string{"base64", "enc", "-base64", "-a", "-A", "-d"}, argument) {
				return "", false
			}
		}
		if !slices.Contains(arguments, "-d") || len(arguments) < 2 {
			return "", false
		}
		return decodeBase64(input), true
	case "xxd":
		if !is("r", "-revert") || !is("p", "-ps", "-plain") || operands(arguments) > 0 {
			return "", false
		}
		return decodeHex(input), true
	case "gzip", "pigz":
		if !is("d", "--decompress", "--uncompress") || operands(arguments) > 0 {
			return "", false
		}
		return a.unpack(input)
	case "gunzip", "zcat", "bzcat", "bunzip2":
		if operands(arguments) > 0 {
			return "", false
		}
		return a.unpack(input)
	case "bzip2":
		if !is("d", "--decompress") || operands(arguments) > 0 {
			return "", false
		}
		return a.unpack(input)
	case "rev":
		return reversed(input), len(arguments) == 0
	case "tr":
		return translated(arguments, input)
	}
	return "", false
}

// hasText is has for texts.
func hasText(arguments []string, short string, others ...string) bool {
	words := make([]word, 0, len(arguments))
	for _, argument := range arguments {
		words = append(words, word{text: argument})
	}
	return has(words, short, others...)
}

// operands counts the files among arguments.
func operands(arguments []string) int {
	n := 0
	for _, argument := range arguments {
		if argument != "-" && argument != "/dev/stdin" && !strings.HasPrefix(argument, "-") {
			n++
		}
	}
	return n
}

// decodeBase64 decodes what stands before the first error, as base64(1) does.
func decodeBase64(text string) string {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(withoutSpace(text))
	if end := strings.IndexByte(text, '='); end >= 0 {
		text = text[:end]
	}
	if len(text)%4 == 1 {
		text = text[:len(text)-1]
	}
	decoded := make([]byte, base64.RawStdEncoding.DecodedLen(len(text)))
	n, _ := base64.RawStdEncoding.Decode(decoded, []byte(text))
	return string(decoded[:n])
}

// decodeHex decodes what stands before the first error.
func decodeHex(text string) string {
	text = withoutSpace(text)
	decoded := make([]byte, hex.DecodedLen(len(text)))
	n, _ := hex.Decode(decoded, []byte(text[:len(text)/2*2]))
	return string(decoded[:n])
}

func withoutSpace(text string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '\n' || r == '\t' || r == '\r' {
			return -1
		}
		return r
	}, text)
}

// unpack unpacks gzip, zlib and bzip2, at most maxUnpacked bytes; ok is false for
// anything else.
func (a *Allowance) unpack(text string) (out string, ok bool) {
	var unpacked io.Reader
	var err error
	switch {
	case strings.HasPrefix(text, "\x1f\x8b"):
		unpacked, err = gzip.NewReader(strings.NewReader(text))
	case strings.HasPrefix(text, "BZh"):
		unpacked = bzip2.NewReader(strings.NewReader(text))
	case strings.HasPrefix(text, "x\x9c"), strings.HasPrefix(text, "x\xda"), strings.HasPrefix(text, "x\x01"):
		unpacked, err = zlib.NewReader(strings.NewReader(text))
	default:
		return "", false
	}
	if err != nil {
		return "", false
	}
	var all bytes.Buffer
	// What is broken after a part that could be read is run up to there too.
	read, _ := io.Copy(&all, io.LimitReader(unpacked, int64(min(maxUnpacked, a.bytes))))
	return all.String(), read > 0
}

// reversed is each line from its end.
func reversed(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		letters := []byte(line)
		slices.Reverse(letters)
		lines[i] = string(letters)
	}
	return strings.Join(lines, "\n")
}

// translated is what tr(1) makes of a text, with two sets or with -d.
func translated(arguments []string, text string) (out string, ok bool) {
	remove := len(arguments) == 2 && arguments[0] == "-d"
	if len(arguments) != 2 {
		return "", false
	}
	from := letters(arguments[0])
	to := letters(arguments[1])
	if remove {
		from, to = to, ""
	}
	if from == "" || !remove && to == "" {
		return "", false
	}
	var b strings.Builder
	for i := range len(text) {
		at := strings.IndexByte(from, text[i])
		switch {
		case at < 0:
			b.WriteByte(text[i])
		case remove:
		default:
			b.WriteByte(to[min(at, len(to)-1)])
		}
	}
	return b.String(), true
}

// letters are those of a set of tr(1), with its ranges; "" for a class.
func letters(set string) string {
	if strings.HasPrefix(set, "[:") || strings.HasPrefix(set, "-") {
		return ""
	}
	set = decodeANSI(strings.ReplaceAll(set, "%", "%%"))
	var b strings.Builder
	for i := 0; i < len(set); i++ {
		if i+2 < len(set) && set[i+1] == '-' && set[i] <= set[i+2] {
			for c := int(set[i]); c <= int(set[i+2]); c++ {
				b.WriteByte(byte(c))
			}
			i += 2
			continue
		}
		b.WriteByte(set[i])
	}
	return b.String()
}

// formatted is what a format of printf(1) makes of arguments, and how many it used.
func formatted(format string, arguments []string) (text string, used int, ok bool) {
	text, used, err := expand.Format(&expand.Config{}, format, arguments)
	return text, used, err == nil
}

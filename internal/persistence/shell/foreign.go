package shell

import (
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxLiterals      = 16 // looked at in code of another language
	minEncodedLength = 12 // of a literal that may hide a command, in bytes
)

// foreignCode analyzes code of another language that is given on a command line, or
// that something decoded gives: what its literals decode to, and the commands that
// it gives to a shell. foreignRun says why the code itself is suspicious.
func (a *analysis) foreignCode(code string, at syntax.Node) {
	if !runsText(code) {
		return
	}
	base64, hexadecimal := decodesBase64(code), decodesHex(code)
	shell := containsAny(code, "system", "popen", "subprocess", "spawn", "shell", "child_process", "`", "exec ", "execvp", "check_output")
	for _, literal := range literals(code) {
		decoded := ""
		switch {
		case len(literal) < minEncodedLength:
		case hexadecimal && strings.Trim(literal, "0123456789abcdefABCDEF") == "":
			decoded = decodeHex(literal)
		case base64 && isBase64(literal):
			decoded = decodeBase64(literal)
		}
		if decoded != "" && a.variables.allowance.spend(len(literal)+len(decoded)) {
			if unpacked, ok := a.variables.allowance.unpack(decoded); ok && a.variables.allowance.spend(len(unpacked)) {
				decoded = unpacked
			}
			f := flow{text: decoded, known: true, decoded: true}
			a.given(f, foreignRun(code), code, true, at)
			a.given(f, "", "", false, at) // what runs it may be a shell
			continue
		}
		if shell && strings.ContainsAny(literal, " /|") && isArgument(code, literal) {
			a.given(flow{text: literal, known: true}, "", "", false, at)
		}
	}
}

// runsText holds for code that runs a text: as code of its own language, or as a
// command.
func runsText(code string) bool {
	return containsAny(code, "exec", "eval", "system", "popen", "subprocess", "spawn", "check_output", "`", "qx")
}

func decodesBase64(code string) bool {
	return containsAny(code, "b64decode", "decode_base64", "base64_decode", "decode64", "atob(", "base64", `unpack("m`, "unpack('m", "unpack1(")
}

func decodesHex(code string) bool {
	return containsAny(code, "fromhex", "unhexlify", `pack("H`, "pack('H", "pack(q(H", `"hex"`, "'hex'", "hex2bin")
}

// isArgument holds for a literal that a function is given which runs it in a shell.
func isArgument(code, literal string) bool {
	at := strings.Index(code, literal)
	for _, function := range []string{"system", "popen", "Popen", "call", "run", "spawn", "check_output", "getoutput", "exec", "execSync"} {
		if call := strings.LastIndex(code[:at], function); call >= 0 && strings.Trim(code[call+len(function):at], " (\"'rb") == "" {
			return true
		}
	}
	return false
}

// literals are the quoted strings of code.
func literals(code string) []string {
	var all []string
	for len(code) > 0 && len(all) < maxLiterals {
		at := strings.IndexAny(code, `"'`)
		if at < 0 {
			break
		}
		quote := code[at]
		code = code[at+1:]
		end := strings.IndexByte(code, quote)
		if end < 0 {
			break
		}
		if end > 0 {
			all = append(all, code[:end])
		}
		code = code[end+1:]
	}
	return all
}

func isBase64(text string) bool {
	return strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_= \n\\") == ""
}

// isText holds for what a shell or interpreter can run.
func isText(text string) bool {
	return strings.TrimSpace(text) != "" && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

// given analyzes a text that is run, with the reason that there is for how it came
// about and what shows that.
func (a *analysis) given(f flow, reason model.PersistenceReason, evidence string, foreign bool, at syntax.Node) {
	reads := f.known && isText(f.text)
	outer := *a
	if reads && f.decoded {
		outer.decoded = f.text
	}
	outer.suspect(reason, evidence, at)
	if !reads || a.depth >= maxNested || f.decoded && a.decodings >= maxDecodings {
		return
	}
	inner := outer.inside(f.text, at)
	if f.decoded {
		inner.decodings++
	}
	if !foreign {
		if inner.Dialect == Foreign {
			inner.Dialect = Shell
		}
		inner.run()
		return
	}
	inner.suspect(foreignRun(f.text), f.text, nil)
	inner.foreignCode(f.text, nil)
}

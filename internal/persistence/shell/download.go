package shell

import (
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// transfer is what a program that fetches or decodes does with its result.
type transfer struct {
	reason model.PersistenceReason // "" for another program
	file   string                  // where the result goes; "" is the standard output
}

// transferOf looks at one simple command without wrappers.
func transferOf(arguments []word) transfer {
	if len(arguments) == 0 {
		return transfer{}
	}
	base, rest := baseName(arguments[0].text), arguments[1:]
	switch base {
	case "curl":
		return transfer{model.PersistenceFetchAndRun, curlOutput(rest)}
	case "wget", "wget2":
		return transfer{model.PersistenceFetchAndRun, wgetOutput(rest)}
	case "fetch", "axel", "aria2c":
		return transfer{model.PersistenceFetchAndRun, optionOutput(rest, "-o", "--output", "--out")}
	case "lwp-download":
		return transfer{model.PersistenceFetchAndRun, lastOutput(rest)}
	case "lwp-request", "GET", "lynx", "w3m", "links", "elinks", "http", "https", "tftp", "ftpget":
		return transfer{model.PersistenceFetchAndRun, ""}
	case "base64", "base32", "basenc":
		if has(rest, "d", "--decode") || has(rest, "D", "--decode") {
			return transfer{model.PersistenceDecodeRun, ""}
		}
	case "xxd":
		if has(rest, "r", "-revert") {
			return transfer{model.PersistenceDecodeRun, ""}
		}
	case "openssl":
		if has(rest, "", "base64", "enc", "-base64", "-a") && has(rest, "", "-d") {
			return transfer{model.PersistenceDecodeRun, optionOutput(rest, "-out")}
		}
	case "uudecode":
		return transfer{model.PersistenceDecodeRun, optionOutput(rest, "-o")}
	}
	if isInterpreter(base) {
		return transfer{reason: foreignOutput(strings.Join(texts(rest), " "))}
	}
	return transfer{}
}

// has reports whether a short option, perhaps in a cluster, or one of the other
// words is among the arguments.
func has(arguments []word, short string, others ...string) bool {
	for _, argument := range arguments {
		text := argument.text
		if short != "" && len(text) > 1 && text[0] == '-' && text[1] != '-' && strings.Contains(text[1:], short) {
			return true
		}
		if slices.Contains(others, text) {
			return true
		}
	}
	return false
}

// curlOutput is the file that curl(1) writes: -o FILE or -O.
func curlOutput(arguments []word) string {
	for name, value := range options(arguments, "AbcCdDeEFHhKmoPQrtTuUwxXyYz") {
		switch name {
		case "-o", "--output":
			return standard(value)
		case "-O", "--remote-name":
			return remoteName(lastAddress(arguments))
		}
	}
	return ""
}

// wgetOutput is the file that wget(1) writes: -O FILE, or the last part of the
// address.
func wgetOutput(arguments []word) string {
	directory := ""
	for name, value := range options(arguments, "oaeiBtTwQUOPlARDIX") {
		switch name {
		case "-O", "--output-document":
			return standard(value)
		case "-P", "--directory-prefix":
			directory = value
		}
	}
	name := remoteName(lastAddress(arguments))
	if directory != "" && name != "" {
		return path.Join(directory, name)
	}
	return name
}

// options yields each option with what may be its value: short ones out of their
// cluster, of which valued take the rest of the cluster or the next argument, and
// long ones with what follows "=" or else the next argument.
func options(arguments []word, valued string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for i := 0; i < len(arguments); i++ {
			text := arguments[i].text
			if strings.HasPrefix(text, "--") {
				name, value, ok := strings.Cut(text, "=")
				if !ok {
					value = next(arguments, i)
				}
				if !yield(name, value) {
					return
				}
				continue
			}
			if !strings.HasPrefix(text, "-") {
				continue
			}
			for at := 1; at < len(text); at++ {
				if !strings.Contains(valued, text[at:at+1]) {
					if !yield("-"+text[at:at+1], "") {
						return
					}
					continue
				}
				value := text[at+1:]
				if value == "" {
					value = next(arguments, i)
					i++
				}
				if !yield("-"+text[at:at+1], value) {
					return
				}
				break
			}
		}
	}
}

func next(arguments []word, i int) string {
	if i+1 < len(arguments) {
		return arguments[i+1].text
	}
	return ""
}

// standard maps the names of the standard output to "".
func standard(file string) string {
	if file == "-" || file == "/dev/stdout" || file == "/dev/fd/1" {
		return ""
	}
	return file
}

func optionOutput(arguments []word, options ...string) string {
	for i, argument := range arguments {
		for _, option := range options {
			if argument.text == option {
				return standard(next(arguments, i))
			}
			if value, ok := strings.CutPrefix(argument.text, option+"="); ok {
				return standard(value)
			}
		}
	}
	return ""
}

func lastOutput(arguments []word) string {
	if len(arguments) > 1 {
		return arguments[len(arguments)-1].text
	}
	return remoteName(lastAddress(arguments))
}

// lastAddress finds the address among arguments.
func lastAddress(arguments []word) string {
	for i := len(arguments) - 1; i >= 0; i-- {
		text := arguments[i].text
		if strings.Contains(text, "://") || strings.Contains(text, "/") && !strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "-") {
			return text
		}
	}
	return ""
}

// remoteName is the file name that an address stands for.
func remoteName(address string) string {
	address, _, _ = strings.Cut(address, "?")
	_, rest, ok := strings.Cut(address, "://")
	if !ok {
		rest = address
	}
	if !strings.Contains(rest, "/") || strings.HasSuffix(rest, "/") {
		return ""
	}
	return path.Base(rest)
}

// foreignRun is why code of another language that is given on the command line is
// suspicious: it runs at once what it fetches or decodes.
func foreignRun(code string) model.PersistenceReason {
	if !containsAny(code, "exec", "eval", "system(", "popen", "subprocess", "os.spawn", "`") {
		return ""
	}
	return foreignOutput(code)
}

// foreignOutput is what such code gives out.
func foreignOutput(code string) model.PersistenceReason {
	switch {
	case containsAny(code, "urlopen", "urllib", "urlretrieve", "requests.get", "LWP::", "http.get", "HTTP::Tiny", "open-uri",
		"file_get_contents('http", "curl ", "wget "):
		return model.PersistenceFetchAndRun
	case containsAny(code, "b64decode", "base64", "decode_base64", "unhexlify", "fromhex", "codecs.decode"):
		return model.PersistenceDecodeRun
	}
	return ""
}

func containsAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

func texts(words []word) []string {
	all := make([]string, 0, len(words))
	for _, w := range words {
		all = append(all, w.text)
	}
	return all
}

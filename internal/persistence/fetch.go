package persistence

import (
	"path"
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

// has tells whether a short option, perhaps in a cluster, or one of the other
// words is among the arguments.
func has(arguments []word, short string, others ...string) bool {
	for _, argument := range arguments {
		text := argument.text
		if short != "" && len(text) > 1 && text[0] == '-' && text[1] != '-' && strings.Contains(text[1:], short) {
			return true
		}
		for _, other := range others {
			if text == other {
				return true
			}
		}
	}
	return false
}

// curlOutput is the file that curl(1) writes: -o FILE or -O.
func curlOutput(arguments []word) string {
	const values = "AbcCdDeEFHhKmPQrtTuUwxXyYz"
	for i := 0; i < len(arguments); i++ {
		text := arguments[i].text
		if value, ok := strings.CutPrefix(text, "--output="); ok {
			return standard(value)
		}
		switch {
		case text == "--output":
			return standard(next(arguments, i))
		case text == "--remote-name":
			return remoteName(lastAddress(arguments))
		case strings.HasPrefix(text, "--"):
		case len(text) > 1 && text[0] == '-':
			for at := 1; at < len(text); at++ {
				if text[at] == 'O' {
					return remoteName(lastAddress(arguments))
				}
				if text[at] == 'o' {
					return standard(valueAt(arguments, i, at))
				}
				if strings.IndexByte(values, text[at]) >= 0 {
					if at == len(text)-1 {
						i++
					}
					break
				}
			}
		}
	}
	return ""
}

// wgetOutput is the file that wget(1) writes: -O FILE, or the last part of the
// address.
func wgetOutput(arguments []word) string {
	const values = "oaeiBtTwQUPlARDIX"
	directory := ""
	for i := 0; i < len(arguments); i++ {
		text := arguments[i].text
		if value, ok := strings.CutPrefix(text, "--output-document="); ok {
			return standard(value)
		}
		if value, ok := strings.CutPrefix(text, "--directory-prefix="); ok {
			directory = value
		}
		if text == "--output-document" {
			return standard(next(arguments, i))
		}
		if len(text) < 2 || text[0] != '-' || text[1] == '-' {
			continue
		}
		for at := 1; at < len(text); at++ {
			if text[at] == 'O' {
				return standard(valueAt(arguments, i, at))
			}
			if text[at] == 'P' {
				directory = valueAt(arguments, i, at)
			}
			if strings.IndexByte(values, text[at]) >= 0 {
				if at == len(text)-1 {
					i++
				}
				break
			}
		}
	}
	name := remoteName(lastAddress(arguments))
	if directory != "" && name != "" {
		return path.Join(directory, name)
	}
	return name
}

// valueAt is the value of the short option at a place of a cluster: the rest of
// the cluster or the next argument.
func valueAt(arguments []word, i, at int) string {
	if text := arguments[i].text; at+1 < len(text) {
		return text[at+1:]
	}
	return next(arguments, i)
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

// foreignRun judges code of another language that is given on the command line:
// what it fetches or decodes and runs at once.
func foreignRun(code string) model.PersistenceReason {
	if !containsAny(code, "exec", "eval", "system(", "popen", "subprocess", "os.spawn", "`") {
		return ""
	}
	return foreignOutput(code)
}

// foreignOutput is what such code gives out.
func foreignOutput(code string) model.PersistenceReason {
	switch {
	case containsAny(code, "urlopen", "urllib", "urlretrieve", "requests.get", "LWP::", "http.get", "HTTP::Tiny", "open-uri", "file_get_contents('http", "curl ", "wget "):
		return model.PersistenceFetchAndRun
	case containsAny(code, "b64decode", "base64", "decode_base64", "unhexlify", "fromhex", "codecs.decode"):
		return model.PersistenceDecodeRun
	}
	return ""
}

func containsAny(text string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

func texts(words []word) []string {
	all := make([]string, 0, len(words))
	for _, w := range words {
		all = append(all, w.text)
	}
	return all
}

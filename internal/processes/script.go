package processes

import (
	"path"
	"slices"
	"strings"
)

// scriptOf returns the file that an interpreter runs, or "". It is the first
// argument that is no option. Code in an argument (-c, -e), a module (-m) and
// standard input are no file. directory is asked for the working directory only
// if it is needed.
func scriptOf(exe string, argv []string, directory func() string) string {
	flags, ok := interpreterFlags(path.Base(exe))
	if !ok || len(argv) < 2 {
		return ""
	}
	for i := 1; i < len(argv); i++ {
		argument := argv[i]
		switch {
		case argument == "":
			return ""
		case argument == "-jar" && flags.jar && i+1 < len(argv):
			return absolute(argv[i+1], directory)
		case flags.jar && !strings.HasPrefix(argument, "-") && !strings.HasSuffix(argument, ".java"):
			return "" // a class
		case argument == "-" || argument == "-jar":
			return ""
		case argument == "--":
			if i+1 < len(argv) {
				return absolute(argv[i+1], directory)
			}
			return ""
		case strings.HasPrefix(argument, "-") && !strings.HasPrefix(argument, "--") && strings.ContainsAny(argument[1:], flags.code):
			return ""
		case slices.Contains(flags.code2, argument):
			return ""
		case slices.Contains(flags.valued, argument):
			i++
		case strings.HasPrefix(argument, "-"):
		default:
			return absolute(argument, directory)
		}
	}
	return ""
}

// interpreter says which options end the search for a script.
type interpreter struct {
	code   string   // letters of short options that hold code
	code2  []string // long ones
	valued []string // options whose next argument is their value
	jar    bool
}

func interpreterFlags(base string) (interpreter, bool) {
	stem := strings.TrimRight(base, "0123456789.")
	switch stem {
	case "python", "pypy":
		return interpreter{code: "cm", valued: []string{"-W", "-X", "--check-hash-based-pycs"}}, true
	case "perl":
		return interpreter{code: "eE"}, true
	case "ruby":
		return interpreter{code: "e", valued: []string{"-I", "-r", "-C"}}, true
	case "node", "nodejs", "bun", "deno":
		return interpreter{code: "ep", code2: []string{"--eval", "--print"}, valued: []string{"-r", "--require", "--import"}}, true
	case "php", "php-cli":
		return interpreter{code: "rBRE", valued: []string{"-d", "-c", "-f"}}, true
	case "lua", "luajit":
		return interpreter{code: "e", valued: []string{"-l"}}, true
	case "sh", "bash", "dash", "ash", "ksh", "zsh":
		return interpreter{code: "c", valued: []string{"-o", "+o", "-O", "+O"}}, true
	case "java":
		return interpreter{jar: true, valued: []string{"-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-modules"}}, true
	default:
		return interpreter{}, false
	}
}

// absolute is the path of a script as its interpreter finds it. An open file
// (/dev/fd/3, /dev/stdin) has no path of its own.
func absolute(name string, directory func() string) string {
	if strings.HasPrefix(name, "/dev/fd/") || strings.HasPrefix(name, "/proc/") || name == "/dev/stdin" {
		return ""
	}
	if !strings.HasPrefix(name, "/") {
		at := directory()
		if at == "" {
			return ""
		}
		name = at + "/" + name
	}
	return path.Clean(name)
}

package inspect

import (
	"path"
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/programs"
)

// Script returns the file that an interpreter runs, or "". It is the first
// argument that is no option. Code in an argument (-c, -e), a module (-m) and
// standard input are no file. directory is asked for the working directory only
// if it is needed.
func Script(exe string, argv []string, directory func() string) string {
	options, ok := programs.InterpreterOf(path.Base(exe))
	if !ok || len(argv) < 2 {
		return ""
	}
	for i := 1; i < len(argv); i++ {
		argument := argv[i]
		switch {
		case argument == "":
			return ""
		case argument == "-jar" && options.Java && i+1 < len(argv):
			return absolute(argv[i+1], directory)
		case options.Java && !strings.HasPrefix(argument, "-") && !strings.HasSuffix(argument, ".java"):
			return "" // a class
		case argument == "-" || argument == "-jar":
			return ""
		case argument == "--":
			if i+1 < len(argv) {
				return absolute(argv[i+1], directory)
			}
			return ""
		case strings.HasPrefix(argument, "-") && !strings.HasPrefix(argument, "--") && strings.ContainsAny(argument[1:], options.Code):
			return ""
		case slices.Contains(options.LongCode, argument):
			return ""
		case slices.Contains(options.Valued, argument):
			i++
		case strings.HasPrefix(argument, "-"):
		default:
			return absolute(argument, directory)
		}
	}
	return ""
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

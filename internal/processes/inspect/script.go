package inspect

import (
	"path"
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/programs"
)

// Surroundings are asked for what the arguments of an interpreter leave open, and only
// if they do. Each answers "" or false for what is not known.
type Surroundings struct {
	Directory  func() string              // the working directory
	Descriptor func(number string) string // what a file descriptor is: the target of its link in /proc/PID/fd
	Exists     func(name string) bool     // whether there is a file of this absolute path
}

// Script returns the file that an interpreter runs, or the program that the dynamic
// loader does, or "". It is the first argument that is no option, a module of the
// working directory (-m), or the file that standard input reads from, as that of a
// here-document. Code in an argument (-c, -e) and a pipe are no file.
func Script(exe string, argv []string, around Surroundings) string {
	options, ok := programs.InterpreterOf(path.Base(exe))
	if !ok {
		return ""
	}
	for i := 1; i < len(argv); i++ {
		argument := argv[i]
		switch {
		case argument == "":
			return ""
		case argument == "-jar" && options.Java && i+1 < len(argv):
			return around.absolute(argv[i+1])
		case options.Java && !strings.HasPrefix(argument, "-") && !strings.HasSuffix(argument, ".java"):
			return "" // a class
		case argument == "-jar":
			return ""
		case argument == "-":
			return around.stdin(options)
		case argument == "--":
			if i+1 < len(argv) {
				return around.absolute(argv[i+1])
			}
			return around.stdin(options)
		case argument == "-m" && options.Module && i+1 < len(argv):
			return around.module(argv[i+1])
		case strings.HasPrefix(argument, "-") && !strings.HasPrefix(argument, "--") && strings.ContainsAny(argument[1:], options.Code):
			return ""
		case slices.Contains(options.LongCode, argument):
			return ""
		case slices.Contains(options.Valued, argument):
			i++
		case strings.HasPrefix(argument, "-"):
		default:
			return around.absolute(argument)
		}
	}
	if len(argv) == 0 {
		return ""
	}
	return around.stdin(options)
}

// absolute is the path of a script as its interpreter finds it. An open file
// (/dev/fd/3, /dev/stdin) is what its descriptor leads to.
func (s Surroundings) absolute(name string) string {
	if name == "/dev/stdin" {
		name = "/dev/fd/0"
	}
	for _, descriptors := range []string{"/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/"} {
		if number, ok := strings.CutPrefix(name, descriptors); ok {
			return s.file(number)
		}
	}
	if strings.HasPrefix(name, "/proc/") {
		return ""
	}
	if !strings.HasPrefix(name, "/") {
		at := s.Directory()
		if at == "" {
			return ""
		}
		name = at + "/" + name
	}
	return path.Clean(name)
}

func (s Surroundings) stdin(options programs.Interpreter) string {
	if !options.Stdin {
		return ""
	}
	return s.file("0")
}

// file is the path of what a descriptor leads to; "" for a terminal, a pipe, a socket
// or another device.
func (s Surroundings) file(number string) string {
	for _, digit := range number {
		if digit < '0' || digit > '9' {
			return ""
		}
	}
	target := strings.TrimSuffix(s.Descriptor(number), " (deleted)")
	if !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "/dev/pts/") || strings.HasPrefix(target, "/proc/") || place.IsDevice(target) {
		return ""
	}
	return target
}

// module is the file of a Python module that lies in the working directory, which
// Python looks through first (sys.path). A name with an empty part, as a relative one has, is refused by Python.
func (s Surroundings) module(name string) string {
	at := s.Directory()
	if at == "" || slices.Contains(strings.Split(name, "."), "") || strings.Contains(name, "/") {
		return ""
	}
	base := path.Join(at, strings.ReplaceAll(name, ".", "/"))
	for _, file := range []string{base + ".py", base + "/__main__.py"} {
		if s.Exists(file) {
			return file
		}
	}
	return ""
}

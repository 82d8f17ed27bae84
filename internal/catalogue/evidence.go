package catalogue

import (
	"path"
	"slices"
	"strings"
)

// maxArguments bounds how many arguments are looked at. Whoever starts a process
// chooses them, 65,536 bytes of them if he likes; a JVM has some hundred before
// its main class.
const maxArguments = 1024

// maxPath bounds the path of a log, in bytes (PATH_MAX).
const maxPath = 4096

// Evidence names the app that a process is, by its executable or by its
// command line, or "". exe is the path of the executable without " (deleted)" and argv
// the arguments; either may be empty.
//
// The executable counts first: it cannot be forged by an argument. A version
// behind its name does not matter (php-fpm8.2). A well-known server of another
// kind is none, whatever its arguments are.
//
// An argument counts if one of the texts of CommandLine begins it, or begins the
// file name that it ends in, so `org.apache.flink.` is found in the main class
// `org.apache.flink.runtime.X` and `jenkins.war` in `/usr/share/java/jenkins.war`,
// but neither in `--exclude=org.apache.flink.x` nor in `/srv/jupyter-lab/bin/python`.
// A text of several words, `-m jupyter`, stands for as many arguments; one with
// slashes, `ray/dashboard/dashboard.py`, for as many last parts of a path.
func (c *Catalogue) Evidence(exe string, argv []string) string {
	base := path.Base(exe)
	if app := c.executables[base]; app != "" {
		return app
	}
	if app := c.executables[strings.TrimRight(base, "0123456789.")]; app != "" {
		return app
	}
	if c.uncatalogued[base] || len(argv) == 0 {
		return ""
	}
	argv = argv[:min(len(argv), maxArguments)]
	line := strings.Join(argv, " ")
	for i := range c.services {
		for _, text := range c.services[i].CommandLine {
			if begins(line, argv, text) {
				return c.services[i].App
			}
		}
	}
	return ""
}

// InternalComponent tells whether a process that is known as an app by its arguments
// is a component that only the app itself speaks to.
func (c *Catalogue) InternalComponent(app string, argv []string) bool {
	service, ok := c.Service(app)
	if !ok || len(service.InternalComponents) == 0 || len(argv) == 0 {
		return false
	}
	argv = argv[:min(len(argv), maxArguments)]
	line := strings.Join(argv, " ")
	return slices.ContainsFunc(service.InternalComponents, func(text string) bool { return begins(line, argv, text) })
}

// LogFile returns the log in which a process that is known as an app by its
// arguments writes down what is submitted to it: an absolute path, or "" if it has
// none.
func (c *Catalogue) LogFile(app string, argv []string) string {
	service, ok := c.Service(app)
	if !ok || service.SubmissionLog == nil {
		return ""
	}
	for _, argument := range argv {
		name, ok := strings.CutPrefix(argument, service.SubmissionLog.Argument)
		if ok && path.IsAbs(name) && len(name) <= maxPath {
			return name
		}
	}
	return ""
}

// begins tells whether a text begins one of the arguments, or the file name at
// the end of one. line is argv joined by spaces.
func begins(line string, argv []string, text string) bool {
	parts := 1 + strings.Count(text, "/")
	start := 0
	for _, argument := range argv {
		rest := line[start:]
		if strings.HasPrefix(rest, text) || strings.HasPrefix(rest[tail(argument, parts):], text) {
			return true
		}
		// A program that sets its own title puts all into one argument:
		// "/usr/bin/redis-server 127.0.0.1:6379".
		if program, _, several := strings.Cut(argument, " "); several && strings.HasPrefix(rest[tail(program, parts):], text) {
			return true
		}
		start += len(argument) + 1
	}
	return false
}

// tail returns where the last parts of a path begin.
func tail(name string, parts int) int {
	end := len(name)
	for range parts {
		slash := strings.LastIndexByte(name[:end], '/')
		if slash < 0 {
			return 0
		}
		end = slash
	}
	return end + 1
}

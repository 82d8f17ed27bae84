package shell

import (
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/programs"
)

// launcherOf describes a word that starts the command after it: a launcher, or one
// of the shell's own.
func launcherOf(base string) (programs.Launcher, bool) {
	switch base {
	case "command", "builtin", "-", "then", "do", "else", "!":
		return programs.Launcher{}, true
	case "exec":
		return programs.Launcher{Values: "a"}, true
	}
	return programs.LauncherOf(base)
}

// launched returns the command that a launcher starts: a part of its arguments,
// which are those after its name.
func launched(base string, launcher programs.Launcher, arguments []word) []word {
	switch {
	case base == "start-stop-daemon":
		return daemon(arguments)
	case base == "command" && len(arguments) > 0 && (arguments[0].text == "-v" || arguments[0].text == "-V"):
		return nil // it only prints where the program is
	}
	switchesUser := base == "su" || base == "runuser"
	setsVariables := base == "env" || base == "sudo"
	skip := launcher.Positional
	for i := 0; i < len(arguments); i++ {
		argument := arguments[i].text
		switch {
		case argument == "--":
			return arguments[min(i+1+skip, len(arguments)):]
		case (switchesUser || base == "flock") && isCodeOption(argument):
			return arguments[i:]
		case strings.HasPrefix(argument, "--"):
			if slices.Contains(launcher.LongValues, argument) {
				i++
			}
		case len(argument) > 1 && argument[0] == '-':
			if takesNext(argument, launcher.Values) {
				i++
			}
		case switchesUser, argument == "-": // a user, or a login shell
		case setsVariables && strings.Contains(argument, "=") && !strings.HasPrefix(argument, "/"):
		case skip > 0:
			skip--
		default:
			return arguments[i:]
		}
	}
	return nil
}

// isCodeOption knows -c COMMAND of su(1), runuser(1) and flock(1).
func isCodeOption(argument string) bool {
	switch argument {
	case "-c", "--command", "-lc", "-pc":
		return true
	}
	return strings.HasPrefix(argument, "--command=")
}

// takesNext reports whether a cluster of short options ends in one that takes the
// next argument as its value.
func takesNext(cluster, values string) bool {
	at := strings.IndexAny(cluster[1:], values)
	return at >= 0 && at == len(cluster)-2
}

// daemon finds the program of start-stop-daemon(8).
func daemon(arguments []word) []word {
	for i, argument := range arguments {
		name, value, ok := strings.Cut(argument.text, "=")
		switch name {
		case "-x", "--exec", "-a", "--startas":
			if ok {
				return []word{{text: value, node: argument.node}}
			}
			if i+1 < len(arguments) {
				return arguments[i+1 : i+2]
			}
		}
	}
	return nil
}

package persistence

import (
	"path"
	"strings"
)

// wrapper is a program whose arguments are another command.
type wrapper struct {
	values     string   // short options that take a value
	long       []string // long options that take a value as the next argument
	positional int      // arguments before the command
}

// wrapperOf describes the programs of nohup(1)'s kind.
func wrapperOf(base string) (wrapper, bool) {
	switch base {
	case "nohup", "setsid", "command", "builtin", "busybox", "toybox", "-", "then", "do", "else", "!", "catchsegv", "eatmydata":
		return wrapper{}, true
	case "exec":
		return wrapper{values: "a"}, true
	case "env":
		return wrapper{values: "uCS", long: []string{"--unset", "--chdir"}}, true
	case "timeout":
		return wrapper{values: "ks", long: []string{"--kill-after", "--signal"}, positional: 1}, true
	case "nice":
		return wrapper{values: "n", long: []string{"--adjustment"}}, true
	case "ionice":
		return wrapper{values: "cnpPu", long: []string{"--class", "--classdata"}}, true
	case "chrt":
		return wrapper{values: "TPD", positional: 1}, true
	case "taskset":
		return wrapper{positional: 1}, true
	case "sudo":
		return wrapper{values: "ugpCrtThDRU", long: []string{"--user", "--group", "--prompt", "--host", "--chdir"}}, true
	case "doas":
		return wrapper{values: "uC"}, true
	case "stdbuf":
		return wrapper{values: "ioe", long: []string{"--input", "--output", "--error"}}, true
	case "time":
		return wrapper{values: "fo"}, true
	case "flock":
		return wrapper{values: "wE", long: []string{"--timeout", "--wait", "--conflict-exit-code"}, positional: 1}, true
	case "xargs":
		return wrapper{values: "IiLnPsaEd", long: []string{"--max-args", "--max-procs", "--arg-file", "--delimiter"}}, true
	case "chroot":
		return wrapper{positional: 1}, true
	case "unshare", "nsenter", "setarch", "linux64", "linux32", "chronic", "cgexec", "proot", "fakeroot", "dbus-run-session":
		return wrapper{values: "SGtg"}, true
	case "systemd-run", "systemd-inhibit", "systemd-cat":
		return wrapper{values: "puHMEtP", long: []string{
			"--unit", "--property", "--description", "--slice", "--uid", "--gid", "--nice", "--working-directory", "--setenv",
			"--on-active", "--on-boot", "--on-startup", "--on-unit-active", "--on-unit-inactive", "--on-calendar", "--timer-property",
			"--what", "--who", "--why", "--mode",
		}}, true
	case "su", "runuser":
		return wrapper{values: "sgGw", long: []string{"--shell", "--group"}}, true
	case "screen":
		return wrapper{values: "SceTht"}, true
	case "start-stop-daemon":
		return wrapper{}, true
	}
	return wrapper{}, false
}

// unwrap returns the command that a wrapper starts: a suffix of its arguments,
// which are those after its name.
func (w wrapper) unwrap(base string, arguments []word) []word {
	if base == "start-stop-daemon" {
		return daemon(arguments)
	}
	if base == "command" && len(arguments) > 0 && (arguments[0].text == "-v" || arguments[0].text == "-V") {
		return nil // it only tells where the program is
	}
	skip := w.positional
	for i := 0; i < len(arguments); i++ {
		argument := arguments[i].text
		switch {
		case argument == "--":
			return arguments[min(i+1+skip, len(arguments)):]
		case (base == "su" || base == "runuser" || base == "flock") && isCodeOption(argument):
			return arguments[i:]
		case strings.HasPrefix(argument, "--"):
			for _, option := range w.long {
				if argument == option {
					i++
				}
			}
		case len(argument) > 1 && argument[0] == '-':
			if takesNext(argument, w.values) {
				i++
			}
		case base == "su" || base == "runuser", argument == "-": // a user, or a login shell
		case (base == "env" || base == "sudo") && strings.Contains(argument, "=") && !strings.HasPrefix(argument, "/"):
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
	return argument == "-c" || argument == "--command" || strings.HasPrefix(argument, "--command=") || argument == "-lc" || argument == "-pc"
}

// takesNext tells whether a cluster of short options ends in one that takes the
// next argument as its value.
func takesNext(argument, values string) bool {
	for i := 1; i < len(argument); i++ {
		if strings.IndexByte(values, argument[i]) >= 0 {
			return i == len(argument)-1
		}
	}
	return false
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

// isShell knows the shells.
func isShell(base string) bool {
	switch strings.TrimPrefix(base, "-") {
	case "sh", "bash", "dash", "zsh", "ksh", "ksh93", "mksh", "ash", "rbash", "csh", "tcsh", "fish":
		return true
	}
	return false
}

// isInterpreter knows other languages' programs, with and without a version.
func isInterpreter(base string) bool {
	switch strings.TrimRight(base, "0123456789.") {
	case "python", "pypy", "perl", "ruby", "node", "nodejs", "php", "lua", "luajit", "tclsh", "pwsh":
		return true
	}
	return false
}

// baseName is the name of a program without its directory.
func baseName(name string) string {
	if name == "" || strings.HasSuffix(name, "/") {
		return ""
	}
	return path.Base(name)
}

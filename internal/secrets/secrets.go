// Package secrets takes out of command lines and of lines of files what looks like a
// password, so that a report shows what a program does and not what it signs in with. It
// goes by the names of options, variables and headers, and by the forms of well-known
// tokens: a secret that has neither stays. It is text only, and nothing is read.
package secrets

import (
	"path"
	"slices"
	"strings"
)

// Mask stands for what was taken out.
const Mask = "***"

// Line returns a line of shell, of a log or of a configuration with its secrets masked. A
// value ends where a shell would end its word. What it costs grows with the line alone.
func Line(line string) string {
	s := scanner{in: line}
	s.scan()
	return s.result()
}

// Arguments returns the arguments of a program with their secrets masked. They stay as
// many, and argv is not changed.
func Arguments(argv []string) []string {
	if argv == nil {
		return nil
	}
	masked := make([]string, len(argv))
	program, next := "", valueKept
	for i, argument := range argv {
		if program == "" && !isWrapper(argument) {
			program = path.Base(argument)
		}
		switch {
		case next != valueKept:
			masked[i] = next.of(argument)
			if !strings.HasPrefix(argument, "--") {
				next = valueKept
				continue
			}
			// The one before may have no value, and this may be an option by itself.
			own, after := option(argument, program)
			if next == accountValue {
				masked[i] = own
			}
			next = after
			continue
		case strings.HasPrefix(argument, "-"):
			masked[i], next = option(argument, program)
		default:
			masked[i] = header(argument)
		}
	}
	return masked
}

// option masks what one argument holds of its own, and says what the next one is.
func option(argument, program string) (string, value) {
	name, given, isAssigned := strings.Cut(argument, "=")
	switch {
	case isAssigned && isAccount(name):
		return name + "=" + accountValue.of(given), valueKept
	case isAssigned && isSecret(name) && !isOpen(name, given):
		return name + "=" + hide(given), valueKept
	case isAssigned:
		return Line(argument), valueKept
	}
	if attached, ok := attachedPassword(argument, program); ok {
		return argument[:len(argument)-len(attached)] + Mask, valueKept
	}
	return Line(argument), nextValue(argument, program)
}

// header masks an argument that is a header of HTTP as a whole: its value has blanks.
func header(argument string) string {
	name, given, found := strings.Cut(argument, ":")
	if !found || !isWord(name) || strings.HasPrefix(given, "//") || !isSecret(name) {
		return Line(argument)
	}
	return name + ":" + maskHeader(given)
}

// maskHeader keeps the scheme of a header's value: "Bearer ***".
func maskHeader(given string) string {
	words := strings.Fields(given)
	switch {
	case len(words) == 0:
		return given
	case len(words) > 1 && isScheme(words[0]):
		return " " + words[0] + " " + Mask
	default:
		return " " + Mask
	}
}

// value says what stands after the name of an option.
type value int

const (
	valueKept    value = iota
	secretValue        // all of it is secret
	accountValue       // NAME:PASSWORD, where a name alone is none: the wallet of a miner
)

// of masks a value.
func (v value) of(given string) string {
	switch v {
	case valueKept:
		return given
	case accountValue:
		name, password, found := cutAccount(given)
		if !found || password == "" || isNumber(name) && isNumber(password) { // user and group by number
			return Line(given)
		}
		return given[:len(given)-len(password)] + Mask
	default:
		return hide(given)
	}
}

// cutAccount parts NAME:PASSWORD, and NAME%PASSWORD of Samba's tools.
func cutAccount(given string) (name, password string, found bool) {
	at := strings.IndexAny(given, ":%")
	if at < 0 || strings.Contains(given, "://") {
		return given, "", false
	}
	return given[:at], given[at+1:], true
}

// nextValue says what follows an option that has no value of its own.
func nextValue(argument, program string) value {
	switch {
	case isAccount(argument):
		return accountValue
	case isSecret(argument), isPasswordLetter(argument, program):
		return secretValue
	default:
		return valueKept
	}
}

// hide masks a value, but for one that is none.
func hide(given string) string {
	if strings.Trim(given, `'"`) == "" {
		return given
	}
	return Mask
}

// attachedPassword is what stands behind -p of the few programs that take it so.
func attachedPassword(argument, program string) (string, bool) {
	rest, found := strings.CutPrefix(argument, "-p")
	return rest, found && rest != "" && slices.Contains([]string{"mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump", "mariadb-admin", "sshpass", "7z", "7za", "unrar", "rar"}, program)
}

// isPasswordLetter holds for the options of one letter that stand for a password.
func isPasswordLetter(argument, program string) bool {
	switch argument {
	case "-p":
		return !slices.Contains(otherLetters(), program)
	case "-a":
		return program == "redis-cli" || program == "keydb-cli"
	case "-w":
		return strings.HasPrefix(program, "ldap")
	case "-P":
		return program == "zip" || program == "unzip" || program == "sqlcmd"
	default:
		return false
	}
}

// otherLetters are programs whose -p is something else: a directory that is made, a port, a
// protocol. What an intruder's script does with them is evidence.
func otherLetters() []string {
	return []string{
		"mkdir", "cp", "install", "touch", "tar", "rsync", "cpio", "patch", "which", "unzip", "ssh", "sshd", "nc", "ncat", "netcat", "socat", "docker", "podman", "nerdctl",
		"ps", "pgrep", "pkill", "kill", "top", "lsof", "strace", "gdb", "taskset", "renice", "ionice", "chrt", "nice", "read", "declare", "export", "trap", "time", "perl", "ruby", "node",
		"iptables", "ip6tables", "nmap", "masscan", "pnscan", "zmap", "psql", "pg_dump", "redis-cli", "redis-server", "systemctl", "make", "su", "sudo", "ping", "date",
	}
}

// isWrapper holds for what stands before the program of a command.
func isWrapper(word string) bool {
	return strings.HasPrefix(word, "-") || strings.Contains(word, "=") ||
		slices.Contains([]string{"sudo", "env", "exec", "nohup", "setsid", "time", "nice", "command", "doas"}, path.Base(word))
}

// Package programs knows programs by their names: those that run others (shells,
// interpreters, and those whose arguments are another command), known miners, and
// parts of a system that disguises imitate. It looks at no file.
package programs

import "strings"

// IsShell knows the shells, by the base name or as a login shell calls itself (-bash).
func IsShell(base string) bool {
	switch strings.TrimPrefix(base, "-") {
	case "sh", "bash", "dash", "zsh", "ksh", "ksh93", "mksh", "ash", "rbash", "csh", "tcsh", "fish":
		return true
	}
	return false
}

// Interpreter says where the arguments of an interpreter name the file that it runs.
type Interpreter struct {
	Code        string   // letters of short options that hold code: no file is run
	LongCode    []string // long options that do
	Valued      []string // options whose next argument is their value
	Subcommands bool     // the first argument may be a command of its own
	Java        bool     // it runs classes, and files by -jar only
	Stdin       bool     // without a file it runs what it reads from standard input
	Module      bool     // -m names a module, which may lie in the working directory
}

// InterpreterOf describes a shell or another interpreter by its base name, with or
// without a version.
func InterpreterOf(base string) (Interpreter, bool) {
	switch strings.TrimRight(base, "0123456789.") {
	case "python", "pypy":
		return Interpreter{Code: "cm", Valued: []string{"-W", "-X", "--check-hash-based-pycs"}, Stdin: true, Module: true}, true
	case "perl":
		return Interpreter{Code: "eE", Stdin: true}, true
	case "ruby":
		return Interpreter{Code: "e", Valued: []string{"-I", "-r", "-C"}, Stdin: true}, true
	case "node", "nodejs":
		return Interpreter{Code: "ep", LongCode: []string{"--eval", "--print"}, Valued: []string{"-r", "--require", "--import"}, Stdin: true}, true
	case "bun", "deno":
		node, _ := InterpreterOf("node")
		node.Subcommands = true
		return node, true
	case "php", "php-cli":
		return Interpreter{Code: "rBRE", Valued: []string{"-d", "-c", "-f"}, Stdin: true}, true
	case "lua", "luajit":
		return Interpreter{Code: "e", Valued: []string{"-l"}, Stdin: true}, true
	case "tclsh":
		return Interpreter{Stdin: true}, true
	case "pwsh":
		return Interpreter{
			LongCode: []string{"-c", "-Command", "-EncodedCommand", "-e"}, Valued: []string{"-ExecutionPolicy", "-WorkingDirectory"},
		}, true
	case "java":
		return Interpreter{Java: true, Valued: []string{
			"-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-modules",
		}}, true
	}
	if IsShell(base) {
		return Interpreter{Code: "c", Valued: []string{"-o", "+o", "-O", "+O"}, Stdin: true}, true
	}
	if IsLoader(base) {
		return Interpreter{
			LongCode: []string{"--list", "--verify", "--help", "--version", "--list-tunables", "--list-diagnostics"},
			Valued: []string{
				"--library-path", "--inhibit-rpath", "--preload", "--argv0", "--audit", "--glibc-hwcaps-prepend", "--glibc-hwcaps-mask",
			},
		}, true
	}
	return Interpreter{}, false
}

// IsLoader knows the dynamic loader (ld.so(8)), which also runs a program that is
// named to it: of glibc ld-linux-x86-64.so.2, ld-2.31.so, ld64.so.2; of musl ld-musl-x86_64.so.1.
func IsLoader(base string) bool {
	for _, prefix := range []string{"ld-linux", "ld-musl-", "ld64.so", "ld.so", "ld-2."} {
		if strings.HasPrefix(base, prefix) {
			return strings.Contains(base, ".so")
		}
	}
	return false
}

// Launcher is a program whose arguments are another command, such as nohup(1).
type Launcher struct {
	Values     string   // letters of short options that take a value
	LongValues []string // long options that take a value as the next argument
	Positional int      // arguments before the command
}

// LauncherOf describes a launcher by its base name.
func LauncherOf(base string) (Launcher, bool) {
	switch base {
	case "nohup", "setsid", "busybox", "toybox", "catchsegv", "eatmydata", "start-stop-daemon":
		return Launcher{}, true
	case "env":
		return Launcher{Values: "uCS", LongValues: []string{"--unset", "--chdir"}}, true
	case "timeout":
		return Launcher{Values: "ks", LongValues: []string{"--kill-after", "--signal"}, Positional: 1}, true
	case "nice":
		return Launcher{Values: "n", LongValues: []string{"--adjustment"}}, true
	case "ionice":
		return Launcher{Values: "cnpPu", LongValues: []string{"--class", "--classdata"}}, true
	case "chrt":
		return Launcher{Values: "TPD", Positional: 1}, true
	case "taskset", "chroot":
		return Launcher{Positional: 1}, true
	case "sudo":
		return Launcher{Values: "ugpCrtThDRU", LongValues: []string{"--user", "--group", "--prompt", "--host", "--chdir"}}, true
	case "doas":
		return Launcher{Values: "uC"}, true
	case "setpriv":
		return Launcher{LongValues: []string{
			"--ambient-caps", "--inh-caps", "--bounding-set", "--groups", "--reuid", "--regid", "--securebits", "--pdeathsig",
		}}, true
	case "stdbuf":
		return Launcher{Values: "ioe", LongValues: []string{"--input", "--output", "--error"}}, true
	case "time":
		return Launcher{Values: "fo"}, true
	case "flock":
		return Launcher{Values: "wE", LongValues: []string{"--timeout", "--wait", "--conflict-exit-code"}, Positional: 1}, true
	case "xargs":
		return Launcher{Values: "IiLnPsaEd", LongValues: []string{"--max-args", "--max-procs", "--arg-file", "--delimiter"}}, true
	case "unshare", "nsenter", "setarch", "linux64", "linux32", "chronic", "cgexec", "proot", "fakeroot", "dbus-run-session":
		return Launcher{Values: "SGtg"}, true
	case "systemd-run", "systemd-inhibit", "systemd-cat":
		return Launcher{Values: "puHMEtP", LongValues: []string{
			"--unit", "--property", "--description", "--slice", "--uid", "--gid", "--nice", "--working-directory", "--setenv",
			"--on-active", "--on-boot", "--on-startup", "--on-unit-active", "--on-unit-inactive", "--on-calendar", "--timer-property",
			"--what", "--who", "--why", "--mode",
		}}, true
	case "su", "runuser":
		return Launcher{Values: "sgGw", LongValues: []string{"--shell", "--group"}}, true
	case "screen":
		return Launcher{Values: "SceTht"}, true
	}
	return Launcher{}, false
}

// OnlyStarts reports whether a program does nothing of its own but to start others: a
// shell or a launcher. What keeps whole sessions, as screen(1), does more.
func OnlyStarts(base string) bool {
	_, launches := LauncherOf(base)
	return IsShell(base) || launches && base != "screen"
}

package shell

import (
	"path"
	"strings"
)

// isTemporary tells whether a file lies where everybody may put it.
func isTemporary(name string) bool {
	if !strings.HasPrefix(name, "/") {
		return false
	}
	name = strings.TrimPrefix(path.Clean(name), "/proc/self/root")
	for _, above := range []string{"/tmp/", "/var/tmp/", "/dev/shm/", "/run/user/", "/var/run/user/", "/run/shm/", "/private/tmp/"} {
		if strings.HasPrefix(name, above) && len(name) > len(above) {
			return true
		}
	}
	return strings.HasPrefix(name, "/dev/") && !isDevice(name)
}

// isDevice knows the names of /dev that scripts read commands from or test, so
// that only a program that somebody put there is told.
func isDevice(name string) bool {
	base := strings.TrimPrefix(name, "/dev/")
	switch first, _, _ := strings.Cut(base, "/"); first {
	case "stdin", "stdout", "stderr", "null", "zero", "full", "random", "urandom", "tty", "console", "fd", "tcp", "udp", "MAKEDEV":
		return true
	}
	return false
}

// isHidden tells whether a program hides behind a dot or among spaces. In a
// home, whose directories of tools start with a dot by custom, only the file's
// own name and elements of nothing but dots and spaces count.
func isHidden(name, home string, sourced bool) bool {
	inHome := isOfHome(name, home)
	elements := strings.Split(path.Clean(name), "/")
	for i, element := range elements {
		if element == "" || element == "." || element == ".." && i < len(elements)-1 {
			continue
		}
		last := i == len(elements)-1
		switch {
		case strings.Trim(element, ". \t\u00a0") == "":
			if element != ".." {
				return true
			}
		case element[0] != '.' && element[0] != ' ':
		case inHome && !last, inHome && sourced, inHome && isStartFile(element):
		case !last && isToolDirectory(element) && !isStrict(name):
		default:
			return true
		}
	}
	return false
}

func isOfHome(name, home string) bool {
	// A variable that the script does not set is mostly the home of a tool.
	if strings.HasPrefix(name, "~") || strings.HasPrefix(name, "$") || strings.HasPrefix(name, "/home/") || strings.HasPrefix(name, "/root/") {
		return true
	}
	if !strings.HasPrefix(home, "/") || strings.Trim(home, "/") == "" || isTemporary(home+"/x") || isStrict(home+"/x") {
		return false
	}
	return strings.HasPrefix(name, strings.TrimSuffix(home, "/")+"/")
}

// isStrict holds where no directory of a program starts with a dot by custom.
func isStrict(name string) bool {
	for _, application := range []string{"/var/lib/", "/var/www/", "/var/opt/"} {
		if strings.HasPrefix(name, application) {
			return false
		}
	}
	for _, above := range []string{"/etc/", "/usr/", "/var/", "/bin/", "/sbin/", "/lib", "/boot/", "/run/"} {
		if strings.HasPrefix(name, above) {
			return true
		}
	}
	return isTemporary(name)
}

// isStartFile knows start-up files that people run by hand and in sessions.
func isStartFile(base string) bool {
	switch base {
	case ".bashrc", ".bash_aliases", ".bash_profile", ".bash_login", ".profile", ".zshrc", ".zprofile", ".zshenv",
		".xinitrc", ".xsession", ".xprofile", ".fehbg", ".lessfilter":
		return true
	}
	return false
}

// isToolDirectory knows directories that tools install programs into.
func isToolDirectory(element string) bool {
	switch element {
	case ".venv", ".virtualenvs", ".local", ".config", ".cargo", ".rustup", ".nvm", ".npm", ".npm-global", ".yarn", ".volta",
		".pyenv", ".rbenv", ".rvm", ".nodenv", ".goenv", ".jenv", ".asdf", ".sdkman", ".bun", ".deno", ".dotnet", ".linuxbrew",
		".pixi", ".conda", ".krew", ".oh-my-zsh", ".poetry", ".vscode-server", ".steam", ".go":
		return true
	}
	return false
}

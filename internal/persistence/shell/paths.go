package shell

import (
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
)

// isTemporary reports whether a file lies where everybody may put it. The devices that
// scripts read commands from are no such file.
func isTemporary(name string) bool { return place.IsTemporary(name) && !place.IsDevice(name) }

// isHidden reports whether a program hides behind a dot or among spaces. It is stricter
// than place.IsHidden, which is about what runs already: here a directory with a dot
// counts too, but for those that tools install programs into. In a home, whose
// directories start with a dot by custom, only the file's own name and invisible
// elements count.
func isHidden(name, home string, sourced bool) bool {
	inHome := isOfHome(name, home)
	elements := strings.Split(path.Clean(name), "/")
	for i, element := range elements {
		last := i == len(elements)-1
		switch {
		case element == "", element == ".", element == "..":
		case place.IsInvisible(element):
			return true
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
	if strings.HasPrefix(name, "~") || strings.HasPrefix(name, "$") {
		return true
	}
	if origin, _ := place.Origin(name, false); origin == model.OriginHome {
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

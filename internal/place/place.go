// Package place says what kind of place a path is: one answer for every sensor and
// rule. Its functions look at the text of a path alone; no file is touched.
package place

import (
	"path"
	"strings"
	"unicode"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// memfdPrefix is what the kernel calls the file of memfd_create(2) (mm/memfd.c).
const memfdPrefix = "/memfd:"

// directory is a tree and what lies in it.
type directory struct {
	name   string
	origin model.Origin
}

// directories are looked through in order; /dev/shm stands before /dev, and
// /usr/local before /usr. An array costs no allocation: every process is asked about.
func directories() [19]directory {
	return [19]directory{
		{"/tmp", model.OriginTemp},
		{"/var/tmp", model.OriginTemp},
		{"/dev/shm", model.OriginTemp},
		{"/run/user", model.OriginTemp},
		{"/run/shm", model.OriginTemp},
		{"/dev", model.OriginTemp},
		{"/home", model.OriginHome},
		{"/root", model.OriginHome},
		{"/var/www", model.OriginWeb},
		{"/srv", model.OriginWeb},
		{"/usr/local", model.OriginLocal},
		{"/opt", model.OriginLocal},
		{"/usr", model.OriginSystem},
		{"/bin", model.OriginSystem},
		{"/sbin", model.OriginSystem},
		{"/lib", model.OriginSystem},
		{"/lib32", model.OriginSystem},
		{"/lib64", model.OriginSystem},
		{"/libx32", model.OriginSystem},
	}
}

// IsInMemory tells whether a name is one that the kernel gives to a file of memfd_create(2).
func IsInMemory(name string) bool { return strings.HasPrefix(name, memfdPrefix) }

// locate returns the first directory that an absolute path lies below.
func locate(name string) (directory, bool) {
	name = resolve(name)
	for _, d := range directories() {
		if below, ok := strings.CutPrefix(name, d.name); ok && len(below) > 1 && below[0] == '/' {
			return d, true
		}
	}
	return directory{}, false
}

// resolve cleans a path and undoes what spells a directory in another way: links
// that every system has, and the root directory of the process itself.
func resolve(name string) string {
	if name == "" {
		return ""
	}
	if strings.Contains(name, "//") || strings.Contains(name, "/.") || name[0] != '/' || name[len(name)-1] == '/' {
		name = path.Clean(name) // a path that the kernel shows is clean
	}
	if !strings.HasPrefix(name, "/p") && !strings.HasPrefix(name, "/var/run/") {
		return name
	}
	for below, ok := belowRoot(name); ok; below, ok = belowRoot(name) {
		name = below // one may stand behind another
	}
	for _, alias := range []struct{ from, to string }{{"/var/run/", "/run/"}, {"/private/tmp/", "/tmp/"}} {
		if below, ok := strings.CutPrefix(name, alias.from); ok {
			return alias.to + below
		}
	}
	return name
}

// belowRoot takes a link to the root directory off the beginning of a path (proc_pid_root(5)).
func belowRoot(name string) (below string, ok bool) {
	for _, root := range []string{"/proc/self/root/", "/proc/thread-self/root/", "/proc/1/root/"} {
		if strings.HasPrefix(name, root) {
			return name[len(root)-1:], true
		}
	}
	return name, false
}

// Origin returns the origin of an executable, and the directory that names its
// group where the base name must not. exe is the target of /proc/PID/exe without
// " (deleted)", and deleted tells that the file has no name any more. A deleted file
// of a package upgrade is still of the system.
func Origin(exe string, deleted bool) (model.Origin, string) {
	if IsInMemory(exe) && deleted {
		return model.OriginMemfd, "memfd"
	}
	d, ok := locate(exe)
	switch {
	case !ok:
		return model.OriginOther, "other"
	case deleted && (d.origin == model.OriginTemp || d.origin == model.OriginHome):
		return model.OriginDeleted, "deleted"
	default:
		return d.origin, d.name
	}
}

// IsTemporary tells whether a path lies below a directory that everybody may write
// to, or that is empty after each start of the machine. A relative path does not.
func IsTemporary(name string) bool {
	d, ok := locate(name)
	return ok && d.origin == model.OriginTemp
}

// IsDevice knows the names below /dev that scripts read commands from or test: a
// program is none of them, and nothing was put there.
func IsDevice(name string) bool {
	base, ok := strings.CutPrefix(resolve(name), "/dev/")
	if !ok {
		return false
	}
	switch first, _, _ := strings.Cut(base, "/"); first {
	case "stdin", "stdout", "stderr", "null", "zero", "full", "random", "urandom", "tty", "console", "fd", "tcp", "udp", "MAKEDEV":
		return true
	}
	return false
}

// IsInvisible tells whether a file name holds nothing but dots and characters that
// cannot be seen. `.` and `..` are names too.
func IsInvisible(element string) bool {
	if element != "" && element[0] > '.' && element[0] <= '~' {
		return false // most names begin with a letter
	}
	return element != "" && strings.TrimFunc(element, func(r rune) bool {
		return r == '.' || unicode.IsSpace(r) || !unicode.IsGraphic(r)
	}) == ""
}

// IsHiddenName tells whether a file name begins with a dot or cannot be seen.
func IsHiddenName(element string) bool {
	return strings.HasPrefix(element, ".") || IsInvisible(element)
}

// IsHidden tells whether the path of a program hides it: a name that cannot be seen
// anywhere in it, or a name of its own with a dot. Directories with a dot are common
// (~/.local, ~/.cargo), so they count below a temporary directory only.
func IsHidden(program string) bool {
	program = resolve(program)
	if strings.HasPrefix(program, "/nix/store/") || strings.HasPrefix(program, "/gnu/store/") {
		return false // their wrappers are called .NAME-wrapped and .NAME-real
	}
	for rest := strings.TrimPrefix(program, "/"); rest != ""; {
		element, below, more := strings.Cut(rest, "/")
		if IsInvisible(element) || strings.HasPrefix(element, ".") && (!more || IsTemporary(program)) {
			return true
		}
		rest = below
	}
	return false
}

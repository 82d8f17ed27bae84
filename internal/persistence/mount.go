package persistence

import (
	"path"
	"strings"

	"github.com/coreos/go-systemd/v22/unit"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/persistence/shell"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
)

// mountUnit is what a unit of systemd.mount(5) mounts, and where.
type mountUnit struct {
	what, where, fileSystem, options string
}

// mount parses a mount. It is suspicious if it covers what the system runs or shows, if
// what it mounts lies where everybody may put it, and by the helper that it starts.
func (d document) mount(options []*unit.UnitOption, user string) model.PersistenceEntry {
	m := mountUnit{}
	for _, o := range options {
		if o.Section != "Mount" {
			continue
		}
		value := d.resolved(strings.Trim(strings.TrimSpace(o.Value), `"'`), user)
		switch o.Name {
		case "What":
			m.what = value
		case "Where":
			m.where = path.Clean("/" + value)
		case "Type":
			m.fileSystem = value
		case "Options":
			m.options = value
		}
	}
	v := shell.Verdict{}
	for _, helper := range m.helpers() {
		v.Merge(d.analyze(helper, user))
	}
	command := m.command()
	if m.covers() {
		v.Suspect(shell.Suspicion{Reason: model.PersistenceMountOver, Evidence: m.where, Command: command})
	}
	return entry(0, user, command, v)
}

// command is what systemd runs for the mount.
func (m *mountUnit) command() string {
	words := []string{"mount"}
	if m.fileSystem != "" {
		words = append(words, "-t", m.fileSystem)
	}
	if m.options != "" {
		words = append(words, "-o", m.options)
	}
	return strings.Join(append(words, m.what, m.where), " ")
}

// helpers are the programs that a mount starts: those of mount.fuse3(8), which runs what
// stands before the # of its source or behind the dot of its type, and of sshfs(1).
func (m *mountUnit) helpers() []string {
	var all []string
	if name, ok := strings.CutPrefix(m.fileSystem, "fuse."); ok {
		all = append(all, name)
	}
	if program, _, ok := strings.Cut(m.what, "#"); ok && strings.HasPrefix(m.fileSystem, "fuse") {
		all = append(all, program)
	}
	for option := range strings.SplitSeq(m.options, ",") {
		if command, ok := strings.CutPrefix(strings.TrimSpace(option), "ssh_command="); ok {
			all = append(all, command)
		}
	}
	return all
}

// covers says whether a mount lies over a process, over what the system starts, or
// brings what everybody may write to a place where programs are installed.
func (m *mountUnit) covers() bool {
	if m.where == "/" || strings.HasPrefix(m.what, "/dev/") && !isBelow(m.what, "/dev/shm") {
		return false // a disk
	}
	if below, ok := strings.CutPrefix(m.where, "/proc"); ok {
		return below == "" && m.fileSystem != "proc" || isProcess(strings.TrimPrefix(below, "/"))
	}
	if startsPrograms(m.where) && !isBelow(m.what, "/usr", "/bin", "/sbin", "/lib", "/lib64") {
		return true
	}
	if place.IsTemporary(m.where) {
		return false
	}
	for _, source := range m.sources() {
		if place.IsTemporary(source) || place.IsHidden(source) && isBelow(m.where, "/usr", "/etc", "/bin", "/sbin", "/lib", "/lib64", "/opt") {
			return true
		}
	}
	return false
}

// sources are the directories and files that a mount shows, those of an overlay too.
func (m *mountUnit) sources() []string {
	all := []string{m.what}
	for option := range strings.SplitSeq(m.options, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(option), "=")
		switch name {
		case "lowerdir", "upperdir":
			all = append(all, strings.Split(value, ":")...)
		}
	}
	return all
}

// isProcess holds for the directory of a process below /proc, and what lies in it.
func isProcess(below string) bool {
	first, _, _ := strings.Cut(below, "/")
	return first == "self" || first == "thread-self" || first != "" && strings.Trim(first, "0123456789") == ""
}

// startsPrograms holds for what the system is started and looked after with.
func startsPrograms(where string) bool {
	return isBelow(where, "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/lib/systemd", "/lib/systemd", "/etc/systemd/system", "/etc/systemd/user", "/etc/cron.d",
		"/etc/cron.hourly", "/etc/cron.daily", "/etc/crontab", "/var/spool/cron", "/etc/init.d", "/etc/rc.local", "/etc/ld.so.preload",
		"/etc/profile", "/etc/profile.d")
}

func isBelow(name string, directories ...string) bool {
	for _, directory := range directories {
		if name == directory || strings.HasPrefix(name, directory+"/") {
			return true
		}
	}
	return false
}

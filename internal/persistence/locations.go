package persistence

import (
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// location is a file, or a directory of files, that starts programs by itself.
type location struct {
	kind      model.PersistenceKind
	path      string
	directory bool
	format    format
	takes     func(base string) bool // of a directory's files; nil takes all
	home      home                   // whose location it is; zero for the system's
	units     bool                   // files and drop-ins of systemd: the name says the kind
	once      bool                   // a file with several names counts once
	programs  bool                   // only files that may be executed count
}

// systemLocations are those outside of homes. Those that users fill come last: what is
// looked at in one sample is bounded.
func systemLocations() []location {
	var all []location
	file := func(kind model.PersistenceKind, f format, paths ...string) {
		for _, p := range paths {
			all = append(all, location{kind: kind, path: p, format: f, once: kind == model.PersistenceInit})
		}
	}
	directory := func(kind model.PersistenceKind, f format, takes func(string) bool, paths ...string) {
		once := kind != model.PersistenceCronScript && kind != model.PersistenceProfile
		for _, p := range paths {
			all = append(all, location{kind: kind, path: p, format: f, takes: takes, directory: true, once: once})
		}
	}
	// crontab(5), cron(8) of Debian and cronie, /var/spool/cron/tabs of SUSE.
	file(model.PersistenceCrontab, systemCrontab, "/etc/crontab")
	directory(model.PersistenceCrontab, systemCrontab, nil, "/etc/cron.d")
	directory(model.PersistenceCronScript, script, isNoPlaceholder,
		"/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly")
	file(model.PersistenceAnacron, anacrontab, "/etc/anacrontab")
	// systemd.unit(5).
	for _, p := range []string{
		"/etc/systemd/system", "/run/systemd/system", "/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient", "/run/systemd/generator.early",
		"/run/systemd/generator", "/run/systemd/generator.late", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
		"/lib/systemd/system", "/etc/systemd/user", "/run/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user",
	} {
		all = append(all, location{path: p, directory: true, format: unitFile, units: true, once: true})
	}
	// systemd.generator(7), systemd.environment-generator(7).
	for _, above := range []string{"/etc/systemd/", "/run/systemd/", "/usr/local/lib/systemd/", "/usr/lib/systemd/", "/lib/systemd/"} {
		for _, name := range []string{"system-generators", "user-generators", "system-environment-generators", "user-environment-generators"} {
			all = append(all, location{
				kind: model.PersistenceGenerator, path: above + name, directory: true, format: script, takes: isNoDotFile, once: true, programs: true,
			})
		}
	}
	// init(8), inittab(5).
	file(model.PersistenceInit, script, "/etc/rc.local", "/etc/rc.d/rc.local")
	directory(model.PersistenceInit, script, isNoReadme, "/etc/init.d")
	file(model.PersistenceInit, inittab, "/etc/inittab")
	// bash(1), zsh(1), pam_env(8), environment.d(5).
	file(model.PersistenceProfile, script, "/etc/profile", "/etc/bash.bashrc", "/etc/bashrc", "/etc/environment")
	directory(model.PersistenceProfile, script, nil, "/etc/profile.d", "/etc/zsh")
	directory(model.PersistenceProfile, script, isConf,
		"/etc/environment.d", "/run/environment.d", "/usr/local/lib/environment.d", "/usr/lib/environment.d")
	directory(model.PersistenceAutostart, desktopEntry, isDesktop, "/etc/xdg/autostart")
	file(model.PersistencePreload, preload, "/etc/ld.so.preload")
	directory(model.PersistenceUdev, udevRules, isRules,
		"/etc/udev/rules.d", "/run/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d")
	file(model.PersistenceModules, modules, "/etc/modules")
	directory(model.PersistenceModules, modules, isConf, "/etc/modules-load.d", "/run/modules-load.d", "/usr/lib/modules-load.d")
	directory(model.PersistenceUserCrontab, userCrontab, nil, "/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/var/spool/cron")
	directory(model.PersistenceAt, atJob, isNoDotFile, "/var/spool/cron/atjobs", "/var/spool/at", "/var/spool/atjobs")
	return all
}

// homeLocations are those of one home.
func homeLocations(h home) []location {
	at := func(name string) string { return strings.TrimSuffix(h.path, "/") + "/" + name }
	var all []location
	for _, name := range []string{
		".bashrc", ".bash_profile", ".bash_login", ".profile", ".bash_logout", ".zshrc", ".zprofile", ".zshenv", ".xprofile", ".xinitrc",
	} {
		all = append(all, location{kind: model.PersistenceProfile, path: at(name), format: script, home: h})
	}
	for _, name := range []string{".ssh/authorized_keys", ".ssh/authorized_keys2"} {
		all = append(all, location{kind: model.PersistenceAuthorizedKeys, path: at(name), format: authorizedKeys, home: h})
	}
	for _, name := range []string{".config/systemd/user", ".config/systemd/user.control", ".local/share/systemd/user"} {
		all = append(all, location{path: at(name), directory: true, format: unitFile, units: true, once: true, home: h})
	}
	all = append(all, location{
		kind: model.PersistenceProfile, path: at(".config/environment.d"), directory: true, format: script, takes: isConf, home: h,
	})
	return append(all, location{
		kind: model.PersistenceAutostart, path: at(".config/autostart"), directory: true, format: desktopEntry, takes: isDesktop, home: h,
	})
}

func isNoPlaceholder(base string) bool { return base != ".placeholder" }
func isNoDotFile(base string) bool     { return !strings.HasPrefix(base, ".") }
func isNoReadme(base string) bool      { return base != "README" && base != ".depend.boot" }
func isDesktop(base string) bool       { return path.Ext(base) == ".desktop" }
func isRules(base string) bool         { return path.Ext(base) == ".rules" }
func isConf(base string) bool          { return path.Ext(base) == ".conf" }

// kindOfUnit takes the kind from the name of a unit.
func kindOfUnit(name string) (model.PersistenceKind, bool) {
	switch path.Ext(name) {
	case ".service", ".mount":
		return model.PersistenceSystemdService, true
	case ".timer":
		return model.PersistenceSystemdTimer, true
	case ".path", ".socket", ".automount":
		return model.PersistenceSystemdPath, true
	}
	return "", false
}

// unitOfDropIns is the unit that a directory of drop-ins belongs to: NAME.d, or
// service.d for every service (systemd.unit(5)).
func unitOfDropIns(directory string) (string, bool) {
	name, ok := strings.CutSuffix(directory, ".d")
	if !ok {
		return "", false
	}
	if _, ok := kindOfUnit("." + name); ok && !strings.Contains(name, ".") {
		return "." + name, true
	}
	_, ok = kindOfUnit(name)
	return name, ok
}

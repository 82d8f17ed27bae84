package model

import "slices"

// PersistenceKind is a place that starts programs by itself.
type PersistenceKind string

// The kinds of places.
const (
	PersistenceCrontab        PersistenceKind = "crontab"           // /etc/crontab and /etc/cron.d: crontab(5) with a user
	PersistenceUserCrontab    PersistenceKind = "user_crontab"      // /var/spool/cron: one file for each user
	PersistenceCronScript     PersistenceKind = "cron_script"       // /etc/cron.hourly and its like: run-parts(8)
	PersistenceAnacron        PersistenceKind = "anacron"           // /etc/anacrontab
	PersistenceAt             PersistenceKind = "at"                // the jobs of at(1)
	PersistenceSystemdService PersistenceKind = "systemd_service"   // systemd.service(5) and systemd.mount(5), of the system and of users
	PersistenceSystemdTimer   PersistenceKind = "systemd_timer"     // systemd.timer(5)
	PersistenceSystemdPath    PersistenceKind = "systemd_path"      // what else starts a unit: systemd.path(5), systemd.socket(5), systemd.automount(5)
	PersistenceGenerator      PersistenceKind = "systemd_generator" // systemd.generator(7) and environment generators: programs that run at each boot
	PersistenceInit           PersistenceKind = "init"              // /etc/rc.local, /etc/init.d, /etc/inittab
	PersistenceProfile        PersistenceKind = "profile"           // start-up files of shells
	PersistenceAutostart      PersistenceKind = "autostart"         // XDG autostart
	PersistencePreload        PersistenceKind = "ld_so_preload"     // /etc/ld.so.preload
	PersistenceAuthorizedKeys PersistenceKind = "authorized_keys"   // only their changes are looked at
	PersistenceUdev           PersistenceKind = "udev"              // rules with RUN or PROGRAM
	PersistenceModules        PersistenceKind = "modules_load"      // modules-load.d(5)
)

// PersistenceKinds lists every kind, so that metrics can exist at 0.
func PersistenceKinds() []PersistenceKind {
	return []PersistenceKind{
		PersistenceCrontab, PersistenceUserCrontab, PersistenceCronScript, PersistenceAnacron, PersistenceAt,
		PersistenceSystemdService, PersistenceSystemdTimer, PersistenceSystemdPath, PersistenceGenerator, PersistenceInit, PersistenceProfile,
		PersistenceAutostart, PersistencePreload, PersistenceAuthorizedKeys, PersistenceUdev, PersistenceModules,
	}
}

// PersistenceReason is why an entry is suspicious. The set is closed.
type PersistenceReason string

// The reasons, strongest first.
const (
	PersistenceFetchAndRun PersistenceReason = "fetch_and_run"  // curl | sh, wget -O-, and what is fetched and then run
	PersistenceDecodeRun   PersistenceReason = "decode_and_run" // base64 -d | sh
	PersistenceTempPath    PersistenceReason = "temp_path"      // runs a file of a directory that everybody may write to
	PersistenceHiddenPath  PersistenceReason = "hidden_path"    // runs a file behind a dot or among spaces
	PersistenceKnownMiner  PersistenceReason = "known_miner"    // runs a file with the name of a known miner
	PersistencePreloaded   PersistenceReason = "preloaded"      // a library that is put into every program
	PersistenceMountOver   PersistenceReason = "mount_over"     // a mount that covers what the system runs or shows
)

// PersistenceReasons lists every reason.
func PersistenceReasons() []PersistenceReason {
	return []PersistenceReason{
		PersistenceFetchAndRun, PersistenceDecodeRun, PersistenceTempPath, PersistenceHiddenPath, PersistenceKnownMiner, PersistencePreloaded,
		PersistenceMountOver,
	}
}

// Rank orders reasons, the strongest first; no reason comes last.
func (r PersistenceReason) Rank() int {
	if rank := slices.Index(PersistenceReasons(), r); rank >= 0 {
		return rank
	}
	return len(PersistenceReasons())
}

// PersistenceChange is what happened to an entry between two samples.
type PersistenceChange string

// The changes.
const (
	PersistenceAdded   PersistenceChange = "added"
	PersistenceChanged PersistenceChange = "changed"
	PersistenceRemoved PersistenceChange = "removed"
)

// PersistenceChanges lists every change.
func PersistenceChanges() []PersistenceChange {
	return []PersistenceChange{PersistenceAdded, PersistenceChanged, PersistenceRemoved}
}

// PersistenceChangeKey keys a count of changes.
type PersistenceChangeKey struct {
	Kind   PersistenceKind
	Change PersistenceChange
}

// PersistenceEntry is one thing that starts a program by itself: a line of a
// crontab, a unit, a script. Names and commands are raw.
type PersistenceEntry struct {
	Kind     PersistenceKind
	Path     string            // of the file, as the host calls it
	Line     int               // in the file, from 1; 0 where the whole file is the entry
	FileHash string            // first 12 hex of the SHA-256 of the file's content; "" for a whole file that is the entry, and for one that is too large
	Owner    string            // the user who writes the file; "" for root and the system
	User     string            // whom it runs as, as far as the file tells
	Unit     string            // of systemd
	Starts   string            // the unit that a timer, path, socket or automount starts
	Command  string            // what is run, at most 1,024 bytes
	Programs []string          // absolute paths that the command names, at most 16
	Reason   PersistenceReason // "" for what looks harmless
	Evidence string            // the part of Command, or of what it decodes to, that Reason is about
	Decoded  string            // what the encoded part of Command reads, at most 256 bytes; "" if none is
}

// PersistenceFile is a file of one who writes it; Path is "" for all his others.
type PersistenceFile struct{ Owner, Path string }

// PersistenceSnapshot is one look at everything that starts programs.
type PersistenceSnapshot struct {
	Meta
	Counts  map[PersistenceKind]int
	Changes map[PersistenceChangeKey]uint64 // since the exporter started
	Entries []PersistenceEntry              // the suspicious ones first, of these root's and the system's; at most 4,096

	Baseline *PersistenceBaseline // for the next start; nil unless it is kept

	Omitted map[PersistenceFile]int // suspicious ones that Entries has no room for; without a path: of files that have no entry there
}

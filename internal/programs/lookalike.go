package programs

import (
	"path"
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
)

// strikingName is how long the name of a part of a system must be for one that is
// off by a letter to be no accident where people install programs: `smart` and
// `dhcpd` are honest, `systemd-network1` is not.
const strikingName = 8

// honestNames are programs that are off by one letter from a part of a system, a
// server or a kernel thread, and are themselves. They were looked for among all
// packages of Debian and the most used ones of PyPI and npm.
func honestNames() []string {
	return []string{
		"chrony", "ddclient", "dhcpcd5", "dhcpd", "http2", "httpr", "https", "httpx", "kblocks", "lightfm", "memcache", "mongos", "mongot",
		"mysql2", "mysql8", "namei", "names", "namex", "ntpdc", "postgrejs", "postgrest", "postgrey", "sendemail", "slapd", "snmpd",
		"sshdo", "udisks2", "unattended-upgrades", "wpasupplicant",
	}
}

// Likeness is what the name of a program is taken for.
type Likeness struct {
	Of    string // what is imitated; "" for nothing
	Plain bool   // many an honest program from such a place is called so: it explains and counts for nothing
}

// Lookalike tells whether a name of a program, its executable's or the one that the
// process gave itself, imitates a kernel thread or a part of a system: nearly its
// name, or just its name where people do not install it.
func (n *Names) Lookalike(name string, p *model.Process) Likeness {
	suspicious := p.Origin.Suspicious() || place.IsHidden(p.Exe)
	belongs := !suspicious && p.Origin != model.OriginWeb
	if n.system[name] {
		return Likeness{name, belongs && (p.Origin == model.OriginLocal || isInstalled(p.Exe))}
	}
	if len(name) < 5 || n.servers[name] {
		return Likeness{}
	}
	if sound := nearest(name, n.sounds); sound != "" {
		return Likeness{sound + ", a thread of the kernel", n.isHonest(name, sound)}
	}
	if original := nearest(name, n.systemSorted); original != "" {
		return Likeness{original, n.isHonest(name, original) || belongs && len(original) < strikingName || belongs && isInstalled(p.Exe)}
	}
	if original := nearest(name, n.serversSorted); original != "" && suspicious {
		return Likeness{original, n.isHonest(name, original)}
	}
	return Likeness{}
}

// isHonest knows the honest names, and those of a daemon without its d: `audit`,
// `kcrypt` and `docker` are tools.
func (n *Names) isHonest(name, original string) bool { return n.honest[name] || name+"d" == original }

// isInstalled tells whether a program lies in a directory for programs below a
// place where somebody installed it: ~/miniconda3/bin, ~/.nix-profile/sbin,
// /nix/store/HASH-openssh/bin. The directory itself must not be the top of a home.
func isInstalled(exe string) bool {
	directory := path.Dir(exe)
	if isStore(exe) {
		return true
	}
	return slices.Contains([]string{"bin", "sbin", "libexec"}, path.Base(directory)) && !hasUnknownDotDirectory(directory)
}

// isStore knows the directories that package managers of their own fill as root.
func isStore(exe string) bool {
	for _, store := range []string{"/nix/store/", "/gnu/store/", "/snap/", "/var/lib/flatpak/"} {
		if strings.HasPrefix(exe, store) {
			return true
		}
	}
	return false
}

// hasUnknownDotDirectory tells whether a directory with a dot is none of those that
// tools install programs in.
func hasUnknownDotDirectory(directory string) bool {
	for element := range strings.SplitSeq(directory, "/") {
		if strings.HasPrefix(element, ".") && !slices.Contains([]string{
			".local", ".nix-profile", ".guix-profile", ".linuxbrew", ".conda", ".pixi", ".cargo", ".rustup", ".pyenv", ".rbenv", ".asdf", ".sdkman",
			".nvm", ".volta", ".deno", ".bun", ".rye", ".venv", ".go", ".opam", ".ghcup", ".cabal", ".krew", ".vscode-server", ".cursor-server",
		}, element) {
			return true
		}
	}
	return false
}

// nearest returns the first of sorted names that a name is near to, or "".
func nearest(name string, sorted []string) string {
	for _, original := range sorted {
		if len(original) >= 4 && isNear(name, original) {
			return original
		}
	}
	return ""
}

// isNear tells whether one letter was put in, taken out or changed, but not the
// first: such names are made to be overlooked.
func isNear(name, original string) bool {
	if name == "" || name == original || name[0] != original[0] {
		return false
	}
	short, long := name, original
	if len(short) > len(long) {
		short, long = long, short
	}
	if len(long)-len(short) > 1 {
		return false
	}
	i := 0
	for i < len(short) && short[i] == long[i] {
		i++
	}
	if len(short) == len(long) {
		return short[i+1:] == long[i+1:]
	}
	return short[i:] == long[i+1:]
}

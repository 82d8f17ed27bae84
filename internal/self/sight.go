package self

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

// part is a part of the host, which a namespace of the exporter's own may replace.
type part int

const (
	processes part = iota
	files
	users
	network
	parts // how many there are
)

// The host's first namespaces have these numbers on every Linux since 3.8
// (enum proc_ns_init_inodes, include/linux/proc_ns.h; uapi/linux/nsfs.h).
const (
	firstPIDNamespace  = "pid:[4026531836]"
	firstUserNamespace = "user:[4026531837]"
)

const statusBytes = 1 << 20 // of /proc/PID/status, which may name 65,536 groups

// places are the directories that a sandbox replaces, and a miner uses. Each is compared
// with what the host has there.
func places() []string {
	return []string{"/", "/tmp", "/var/tmp", "/dev/shm", "/home", "/root", "/etc", "/usr", "/var/spool"}
}

// sight says of each part of the host why it is out of sight: nothing if it is not, or if
// that cannot be told. contained: procfs is that of a container.
func (s *Sensor) sight() (contained bool, lacks [parts][]string) {
	s.mounts = s.readMounts()
	contained, lacks[processes] = s.processes()
	lacks[files] = s.files(contained)
	lacks[users] = s.users()
	lacks[network] = s.network()
	return contained, lacks
}

func (s *Sensor) first() string { return filepath.Join(s.options.Proc, "1") }

// processes tells whether procfs is the host's. contained: it is that of a container.
func (s *Sensor) processes() (contained bool, lacks []string) {
	shown, err := os.Readlink(filepath.Join(s.first(), "ns/pid"))
	if err != nil { // others' namespaces are read by who may ptrace them: then the numbers of this process say it
		switch levels, err := s.pidLevels(); {
		case err != nil:
			return true, []string{fmt.Sprintf("%s does not show the exporter itself, so it is not that of the host: mount the host's there, or name it by --path.procfs.", s.options.Proc)}
		case levels > 1:
			shown = firstPIDNamespace // of a namespace above: the host's, as far as can be told
		default:
			if shown, err = os.Readlink(filepath.Join(s.options.Own, "ns/pid")); err != nil {
				shown = firstPIDNamespace
			}
		}
	}
	if shown != firstPIDNamespace && !s.isSystem() {
		return true, []string{fmt.Sprintf("%s shows the processes of one container only, not those of the host: run the exporter in the host's pid namespace (--pid=host, hostPID: true).", s.options.Proc)}
	}
	if mount := s.mountAt(s.options.Proc); mount.HidesOthers() && !s.mayPtrace() {
		lacks = append(lacks, fmt.Sprintf("%s is mounted with hidepid, which hides the processes of others: give the exporter CAP_SYS_PTRACE, or mount it without.", s.options.Proc))
	}
	return false, lacks
}

// pidLevels is in how many nested pid namespaces this process has a number, from that of
// procfs down (NSpid in proc_pid_status(5)).
func (s *Sensor) pidLevels() (int, error) {
	return field(filepath.Join(s.options.Proc, "self/status"), "NSpid:", func(value string) (int, error) { return len(strings.Fields(value)), nil })
}

// mayPtrace tells whether CAP_SYS_PTRACE is in force. Where that cannot be read, it is.
func (s *Sensor) mayPtrace() bool {
	set, err := field(filepath.Join(s.options.Own, "status"), "CapEff:", func(value string) (uint64, error) { return strconv.ParseUint(value, 16, 64) })
	return err != nil || set&(1<<unix.CAP_SYS_PTRACE) != 0
}

var errNoField = errors.New("there is no such line")

// field reads one line of a status file.
func field[T any](name, key string, parse func(string) (T, error)) (T, error) {
	var none T
	content, err := hostfs.ReadStart(name, statusBytes)
	if err != nil {
		return none, err
	}
	for line := range strings.Lines(string(content)) {
		if value, ok := strings.CutPrefix(line, key); ok {
			return parse(strings.TrimSpace(value))
		}
	}
	return none, fmt.Errorf("%s: %w", key, errNoField)
}

// isSystem tells a container that is a whole system (LXC, a rented virtual server) from one
// of an application: it has an init of its own, and is all the host that there is to see.
func (s *Sensor) isSystem() bool {
	comm, err := hostfs.ReadStart(filepath.Join(s.first(), "comm"), 64)
	name, _, _ := strings.Cut(strings.TrimSpace(string(comm)), "(") // WSL has init(Debian)
	return err == nil && slices.Contains([]string{"systemd", "init", "runit", "s6-svscan", "openrc-init", "procd"}, name)
}

// mountAt is what is mounted at a path in this process' mount namespace: of several over
// each other the last. The zero value stands for nothing.
func (s *Sensor) mountAt(name string) hostfs.Mount { return s.mounts[filepath.Clean(name)] }

// readMounts reads the mounts of this process, by where they are.
func (s *Sensor) readMounts() map[string]hostfs.Mount {
	mounts, err := hostfs.Mounts(filepath.Join(s.options.Own, "mountinfo"))
	if err != nil {
		return nil
	}
	last := map[string]hostfs.Mount{}
	for m := range mounts {
		last[m.Point] = m
	}
	return last
}

// files compares directories with what pid 1 has in their place.
func (s *Sensor) files(contained bool) []string {
	if contained && path.Clean(s.options.Root) == "/" {
		return []string{"The files are those of one container only: mount the root directory of the host (-v /:/host:ro,rslave), and name it by --path.rootfs."}
	}
	mounts := s.mounts // the read may be left behind
	own, err := hostfs.Within(s.guard, readTime, func() ([]string, error) { return s.replaced(mounts), nil })
	if err != nil {
		return nil // a file system hangs: whoever looks into it says so
	}
	lacks := make([]string, 0, len(own))
	for _, place := range own {
		lacks = append(lacks, fmt.Sprintf("%s is not that of the host: %s", place, s.replacement(place)))
	}
	return lacks
}

// replaced lists the places that are not the host's.
func (s *Sensor) replaced(mounts map[string]hostfs.Mount) (own []string) {
	ours, err := hostfs.OpenRoot(s.options.Root)
	if err != nil {
		return nil
	}
	defer ours.Close()
	hosts, err := hostfs.OpenRoot(filepath.Join(s.first(), "root"))
	known := err == nil
	if known {
		defer hosts.Close()
	}
	for _, place := range places() {
		if !known { // without CAP_SYS_PTRACE only what a mount says of itself
			if isSandbox(mounts[filepath.Join(s.options.Root, place)]) {
				own = append(own, place)
			}
			continue
		}
		theirs, theirsErr := identity(hosts, place)
		mine, mineErr := identity(ours, place)
		missing := theirsErr == nil && errors.Is(mineErr, fs.ErrNotExist)
		if missing || (theirsErr == nil && mineErr == nil && theirs != mine) {
			own = append(own, place)
		}
	}
	return own
}

type fileIdentity struct{ device, inode uint64 }

func identity(root *hostfs.Root, name string) (fileIdentity, error) {
	file, err := root.File(name, unix.O_PATH)
	if err != nil {
		return fileIdentity{}, err
	}
	defer file.Close()
	stat, err := hostfs.Stat(file)
	return fileIdentity{stat.Dev, stat.Ino}, err
}

// isSandbox knows the mounts by which systemd replaces a directory (systemd.exec(5)).
func isSandbox(m hostfs.Mount) bool {
	return strings.Contains(m.Root, "/systemd-private-") || strings.Contains(m.Root, "/systemd/inaccessible/")
}

// replacement says what shows in place of a directory, and how to mend it.
func (s *Sensor) replacement(place string) string {
	m := s.mountAt(filepath.Join(s.options.Root, place))
	switch {
	case strings.Contains(m.Root, "/systemd-private-"):
		return "its unit gives the exporter one of its own; set PrivateTmp=no."
	case strings.Contains(m.Root, "/systemd/inaccessible/"):
		return "its unit closes it; take it out of InaccessiblePaths=, and set ProtectHome=read-only."
	case m.Kind == "tmpfs":
		return "an empty one is mounted over it for the exporter; see ProtectHome=, TemporaryFileSystem= and PrivateTmp= of its unit."
	default:
		return "the exporter has a mount namespace of its own; run it in the host's, or mount the host's root directory and name it by --path.rootfs."
	}
}

// users tells whether this process is in a user namespace that pid 1 is not in: its
// capabilities count for nothing outside.
func (s *Sensor) users() []string {
	own, err := os.Readlink(filepath.Join(s.options.Own, "ns/user"))
	if err != nil || own == firstUserNamespace {
		return nil
	}
	if first, err := os.Readlink(filepath.Join(s.first(), "ns/user")); err == nil && first == own {
		return nil // a container that is a whole system
	}
	return []string{"It runs in a user namespace of its own, in which no capability counts for the host: set PrivateUsers=no, or run the container without user namespaces (--userns=host)."}
}

// network tells whether this process is in another network namespace than pid 1.
func (s *Sensor) network() []string {
	self := filepath.Join(s.options.Proc, "self") // not Own: two mounts of procfs have different devices
	_, ownErr := os.Stat(filepath.Join(self, "net/tcp"))
	_, hostsErr := os.Stat(filepath.Join(s.first(), "net/tcp"))
	if ownErr != nil || hostsErr != nil || hostfs.ShareNetNamespace(self, s.first()) {
		return nil
	}
	return []string{"It runs in a network namespace of its own: the kernel's events of processes, forwarded ports and services of the host are out of reach; set PrivateNetwork=no, or run the container in the host's (--net=host, hostNetwork: true)."}
}

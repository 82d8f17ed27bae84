package procdir

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

// Namespaces are those of the host; "" if unknown.
type Namespaces struct {
	Mount   string // as /proc/PID/ns/mnt names it
	Network string // its inode number
}

// HostNamespaces are those of pid 1, or else the exporter's own: pid 1 may hold
// more capabilities than it does. Where both cannot be read, a sandbox cannot be
// distinguished from a container, and everything counts as the host.
func HostNamespaces(proc string) Namespaces {
	link := func(process, name string) string {
		target, err := os.Readlink(filepath.Join(proc, process, "ns", name))
		if err != nil {
			return ""
		}
		return target
	}
	network := func(process string) string {
		id, err := hostfs.NetNamespace(filepath.Join(proc, process))
		if err != nil {
			return ""
		}
		return id
	}
	found := Namespaces{Mount: link("1", "mnt"), Network: network("1")}
	if found.Mount == "" {
		found.Mount = link("self", "mnt")
	}
	if found.Network == "" && hostfs.ShareNetNamespace(filepath.Join(proc, "1"), filepath.Join(proc, "self")) {
		found.Network = network("self")
	}
	return found
}

// otherMount returns the mount namespace of a process if it is not the host's. It
// distinguishes a container from a sandbox on the host, as browsers put their helpers
// into a pid namespace too.
func (r *Reader) otherMount(pid int, hosts Namespaces) string {
	mount, err := os.Readlink(r.Path(pid, "ns/mnt"))
	if err != nil || hosts.Mount == "" || mount == hosts.Mount {
		return ""
	}
	return mount
}

// OtherNetwork returns the inode number of the network namespace of a process, or
// "" if it is the host's. See namespaces(7).
func (r *Reader) OtherNetwork(pid int, hosts Namespaces) (string, error) {
	network, err := hostfs.NetNamespace(r.Path(pid, ""))
	if err != nil || hosts.Network == "" || network == hosts.Network {
		return "", err
	}
	return network, nil
}

// IsOwnNamespace tells whether procfs shows the pid namespace of this process, so that its numbers are those that the
// kernel gives to this process: only then NSpid of status has one number (proc_pid_status(5)).
func (r *Reader) IsOwnNamespace(ownPID int) bool {
	for _, name := range []string{"self", decimal(ownPID)} {
		content, err := hostfs.ReadStart(r.named(name, "status"), 8<<10)
		if err != nil {
			continue
		}
		_, rest, found := strings.Cut(string(content), "\nNSpid:")
		line, _, _ := strings.Cut(rest, "\n")
		numbers := strings.Fields(line)
		return !found || len(numbers) == 1 && numbers[0] == decimal(ownPID)
	}
	return false
}

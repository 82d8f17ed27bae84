package processes

import (
	"os"
	"path/filepath"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// networkCycle is how often the network namespace of every process is read again:
// it may change without an exec (unshare(2), setns(2)).
const networkCycle = time.Minute

// namespaces are those of the host; "" if unknown.
type namespaces struct {
	mount   string // as /proc/PID/ns/mnt names it
	network string // its inode number
}

// hostNamespaces are those of pid 1, or else the exporter's own: pid 1 may hold
// more capabilities than it does. Where both cannot be read, a sandbox cannot be
// distinguished from a container, and everything counts as the host.
func hostNamespaces(proc string) namespaces {
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
	found := namespaces{mount: link("1", "mnt"), network: network("1")}
	if found.mount == "" {
		found.mount = link("self", "mnt")
	}
	if found.network == "" && hostfs.ShareNetNamespace(filepath.Join(proc, "1"), filepath.Join(proc, "self")) {
		found.network = network("self")
	}
	return found
}

// otherMount returns the mount namespace of a process if it is not the host's. It
// distinguishes a container from a sandbox on the host, as browsers put their helpers
// into a pid namespace too.
func (r *reader) otherMount(pid int, hosts namespaces) string {
	mount, err := os.Readlink(r.path(pid, "ns/mnt"))
	if err != nil || hosts.mount == "" || mount == hosts.mount {
		return ""
	}
	return mount
}

// otherNetwork returns the inode number of the network namespace of a process, or
// "" if it is the host's. See namespaces(7).
func (r *reader) otherNetwork(pid int, hosts namespaces) (string, error) {
	network, err := hostfs.NetNamespace(r.path(pid, ""))
	if err != nil || hosts.network == "" || network == hosts.network {
		return "", err
	}
	return network, nil
}

// networkTurns is how many samples a cycle is spread over.
func networkTurns(last *model.ProcessSnapshot) int {
	if last == nil || last.Interval <= 0 {
		return 1
	}
	return max(1, int(networkCycle/last.Interval))
}

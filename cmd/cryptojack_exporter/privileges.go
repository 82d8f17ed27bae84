package main

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/procevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/sockiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/privileges"
)

// privileged is what has to be opened before the privileges are dropped. A part
// that is nil or "" could not be had, of which a line in the log says what is missing, or is
// switched off.
type privileged struct {
	procfs    string // a procfs that nothing can be mounted over, see hostfs.OpenPrivateProcfs
	tasks     *taskiter.Iterator
	sockets   *sockiter.Iterator
	events    *taskevents.Ring // in place of the two below
	connector *procevents.Connector
	taskstats *procevents.Taskstats
	files     []*os.File // that are written to, and belong to whom this program will run as
	keep      bool       // what is known is kept over restarts
	baseline  *model.PersistenceBaseline
}

// openPrivileged opens the kernel's sources that are switched on (CAP_BPF and CAP_PERFMON;
// CAP_NET_ADMIN), and a procfs of its own (CAP_SYS_ADMIN) if the one that is looked at is
// this pid namespace's.
func openPrivileged(o *options, logger log.Logger) *privileged {
	p := &privileged{}
	var err error
	if o.procfs == "/proc" {
		if p.procfs, err = hostfs.OpenPrivateProcfs(); err != nil {
			level.Debug(logger).Log("msg", "of a process that a mount hides from the start only its CPU time is known", "err", err)
		}
	}
	if o.taskIterator {
		if p.tasks, err = openTasks(o.procfs); err != nil {
			level.Warn(logger).Log("msg", "each process is read from /proc, which costs more, and of what is hidden there only CPU time is known", "err", err)
		}
	}
	if p.tasks != nil && o.looksAtSockets() {
		if p.sockets, err = sockiter.New(); err != nil {
			level.Warn(logger).Log("msg", "sockets are read from /proc, those of other network namespaces by turns, which costs more", "err", err)
		} else if err := p.sockets.NoteListeners(); err != nil {
			level.Info(logger).Log("msg", "what listens for shorter than a sample is not seen", "err", err)
		}
	}
	if p.tasks != nil && o.procConnector && o.taskstats {
		if p.events, err = taskevents.New(); err == nil {
			return p
		}
		level.Info(logger).Log("msg", "the kernel sends what happens to processes in messages, which costs more", "err", err)
	}
	if o.procConnector {
		if p.connector, err = procevents.NewConnector(); err != nil {
			level.Warn(logger).Log("msg", "processes that live shorter than a sample are not seen", "err", err)
		}
	}
	if o.taskstats {
		if p.taskstats, err = procevents.NewTaskstats("/sys"); err != nil {
			level.Warn(logger).Log("msg", "the CPU time of short processes counts for their parents", "err", err)
		}
	}
	return p
}

// openTasks fails where the kernel would number processes otherwise than procfs does.
func openTasks(procfs string) (*taskiter.Iterator, error) {
	if !hostfs.SharePIDNamespace(procfs) {
		return nil, fmt.Errorf("%s shows another pid namespace than this program's, run it in the host's", procfs)
	}
	return taskiter.New()
}

// confine gives up what only the start needs: root becomes a user of its own, and keeps the capabilities that are used
// while it runs. Who takes it over can read processes and files then, and change none.
func confine(parentDeath uintptr, o *options, p *privileged, logger log.Logger) {
	for _, lack := range []struct {
		capability cap.Value
		means      string
	}{
		{cap.SYS_PTRACE, "what the processes of other users run, hold open and have in memory cannot be read; give CAP_SYS_PTRACE, or run it as root"},
		{cap.DAC_READ_SEARCH, "closed directories, crontabs and homes of other users cannot be read; give CAP_DAC_READ_SEARCH, or run it as root"},
		{cap.NET_ADMIN, "the rules of nftables, which forward ports, cannot be read; give CAP_NET_ADMIN, or run it as root"},
	} {
		if !privileges.Holds(lack.capability) {
			level.Warn(logger).Log("msg", lack.means)
		}
	}
	if os.Geteuid() == 0 {
		user, err := privileges.Become(programName, o.rootfs, o.procfs, parentDeath, p.files...)
		if err != nil {
			level.Info(logger).Log("msg", "it stays root, without the capabilities that root has", "err", err)
		} else {
			level.Info(logger).Log("msg", "root is no longer needed: it goes on as its own user", "name", user.Name, "uid", user.UID, "gid", user.GID)
		}
	}
	needed := []cap.Value{
		cap.SYS_PTRACE,      // executables, cgroups and sockets of others' processes
		cap.DAC_READ_SEARCH, // directories and files of others
		cap.NET_ADMIN,       // accounts of hidden processes, by taskstats
	}
	if o.command == commandServe && slices.ContainsFunc(*o.web.WebListenAddresses, lowPort) {
		needed = append(needed, cap.NET_BIND_SERVICE)
	}
	if p.tasks != nil && p.tasks.NeedsCapability() {
		level.Info(logger).Log("msg", "CAP_BPF is kept: this kernel asks for it at each look at its processes; from Linux 5.19 on, or with the sysctl kernel.unprivileged_bpf_disabled=0, it is not needed")
		needed = append(needed, cap.BPF)
	}
	if err := privileges.Drop(needed...); err != nil {
		level.Warn(logger).Log("msg", "it goes on with more privileges than it needs", "err", err)
	}
	// Asking services and answering scrapes; sd_notify(3); the kernel.
	families := []uint32{unix.AF_INET, unix.AF_INET6, unix.AF_UNIX, unix.AF_NETLINK}
	if o.command == commandServe && slices.ContainsFunc(*o.web.WebListenAddresses, onVsock) {
		families = append(families, unix.AF_VSOCK)
	}
	if err := privileges.Filter(families...); err != nil {
		level.Info(logger).Log("msg", "it may call more of the kernel than it does", "err", err)
	}
}

// lowPort tells whether only who has CAP_NET_BIND_SERVICE may listen there.
func lowPort(address string) bool {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return false // the server says what is wrong with it
	}
	number, err := net.LookupPort("tcp", port)
	return err == nil && number > 0 && number < 1024
}

// onVsock tells whether the server listens to the host of this virtual machine there (exporter-toolkit).
func onVsock(address string) bool { return strings.HasPrefix(address, "vsock://") }

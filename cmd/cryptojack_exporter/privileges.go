package main

import (
	"fmt"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"kernel.org/pub/linux/libs/security/libcap/cap"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/procevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/sockiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskiter"
)

// privileged is what has to be opened before the privileges are dropped. A part
// that is nil or "" could not be had, of which a line in the log says what is missing, or is
// switched off.
type privileged struct {
	procfs    string // a procfs that nothing can be mounted over, see hostfs.OpenPrivateProcfs
	tasks     *taskiter.Iterator
	sockets   *sockiter.Iterator
	connector *procevents.Connector
	taskstats *procevents.Taskstats
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

// dropPrivileges keeps only the capabilities that the exporter uses while it runs.
func dropPrivileges(p *privileged, logger log.Logger) {
	needed := []cap.Value{
		cap.SYS_PTRACE,       // executables, cgroups and sockets of others' processes
		cap.DAC_READ_SEARCH,  // directories and files of others
		cap.NET_ADMIN,        // accounts of hidden processes, by taskstats
		cap.NET_BIND_SERVICE, // to listen on a port below 1024
	}
	if p.tasks != nil && p.tasks.NeedsCapability() {
		level.Info(logger).Log("msg", "CAP_BPF is kept: this kernel asks for it at each look at its processes; from Linux 5.19 on, or with the sysctl kernel.unprivileged_bpf_disabled=0, it is not needed")
		needed = append(needed, cap.BPF)
	}
	if err := dropCapabilities(needed); err != nil {
		level.Warn(logger).Log("msg", "it goes on with more privileges than it needs", "err", err)
	}
}

// dropCapabilities gives up, for good, every capability that this program has and
// does not use (capabilities(7)): root's too. Who takes it over can read
// processes and files then, and change none.
func dropCapabilities(needed []cap.Value) error {
	held := cap.GetProc()
	kept := cap.NewSet()
	for _, capability := range needed {
		for _, flag := range []cap.Flag{cap.Permitted, cap.Effective} {
			has, err := held.GetFlag(cap.Permitted, capability)
			if err == nil && has {
				err = kept.SetFlag(flag, true, capability)
			}
			if err != nil {
				return fmt.Errorf("choose capabilities to keep: %w", err)
			}
		}
	}
	if err := cap.ResetAmbient(); err != nil {
		return fmt.Errorf("drop ambient capabilities: %w", err)
	}
	if err := kept.SetProc(); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	return nil
}

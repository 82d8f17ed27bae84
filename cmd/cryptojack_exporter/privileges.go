package main

import (
	"fmt"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"kernel.org/pub/linux/libs/security/libcap/cap"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/procevents"
)

// privileged is what has to be opened before the privileges are dropped. A part
// that is nil or "" could not be had; a line in the log says what is missing.
type privileged struct {
	procfs    string // a procfs that nothing can be mounted over, see hostfs.OpenPrivateProcfs
	connector *procevents.Connector
	taskstats *procevents.Taskstats
}

// openPrivileged subscribes to the kernel's sources (CAP_NET_ADMIN), and opens a
// procfs of its own (CAP_SYS_ADMIN) if the one that is looked at is this pid
// namespace's.
func openPrivileged(procfs string, logger log.Logger) *privileged {
	p := &privileged{}
	var err error
	if procfs == "/proc" {
		if p.procfs, err = hostfs.OpenPrivateProcfs(); err != nil {
			level.Debug(logger).Log("msg", "of a process that a mount hides from the start only its CPU time is known", "err", err)
		}
	}
	if p.connector, err = procevents.NewConnector(); err != nil {
		level.Warn(logger).Log("msg", "processes that live shorter than a sample are not seen", "err", err)
	}
	if p.taskstats, err = procevents.NewTaskstats("/sys"); err != nil {
		level.Warn(logger).Log("msg", "the CPU time of short processes counts for their parents", "err", err)
	}
	return p
}

// dropPrivileges keeps only the capabilities that the exporter uses while it runs.
func dropPrivileges(logger log.Logger) {
	if err := dropCapabilities(); err != nil {
		level.Warn(logger).Log("msg", "it goes on with more privileges than it needs", "err", err)
	}
}

// dropCapabilities gives up, for good, every capability that this program has and
// does not use (capabilities(7)): root's too. Who takes it over can read
// processes and files then, and change none.
func dropCapabilities() error {
	held := cap.GetProc()
	kept := cap.NewSet()
	for _, needed := range []cap.Value{
		cap.SYS_PTRACE,       // executables, cgroups and sockets of others' processes
		cap.DAC_READ_SEARCH,  // directories and files of others
		cap.NET_ADMIN,        // accounts of hidden processes, by taskstats
		cap.NET_BIND_SERVICE, // to listen on a port below 1024
	} {
		for _, flag := range []cap.Flag{cap.Permitted, cap.Effective} {
			has, err := held.GetFlag(cap.Permitted, needed)
			if err == nil && has {
				err = kept.SetFlag(flag, true, needed)
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

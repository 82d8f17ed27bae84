package main

import (
	"cmp"
	"errors"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"golang.org/x/sys/unix"

	"github.com/prometheus/common/version"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/config"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/detect"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/files"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/procevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/monitor"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/passwd"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/persistence"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/report"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/services"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/services/probe"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/sockets"
)

// newWatch makes the sensors that are switched on.
func newWatch(o *options, current *atomic.Pointer[config.Config], observe func(string, time.Duration), logger log.Logger) (*monitor.Monitor, error) {
	on := func(name string) bool { return *o.collectors[name] }
	names := passwd.New(o.rootfs)
	if err := names.Refresh(); err != nil {
		level.Warn(logger).Log("msg", "users are shown by number", "err", err)
	}
	settings := monitor.Options{
		Hold: o.hold, OwnPID: os.Getpid(), Config: current.Load, Observe: observe, Logger: logger,
	}
	if on("process") || on("respawn") || on("findings") {
		sensor, err := processes.New(processes.Options{
			Proc: o.procfs, Root: o.rootfs, Bare: bare(o.procfs, logger), Interval: o.processInterval, Budget: o.cpuBudget, RespawnWindow: o.respawnWindow,
			UserName: names.Name, Ask: procevents.Ask, CPUTime: threadTime, Logger: logger,
		})
		if err != nil {
			return nil, err
		}
		settings.Process, settings.Sources = sensor, attach(logger)
	}
	if err := dropPrivileges(); err != nil {
		level.Warn(logger).Log("msg", "it goes on with more privileges than it needs", "err", err)
	}
	if on("files") {
		settings.Files = files.New(files.Options{
			Root:        o.rootfs,
			Directories: func() []string { return current.Load().Directories },
			KnownMiner:  detect.KnownMinerName(),
			KnownHash:   func(sha256 string) bool { return current.Load().Policy.Hashes[sha256] },
			Running:     running(settings.Process),
			Proc:        o.procfs,
			Containers:  containers(settings.Process),
			UserName:    names.Name,
			Interval:    o.filesInterval,
			Logger:      logger,
		})
	}
	if on("services") {
		prober := &probe.Prober{Now: time.Now}
		settings.Services = services.NewSensor(services.Options{
			Proc: o.procfs, Catalogue: func() *catalogue.Catalogue { return current.Load().Catalogue },
			Probing: func() bool { return current.Load().Probe }, Sockets: func() *model.SocketSnapshot { return settings.Sockets.Snapshot() },
			Ask: prober.Ask, Interval: o.socketsInterval, Logger: logger,
		})
	}
	if on("sockets") || on("services") {
		settings.Sockets = sockets.New(sockets.Options{
			Proc: o.procfs, Root: o.rootfs, Catalogue: func() *catalogue.Catalogue { return current.Load().Catalogue },
			OwnPID: os.Getpid(), Watched: connected(settings.Process), Namespaces: networks(settings.Process), PeerPorts: restPorts(settings.Services),
			Kernel: sockets.Netlink(o.rootfs), Interval: o.socketsInterval, Logger: logger,
		})
	}
	if on("persistence") {
		settings.Persistence = persistence.New(persistence.Options{
			Root: o.rootfs, KnownMiner: detect.KnownMinerName(), Interval: o.persistenceInterval, Logger: logger,
		})
	}
	if settings.Process == nil && settings.Files == nil && settings.Sockets == nil && settings.Persistence == nil {
		return nil, errors.New("every collector is switched off: there is nothing to look at")
	}
	return monitor.New(settings), nil
}

// bare opens a procfs in which nothing can be hidden by mounts, if the one that is
// looked at is this pid namespace's own.
func bare(procfs string, logger log.Logger) string {
	if procfs != "/proc" {
		return ""
	}
	path, err := processes.OpenBare()
	if err != nil {
		level.Debug(logger).Log("msg", "of a process that a mount hides from the start only its CPU time is known", "err", err)
	}
	return path
}

// attach subscribes to the kernel's sources. Without one the process table is
// polled only, and a line in the log says what is missing.
func attach(logger log.Logger) processes.Sources {
	var sources processes.Sources
	var err error
	if sources.Connector, err = procevents.NewConnector(); err != nil {
		level.Warn(logger).Log("msg", "processes that live shorter than a sample are not seen", "err", err)
	}
	if sources.Taskstats, err = procevents.NewTaskstats("/sys"); err != nil {
		level.Warn(logger).Log("msg", "the CPU time of short processes counts for their parents", "err", err)
	}
	return sources
}

// running tells the files sensor which files are programs that run now.
func running(sensor *processes.Sensor) func(model.FileID) bool {
	var seen *model.ProcessSnapshot
	files := map[model.FileID]bool{}
	return func(id model.FileID) bool {
		if sensor == nil {
			return false
		}
		if snapshot := sensor.Snapshot(); snapshot != seen {
			seen = snapshot
			clear(files)
			for i := range snapshot.Processes {
				files[snapshot.Processes[i].ExeFile] = true
			}
			delete(files, model.FileID{})
		}
		return files[id]
	}
}

// containers tells the files sensor which mount namespaces there are besides the
// host's, with their oldest processes, the container's own name first.
func containers(sensor *processes.Sensor) func() []files.Container {
	const processes = 4 // one that may be looked into is enough
	return func() []files.Container {
		if sensor == nil || sensor.Snapshot() == nil {
			return nil
		}
		var all []files.Container
		index := map[string]int{}
		for _, p := range sensor.Snapshot().Processes {
			if p.MountNS == "" {
				continue
			}
			at, known := index[p.MountNS]
			if !known {
				at = len(all)
				index[p.MountNS] = at
				all = append(all, files.Container{Name: p.MountNS})
			}
			if p.ContainerID != "" {
				all[at].Name = p.ContainerID
			}
			if len(all[at].PIDs) < processes {
				all[at].PIDs = append(all[at].PIDs, p.PID)
			}
		}
		return all
	}
}

// networks tells the sockets sensor which network namespaces there are besides the
// host's, the oldest first, with their oldest processes.
func networks(sensor *processes.Sensor) func() []model.NetNamespace {
	const processes = 4 // one whose tables can be read is enough
	return func() []model.NetNamespace {
		if sensor == nil || sensor.Snapshot() == nil {
			return nil
		}
		var inside []*model.Process
		all := sensor.Snapshot().Processes
		for i := range all {
			if all[i].NetNS != "" {
				inside = append(inside, &all[i])
			}
		}
		slices.SortStableFunc(inside, func(a, b *model.Process) int { return cmp.Compare(a.StartTime, b.StartTime) })
		var namespaces []model.NetNamespace
		index := map[string]int{}
		for _, p := range inside {
			at, known := index[p.NetNS]
			if !known {
				at = len(namespaces)
				index[p.NetNS] = at
				namespaces = append(namespaces, model.NetNamespace{ID: p.NetNS})
			}
			if len(namespaces[at].PIDs) < processes {
				namespaces[at].PIDs = append(namespaces[at].PIDs, p.PID)
			}
		}
		return namespaces
	}
}

// connected tells the sockets sensor whose connections matter: programs that burn
// CPU, the busiest first, and those from suspicious places.
func connected(sensor *processes.Sensor) func() []model.Identity {
	return func() []model.Identity {
		if sensor == nil || sensor.Snapshot() == nil {
			return nil
		}
		var closely []*model.Process
		processes := sensor.Snapshot().Processes
		for i := range processes {
			if processes[i].Inspection != nil {
				closely = append(closely, &processes[i])
			}
		}
		slices.SortStableFunc(closely, func(a, b *model.Process) int { return cmp.Compare(b.Cores, a.Cores) })
		identities := make([]model.Identity, 0, len(closely))
		for _, p := range closely {
			identities = append(identities, p.Identity)
		}
		return identities
	}
}

// restPorts tells the sockets sensor whose callers matter.
func restPorts(sensor *services.Sensor) func() []model.SocketKey {
	if sensor == nil {
		return nil
	}
	return sensor.RESTPorts
}

// threadTime is the CPU time of the calling thread (getrusage(2)).
func threadTime() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &usage); err != nil {
		return 0 // cannot fail with these arguments
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// newReport gathers what people are shown.
func newReport(w *monitor.Monitor, watched time.Duration) report.Report {
	now := time.Now()
	name, err := os.Hostname()
	if err != nil {
		name = "this host"
	}
	findings := w.Findings()
	return report.Report{
		Findings: findings, Snapshot: w.Snapshot(now), Hostname: name, Version: version.Version,
		Now: now, Watched: watched, Blind: monitor.Blind(w.Meta()),
	}
}

// banner is what the first line of the log says about the exporter.
func banner() []any {
	return []any{"version", version.Version, "revision", version.Revision, "go", runtime.Version()}
}

package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/config"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/detect"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/files"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/procevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/sockiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/monitor"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/packages"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/passwd"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/persistence"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/programs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/self"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/services"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/services/probe"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/sockets"
)

// sensors are all that there are. One that is off never samples, so that its snapshot
// is nil.
type sensors struct {
	processes   *processes.Sensor
	files       *files.Sensor
	sockets     *sockets.Sensor
	services    *services.Sensor
	persistence *persistence.Sensor
	packages    *packages.Asker
	self        *self.Sensor

	findings func() *model.Findings // of the last evaluation; it is set before anything runs

	tasks     []monitor.Task
	followers []monitor.Follower
}

// snapshot puts the last samples together.
func (s *sensors) snapshot() model.Snapshot {
	return model.Snapshot{
		Processes: s.processes.Snapshot(), Files: s.files.Snapshot(), Sockets: s.sockets.Snapshot(),
		Services: s.services.Snapshot(), Persistence: s.persistence.Snapshot(), Packages: s.packages.Snapshot(), Self: s.self.Snapshot(),
	}
}

// newSensors makes the sensors that are switched on, and is the one place that says
// who reads whose snapshot. All arrows run down:
//
//	task iterator, proc connector, taskstats -> processes
//	processes -> packages     which programs to ask the package managers about
//	processes -> files        which files run, which mount namespaces there are
//	socket iterator -> sockets
//	processes -> sockets      whose connections matter, which network namespaces there are
//	sockets   -> services     what listens
//	sockets   -> self         who else has the exporter's own port
//	files wakes when a program of a suspicious file starts or ends
//	processes wakes when a program begins that asks to be looked at, by its own and by the last findings' exposed services
func newSensors(o *options, current func() *config.Config, p *privileged, logger log.Logger) (*sensors, error) {
	on := func(name string) bool { return *o.collectors[name] }
	names := passwd.New(o.rootfs)
	known := func() *catalogue.Catalogue { return current().Catalogue }
	s := &sensors{
		processes: &processes.Sensor{}, files: &files.Sensor{}, sockets: &sockets.Sensor{}, services: &services.Sensor{}, persistence: &persistence.Sensor{},
		packages: &packages.Asker{}, self: &self.Sensor{},
	}
	wakeFiles := make(chan struct{}, 1)
	var first monitor.Sensor
	if o.looksAtProcesses() {
		if err := s.addProcesses(o, current, p, names, wakeFiles, logger); err != nil {
			return nil, err
		}
		first = s.processes
	}
	if on("files") {
		s.addFiles(o, current, names, wakeFiles, logger)
	}
	if o.looksAtSockets() {
		s.addSockets(o, known, p.sockets, first, logger)
	}
	if on("services") {
		s.addServices(o, current, known, logger)
	}
	if on("persistence") {
		s.persistence = persistence.New(persistence.Options{
			Root: o.rootfs, Users: names, KnownMiner: programs.IsMinerName(), Interval: o.persistenceInterval, Logger: logger,
			Keep: p.keep, Baseline: p.baseline,
		})
		s.tasks = append(s.tasks, monitor.Task{Sensor: s.persistence})
	}
	if len(s.tasks) == 0 {
		return nil, errors.New("every collector is switched off: there is nothing to look at")
	}
	s.addSelf(o, current, logger)
	return s, nil
}

// addSelf makes the sensor of the exporter itself, which is always on.
func (s *sensors) addSelf(o *options, current func() *config.Config, logger log.Logger) {
	s.self = self.New(self.Options{
		Proc: o.procfs, Root: o.rootfs, ConfigFiles: o.configFiles, Configured: func() any { return current() }, Sockets: s.sockets.Snapshot, Logger: logger,
	})
	s.tasks = append(s.tasks, monitor.Task{Sensor: s.self})
	s.followers = append(s.followers, monitor.Follower{Name: s.self.Name(), Run: s.self.Watch})
}

func (s *sensors) addProcesses(o *options, current func() *config.Config, p *privileged, names *passwd.Users, wakeFiles chan<- struct{}, logger log.Logger) error {
	settings := processes.Options{
		Proc: o.procfs, Root: o.rootfs, PrivateProcfs: p.procfs, Interval: o.processInterval, Budget: o.cpuBudget, RespawnWindow: o.respawnWindow,
		UserName: names.Name, UserHome: names.Home, CPUTime: threadTime, Logger: logger,
		Interest: detect.NewFirstSight(func() *policy.Policy { return &current().Policy }, s.exposures).Interest,
	}
	if p.tasks != nil {
		settings.Tasks = p.tasks.Read
	}
	if o.taskstats {
		settings.Ask = procevents.Ask
	}
	sensor, err := processes.New(settings)
	if err != nil {
		return err
	}
	s.processes = sensor
	failing, wokeFiles := "", time.Time{}
	s.tasks = append(s.tasks, monitor.Task{
		Sensor: s.processes, Wake: s.processes.Wake(),
		Before: func() {
			err := names.Refresh()
			if err != nil && err.Error() != failing {
				level.Warn(logger).Log("msg", "users are shown as they were, or by number", "err", err)
				failing = err.Error()
			}
			if err == nil {
				failing = ""
			}
		},
		Sampled: func() {
			// Samples may come close to each other, and a look at files costs more: it follows the regular ones.
			sampled := s.processes.Snapshot()
			if sampled.Time.Sub(wokeFiles) >= o.processInterval && s.files.Snapshot().RunningChanged(sampled) {
				wokeFiles = sampled.Time
				select {
				case wakeFiles <- struct{}{}:
				default: // it wakes already
				}
			}
		},
	})
	s.packages = packages.New(packages.Options{Root: o.rootfs, Processes: s.processes.Snapshot, Logger: logger})
	s.followers = append(s.followers, monitor.Follower{Name: "packages", Run: s.packages.Run})
	if e := p.events; e != nil {
		s.followers = append(s.followers, monitor.Follower{
			Name: string(model.SourceTaskIterator), Run: func(ctx context.Context) error { return s.processes.FollowEvents(ctx, e) },
		})
	}
	if c := p.connector; c != nil {
		s.followers = append(s.followers, monitor.Follower{
			Name: string(model.SourceConnector), Run: func(ctx context.Context) error { return s.processes.FollowConnector(ctx, c) },
		})
	}
	if t := p.taskstats; t != nil {
		s.followers = append(s.followers, monitor.Follower{
			Name: string(model.SourceTaskstats), Run: func(ctx context.Context) error { return s.processes.FollowTaskstats(ctx, t) },
		})
	}
	return nil
}

// exposures are those of the last evaluation.
func (s *sensors) exposures() []model.Exposure {
	if found := s.findings(); found != nil {
		return found.Exposures
	}
	return nil
}

func (s *sensors) addFiles(o *options, current func() *config.Config, names *passwd.Users, wake chan struct{}, logger log.Logger) {
	s.files = files.New(files.Options{
		Root: o.rootfs, Proc: o.procfs, Interval: o.filesInterval, Logger: logger, UserName: names.Name,
		Directories: func() []string { return current().Directories },
		KnownMiner:  programs.IsMinerName(),
		KnownHash:   func(sha256 string) bool { return current().Policy.IsKnownHash(sha256) },
		Processes:   s.processes.Snapshot,
		CPUTime:     threadTime,
		Limits:      files.Limits{Share: o.filesShare},
	})
	s.tasks = append(s.tasks, monitor.Task{Sensor: s.files, Wake: wake})
	s.followers = append(s.followers, monitor.Follower{
		Name: "inotify", Run: func(ctx context.Context) error { return s.files.Watch(ctx, wake) },
	})
}

func (s *sensors) addSockets(o *options, services func() *catalogue.Catalogue, iterator *sockiter.Iterator, firstAfter monitor.Sensor, logger log.Logger) {
	kernel := sockets.Netlink(o.rootfs)
	if iterator != nil {
		kernel.Sockets, kernel.Noted = iterator.Read, iterator.Noted
	}
	s.sockets = sockets.New(sockets.Options{
		Proc: o.procfs, Root: o.rootfs, Catalogue: services, OwnPID: os.Getpid(), Kernel: kernel,
		Watched:    func() []model.Identity { return s.processes.Snapshot().Inspected() },
		Namespaces: func() []model.NetNamespace { return s.processes.Snapshot().NetNamespaces() },
		Interval:   o.socketsInterval, CPUTime: threadTime, Logger: logger,
	})
	// Processes tell which network namespaces there are.
	s.tasks = append(s.tasks, monitor.Task{Sensor: s.sockets, FirstAfter: firstAfter})
}

func (s *sensors) addServices(o *options, current func() *config.Config, known func() *catalogue.Catalogue, logger log.Logger) {
	prober := &probe.Prober{Now: time.Now}
	s.services = services.New(services.Options{
		Proc: o.procfs, Catalogue: known, Probing: func() bool { return current().Probe },
		Sockets: s.sockets.Snapshot, Probe: prober.Probe, Interval: o.socketsInterval, Logger: logger,
	})
	s.tasks = append(s.tasks, monitor.Task{Sensor: s.services})
}

// threadTime is the CPU time of the calling thread (getrusage(2)).
func threadTime() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &usage); err != nil {
		return 0 // cannot fail with these arguments
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

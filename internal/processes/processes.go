// Package processes is the process sensor: it samples /proc on a clock of its
// own and keeps what a single look cannot show: CPU use over time (package cpu), who
// started whom, and which program ended and came back (package respawn).
//
// Each file rests on those before it: entry (what is kept of a process), read by package
// procdir; wake, exec_watch (samples between the regular ones); trace, follower, sources (what the kernel reports between samples); table (what
// is kept between samples); sample with program, exited, hidden, inspection (one sample);
// processes (the sensor).
package processes

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/procfs"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/fingerprint"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/procevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/passwd"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/cpu"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/gpu"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/inspect"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/procdir"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/respawn"
)

const (
	userHz = 100 // USER_HZ of every architecture that Go runs on (man 7 time)

	// DefaultInterval is the time between two samples.
	DefaultInterval = 5 * time.Second
	// DefaultBudget is the share of one core that sampling may use.
	DefaultBudget = 0.05
	// DefaultRespawnWindow is how soon a start after an end is a respawn.
	DefaultRespawnWindow = 5 * time.Minute
	maxInterval          = 30 * time.Second

	// uncertainRounds is for how many rounds after a loss the unattributed time is said to
	// be incomplete: a parent may wait late for a child whose account was lost.
	uncertainRounds = 3
	// maxUndrained is the last samples of how many rounds in a row may leave the unattributed time
	// as it is because events come faster than they can be read.
	maxUndrained = 3
)

// Options are what the sensor needs. Zero values mean the defaults.
type Options struct {
	Proc          string        // --path.procfs
	Root          string        // --path.rootfs; "" is "/"
	PrivateProcfs string        // the same procfs where nothing can be mounted over it, see OpenPrivateProcfs; "" if there is none
	Interval      time.Duration // the shortest; see Budget
	Budget        float64       // of one core, in (0, 1]: the interval grows up to 30 s to keep it
	RespawnWindow time.Duration
	UserName      func(uid uint32) string
	UserHome      func(uid uint32) string                   // home directory, where a user's runtimes of containers keep files, or ""; nil: nobody has one
	Ask           func(pid int) (procevents.Account, error) // what a hidden process used; nil: it is not known
	Interest      func(*model.Process) model.Interest       // how much a program that has just begun asks to be looked at; nil: not at all
	CPUTime       func() time.Duration                      // of the calling thread; nil: wall-clock time is taken
	Tasks         func(each func(*taskiter.Task)) error     // taskiter.Iterator.Read, called by Sample alone; nil: there is none, and /proc is polled
	Logger        log.Logger
}

// Sensor is the process table. Sample is called by one goroutine at a time. The Follow methods may run beside it, and
// Snapshot may be called by any goroutine.
type Sensor struct {
	model.Latest[model.ProcessSnapshot]

	*table
}

// New returns a sensor for the procfs at o.Proc. It fails if there is none.
func New(o Options) (*Sensor, error) {
	if o.Interval <= 0 {
		o.Interval = DefaultInterval
	}
	if o.Root == "" {
		o.Root = "/"
	}
	if o.Budget <= 0 {
		o.Budget = DefaultBudget
	}
	if o.RespawnWindow <= 0 {
		o.RespawnWindow = DefaultRespawnWindow
	}
	if o.Ask == nil {
		o.Ask = cannotAsk
	}
	if o.Interest == nil {
		o.Interest = func(*model.Process) model.Interest { return model.InterestNone }
	}
	fs, err := procfs.NewFS(o.Proc)
	if err != nil {
		return nil, fmt.Errorf("no procfs at %s, set --path.procfs: %w", o.Proc, err)
	}
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	if o.UserName == nil {
		o.UserName = passwd.Number
	}
	procfsReader := procdir.Reader{Proc: o.Proc}
	if o.Tasks != nil && !procfsReader.IsOwnNamespace(os.Getpid()) {
		level.Warn(o.Logger).Log("msg", "the kernel's list of tasks is not used: --path.procfs is of another pid namespace, which numbers processes otherwise (run it in the host's: --pid=host, hostPID)")
		o.Tasks = nil
	}
	reads, matcher := inspect.NewReads(), fingerprint.NewMatcher()
	s := &Sensor{table: &table{
		fs:      fs,
		options: o,
		reader: &procdir.Reader{
			Proc:   o.Proc,
			Guard:  reads.Guard(),
			Errors: map[model.ReadError]uint64{},
		},
		reads:     reads,
		inspector: inspect.New(o.Proc, reads),
		code:      inspect.NewCode(o.Proc, reads, matcher, o.CPUTime),
		contents:  hostfs.NewContentCache(matcher),
		accounts:  cpu.New(),
		programs:  cpu.NewPrograms(),
		respawns:  respawn.New(o.RespawnWindow),
		gpus:      gpu.New(o.Proc, o.Root),
		gpuLeast:  gpuLeast,
		shared:    newShared(),
		entries:   map[int]*entry{},

		containersSaid: map[model.Reason]bool{},
		waker:          newWaker(),

		shortLived: shortLived{map[shortKey]*brief{}},
	}}
	s.listNames = s.reader.List
	s.containers = newContainers(s.table)
	// This closes a circle on purpose: when an event reports a child, its parent is looked up in the last sample that
	// was published. The follower never waits for a sample in the making.
	s.follower = newFollower(s.reader, o.UserName, s.Snapshot)
	s.follower.watch = newExecWatch(s.reader, o.Interest, s.waker, s.contents)
	return s, nil
}

// Name is the sensor's name, as in the label `sensor`.
func (*Sensor) Name() string { return "process" }

// Sample reads the process table once. It fails only when nothing could be
// read; single processes that cannot be read are counted.
func (s *Sensor) Sample(_ context.Context, now time.Time) error {
	runtime.LockOSThread() // its cost is the CPU time of the thread
	defer runtime.UnlockOSThread()
	began, beganCPU := time.Now(), s.cpuTime()
	asked := s.waker.begin()
	stat, err := s.fs.Stat()
	if err != nil {
		return fmt.Errorf("read the host's CPU times (is --path.procfs a procfs?): %w", err)
	}
	boot := time.Unix(int64(stat.BootTime), 0)
	if s.samples == 0 {
		s.boot, s.first, s.round.number = boot, now, 1
		s.bootID = readBootID(s.options.Proc)
	}
	s.setBoot(boot)
	s.round.early = asked && now.Sub(s.round.began) < s.options.Interval
	snapshot, err := s.take(now, stat.CPUTotal.User+stat.CPUTotal.Nice+stat.CPUTotal.System)
	if err != nil {
		return err
	}
	snapshot.CPUs = len(stat.CPU)
	snapshot.Duration = time.Since(began)
	cost := s.cpuTime() - beganCPU
	if s.options.CPUTime == nil {
		cost = snapshot.Duration
	}
	s.waker.end(cost, s.round.early)
	snapshot.Interval, snapshot.Execs = s.interval(cost), s.waker.counts()
	s.Publish(snapshot, &snapshot.Meta)
	s.samples++
	s.last = now
	if !s.round.early {
		s.round = round{number: s.round.number + 1, began: now}
	}
	level.Debug(s.options.Logger).Log("msg", "sampled processes", "processes", len(snapshot.Processes), "duration", snapshot.Duration)
	return nil
}

// take goes through the steps of one sample. busy is the host's CPU time since the boot, in seconds.
func (s *Sensor) take(now time.Time, busy float64) (*model.ProcessSnapshot, error) {
	last := s.Snapshot()
	sample := newSample(s.table, now, intervalOf(last))
	sample.gpuTurns, sample.gpuTime = gpuBudget(last, s.gpuLeast)
	began := s.follower.setClock(s.boot)
	s.reads.Begin(now)
	sample.nameContainers()

	if err := sample.observe(); err != nil {
		return nil, err
	}
	s.accounts.Begin(busy)
	drained := s.follower.drain()
	exited, complete := s.follower.take(!s.round.early)
	if !complete {
		s.uncertain, s.lossy = uncertainRounds, s.samples > 0
	}
	sample.setLateParents()
	sample.hashContents()
	sample.inspect()
	sample.scanCode()
	if !s.round.early {
		sample.readGPUs()
	}

	sample.countExited(exited)
	sample.forgetExited()
	sample.countLiving()
	s.accounts.CreditClaims(s.lossy)
	if !s.round.early {
		sample.closeRound(drained)
		s.follower.forget(s.seenNow, began)
	}
	s.respawns.Prune(now)
	s.reads.Forget(sample.lives)
	snapshot := sample.snapshot(last)
	sample.rest()
	s.shared.prune(len(s.entries))
	return snapshot, nil
}

// intervalOf is the time from one sample to the next; 0 before the first.
func intervalOf(last *model.ProcessSnapshot) time.Duration {
	if last == nil {
		return 0
	}
	return last.Interval
}

// interval keeps the sensor within its CPU budget, however many processes run.
func (s *Sensor) interval(cost time.Duration) time.Duration {
	wanted := time.Duration(float64(cost) / s.options.Budget)
	return min(max(s.options.Interval, wanted), max(s.options.Interval, maxInterval))
}

func (t *table) cpuTime() time.Duration {
	if t.options.CPUTime == nil {
		return 0
	}
	return t.options.CPUTime()
}

func readBootID(proc string) string {
	id, err := os.ReadFile(filepath.Join(proc, "sys/kernel/random/boot_id"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

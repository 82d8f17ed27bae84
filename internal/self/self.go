// Package self is the sensor of the exporter itself: whether what it sees is the host,
// whether it could look all the time, and whether somebody has changed what it runs from.
// Whoever breaks in as root can do all that to it; this has it told.
package self

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	defaultInterval = 10 * time.Second
	readTime        = time.Second // for what may lie on a file system that hangs
	maxStuck        = 2
)

// Options are what a sensor needs.
type Options struct {
	Proc     string        // where the host's procfs is mounted
	Root     string        // where the host's root directory is mounted
	Own      string        // the directory of this process in the procfs of its own pid namespace; /proc/self
	Interval time.Duration // between two samples; 10 s
	Logger   log.Logger

	ConfigFiles []string   // none for none
	Configured  func() any // another value whenever the configuration was read; may be nil

	Sockets func() *model.SocketSnapshot // the last sample of sockets; nil for none
}

// Sensor looks at the exporter itself. Sample is called by one goroutine.
type Sensor struct {
	model.Latest[model.SelfSnapshot]

	options Options
	guard   *hostfs.Guard
	gaps    *gaps
	lacks   map[string]bool         // the sentences of the last sample
	mounts  map[string]hostfs.Mount // of this process, by where they are; a new one in each sample

	program *program
	config  []configFile
	unit    *ownUnit
	changes map[model.SelfChange]int // of the last sample, and in how many in a row
}

// New returns a sensor that has not looked yet.
func New(o Options) *Sensor {
	if o.Own == "" {
		o.Own = "/proc/self"
	}
	if o.Interval == 0 {
		o.Interval = defaultInterval
	}
	s := &Sensor{
		options: o, guard: hostfs.NewGuard(maxStuck), gaps: newGaps(o.Logger), lacks: map[string]bool{},
		program: openProgram(o.Own), config: newConfigFiles(o.ConfigFiles, o.Configured),
	}
	if s.program != nil {
		s.unit = findUnit(o.Root, o.Own, filepath.Base(s.program.path))
	}
	return s
}

// Name is the sensor's name, as in the label `sensor`.
func (*Sensor) Name() string { return "self" }

// Sample looks at the exporter once. It does not fail: what cannot be read says nothing.
func (s *Sensor) Sample(_ context.Context, now time.Time) error {
	began := time.Now()
	contained, lacks := s.sight()
	snapshot := &model.SelfSnapshot{Contained: contained}
	snapshot.Gaps, snapshot.LastGaps = s.gaps.snapshot(now)
	share := model.Share{Total: int(parts)}
	for _, sentences := range lacks {
		if len(sentences) == 0 {
			share.Readable++
		}
		snapshot.Lacks = append(snapshot.Lacks, sentences...)
	}
	s.logLacks(snapshot.Lacks)
	snapshot.Changes = s.changed()
	snapshot.Meta = model.Meta{
		Time: now, Interval: s.options.Interval, Duration: time.Since(began),
		Visibility: map[model.Aspect]model.Share{model.AspectHost: share},
	}
	s.Publish(snapshot, &snapshot.Meta)
	return nil
}

// changed lists what was done to the exporter. An upgrade takes a file away before it puts
// another there: what is seen once may be that.
func (s *Sensor) changed() (published []model.SelfChange) {
	const looks = 2
	var all []model.SelfChange
	for i := range s.config {
		all = append(all, s.config[i].change()...)
	}
	if p := s.program; p != nil {
		all = append(append(all, p.change(s.guard)...), s.unit.change(s.options.Root, filepath.Base(p.path))...)
	}
	if s.options.Sockets != nil {
		all = append(all, portChanges(s.options.Sockets())...)
	}
	seen := map[model.SelfChange]int{}
	for _, change := range all {
		seen[change] = s.changes[change] + 1
		if seen[change] >= looks {
			published = append(published, change)
		}
	}
	s.changes = seen
	slices.SortFunc(published, func(a, b model.SelfChange) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject))
	})
	return published
}

// logLacks says what the exporter does not see any more, and what it sees again.
func (s *Sensor) logLacks(lacks []string) {
	now := map[string]bool{}
	for _, sentence := range lacks {
		now[sentence] = true
		if !s.lacks[sentence] {
			level.Warn(s.options.Logger).Log("msg", "a part of the host cannot be seen", "what", sentence)
		}
	}
	for sentence := range s.lacks {
		if !now[sentence] {
			level.Info(s.options.Logger).Log("msg", "a part of the host can be seen again", "what", sentence)
		}
	}
	s.lacks = now
}

// Package files is the sensor of the directories that everybody may write to:
// programs that lie there, hidden ones, and those of known miners.
//
// Everybody may write there, so nothing that lies there may stop the sensor,
// mislead it or hide from it: no link is followed, no other file system is
// entered, nothing but a regular file is opened, and all that is spent and
// remembered is bounded (Limits). A directory is listed once, in as many samples as
// that takes; after that inotify and its time of change tell what is to be looked at.
package files

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/fingerprint"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// workPause is between two samples as long as there is more to look at.
const workPause = 5 * time.Second

// Sensor looks at directories. Sample is called by one goroutine, Watch by another.
type Sensor struct {
	model.Latest[model.FileSnapshot]

	options Options
	opener  opener
	matcher *fingerprint.Matcher
	errors  *readErrors
	guard   *hostfs.Guard // of opening directories of containers
	buffer  []byte        // for names of a directory
	head    []byte        // for the start of a file

	looking, reading budget

	names  []string // of the watched directories, as of the last look
	roots  []*watched
	tops   map[model.FileID]bool // watched directories of the host: they are counted under their own names
	layers []*layer
	looked time.Time    // the last look
	checks []*directory // that are still to be checked since then
	credit [2]int       // names that may be listed again though nothing says so: of small directories, and of large ones

	found        *found
	unremembered sampling
	changed      bool // since the last sample
	rearranged   bool // what is hidden is to be found out anew

	processes *model.ProcessSnapshot // that running was taken from
	sought    *model.ProcessSnapshot // whose running files were looked at
	running   map[model.FileID]bool

	events  atomic.Pointer[events] // of inotify; nil while nobody watches
	watches watches
}

// New returns a sensor that has not looked yet.
func New(o Options) *Sensor {
	o = o.withDefaults()
	s := &Sensor{
		options: o, opener: newOpener(), matcher: fingerprint.NewMatcher(), errors: newReadErrors(o.Logger), guard: hostfs.NewGuard(maxStuck),
		buffer: make([]byte, batchBytes), head: make([]byte, headBytes),
		looking: budget{share: o.Limits.Share, burst: o.Limits.Burst}, reading: budget{share: o.Limits.Share / 3, burst: o.Limits.Burst},
		found: newFound(o.Limits.Quota), running: map[model.FileID]bool{}, watches: watches{most: maxWatched},
	}
	for range o.Limits.Depth + 1 {
		s.layers = append(s.layers, &layer{})
	}
	return s
}

// Name is the sensor's name, as in the label `sensor`.
func (*Sensor) Name() string { return "files" }

// Sample looks at what is to be looked at, as far as its budget goes; the next one goes
// on. A directory that does not exist is empty; what cannot be read is counted, and the
// rest is still reported. File systems that are mounted below a watched directory are not
// entered: name them as watched directories of their own. Sample fails only if Root cannot
// be opened.
func (s *Sensor) Sample(_ context.Context, now time.Time) error {
	runtime.LockOSThread() // its cost is the CPU time of the thread
	defer runtime.UnlockOSThread()
	began, used := time.Now(), s.options.CPUTime()
	s.looking.refill(began)
	s.reading.refill(began)
	processes := s.options.Processes()
	defer s.closeRoots()
	s.setRunning(processes)
	s.connect()
	names := s.options.Directories()
	if isDue := began.Sub(s.looked) >= s.options.Interval; isDue || !slices.Equal(names, s.names) {
		if err := s.look(names, processes, began); err != nil {
			return err
		}
	}
	more := s.work()
	reading := s.options.CPUTime()
	more = s.readContents() || more
	used += s.options.CPUTime() - reading // from a budget of its own
	s.sweep()
	s.publish(now, began, more)
	s.looking.spend(s.options.CPUTime() - used)
	return nil
}

// look begins to look for all that nobody tells: which watched directories there are, and
// whether those have changed that inotify does not watch.
func (s *Sensor) look(names []string, processes *model.ProcessSnapshot, now time.Time) error {
	if err := s.findRoots(names, processes.MountNamespaces()); err != nil {
		return err
	}
	s.names, s.looked = slices.Clone(names), now
	s.checks = s.checks[:0]
	var listed []*directory
	for _, w := range s.roots {
		if w.top == nil {
			continue
		}
		w.top.each(func(d *directory) {
			if d.watch == 0 && d.listing == nil {
				s.checks = append(s.checks, d)
			}
			if d.known() && d.listing == nil {
				listed = append(listed, d)
			}
		})
	}
	// Even inotify misses something: what another mount of a file system changes.
	slices.SortFunc(listed, func(a, b *directory) int { return a.listed.Compare(b.listed) })
	s.listAgain(&s.credit[0], listed, func(names int) bool { return names < s.options.Limits.Relisted })
	s.listAgain(&s.credit[1], listed, func(names int) bool { return names >= s.options.Limits.Relisted })
	for _, c := range s.found.files {
		c.unread = false
		s.judge(c)
	}
	s.changed = true
	return nil
}

// listAgain has those directories listed again for which it is longest ago, as many as
// have come together by names. So a large one has its turn after as many looks.
func (s *Sensor) listAgain(credit *int, listed []*directory, fits func(names int) bool) {
	*credit += s.options.Limits.Relisted
	for _, d := range listed {
		switch {
		case !fits(d.names):
		case d.names >= *credit:
			return
		default:
			*credit -= d.names + 1
			s.list(d)
		}
	}
	*credit = 0
}

// work spends the budget: first on what was told, then on what may have changed, then on
// listings. It returns whether there is more to do.
func (s *Sensor) work() (more bool) {
	if s.looking.spent() {
		return true
	}
	p := &pass{sensor: s, names: s.options.Limits.Entries, buffer: s.buffer, head: s.head}
	told := s.looking.left
	if s.isListing() {
		told = told * 2 / 3 // a storm of events does not hold the listings up for ever
	}
	used := s.options.CPUTime()
	p.allow(told)
	more = p.events()
	p.allow(s.looking.left - (s.options.CPUTime() - used))
	p.lookAtRunning()
	for len(s.checks) > 0 && !p.spent() {
		d := s.checks[0]
		s.checks = s.checks[1:]
		p.check(d)
	}
	p.run()
	if s.rearranged {
		s.rearranged = false
		for _, c := range s.found.files {
			s.judge(c)
		}
	}
	return more || len(s.checks) > 0 || s.isListing()
}

// publish publishes what is known now.
func (s *Sensor) publish(now, began time.Time, more bool) {
	snapshot := &model.FileSnapshot{
		Counts: map[model.FileCount]int{}, Truncated: map[string]bool{}, Watching: s.watches.active(), EventsLost: s.watches.lost,
	}
	var share model.Share
	for _, w := range s.roots {
		if w.container == "" {
			snapshot.Directories = append(snapshot.Directories, w.name)
			for _, reason := range model.FileReasons() {
				snapshot.Counts[model.FileCount{Directory: w.name, Reason: reason}] += 0
			}
		}
		switch {
		case w.top != nil:
			complete := s.count(w, snapshot.Counts, &share)
			snapshot.Truncated[w.name] = snapshot.Truncated[w.name] || !complete
			if !complete && !more {
				s.errors.truncated(w.name)
			}
		case w.isMissing():
			share.Total++
			share.Readable++
		default:
			share.Total++
		}
	}
	for _, c := range s.found.files {
		snapshot.Counts[model.FileCount{Directory: c.directory.watched.name, Reason: c.reason}]++
	}
	if last := s.Snapshot(); last != nil && !s.changed {
		snapshot.KeepFiles(last)
	} else {
		snapshot.SetFiles(s.details())
	}
	s.changed = false
	interval := s.options.Interval
	if more {
		interval = min(interval, max(workPause, s.looking.wait(0)))
	}
	snapshot.Meta = model.Meta{
		Time: now, Duration: time.Since(began), Interval: interval, ReadErrors: s.errors.snapshot(),
		Visibility: map[model.Aspect]model.Share{model.AspectTemp: share},
	}
	s.Publish(snapshot, &snapshot.Meta)
	level.Debug(s.options.Logger).Log("msg", "looked at files", "suspicious", len(s.found.files), "more", more, "duration", snapshot.Duration)
}

// count adds the directories of a watched one to what can be seen, and the suspicious files
// that are not remembered. It returns whether all was looked at.
func (s *Sensor) count(w *watched, counts map[model.FileCount]int, share *model.Share) (complete bool) {
	complete = true
	w.top.each(func(d *directory) {
		if d.elsewhere {
			return
		}
		share.Total++
		if d.known() && !d.unreadable {
			share.Readable++
		}
		complete = complete && (d.complete() || d.unreadable)
		for rank, n := range d.unremembered() {
			if n > 0 {
				counts[model.FileCount{Directory: w.name, Reason: model.FileReasons()[rank]}] += n
			}
		}
	})
	return complete
}

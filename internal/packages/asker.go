package packages

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	interval     = time.Second
	programsMost = 256              // that are asked about at a time, the busiest first
	knownMost    = 4096             // paths whose owners are remembered
	settle       = time.Minute      // for how long a file stays as it is before it is judged
	longestPause = 5 * time.Minute  // between two readings of the databases
	askTime      = 30 * time.Second // that one question is waited for
	scanShare    = 0.01             // of one core that reading databases and programs may take
)

// Options are what an asker needs.
type Options struct {
	Root      string // --path.rootfs; "" is "/"
	Processes func() *model.ProcessSnapshot
	Logger    log.Logger // nil: nothing is logged
}

// Asker asks the host's package managers about the programs that were inspected: those
// that burn CPU, and those that looked suspicious. Run is called once; Snapshot may be
// called by any goroutine.
type Asker struct {
	model.Latest[model.PackageSnapshot]

	options  Options
	guard    *hostfs.Guard
	known    ownership
	contents *contents
	seen     map[model.ProgramFile]seen
	sampled  time.Time // the sample of processes that was last looked at
	running  model.Noted[model.ProgramFile]
	waiting  bool      // the last answer was not complete
	next     time.Time // when databases and programs may be read again
	failing  string
}

// seen is since when a file has had the same content, as far as was seen.
type seen struct {
	key   hostfs.ContentKey
	since time.Time
}

// New returns an asker that has asked nothing.
func New(o Options) *Asker {
	if o.Root == "" {
		o.Root = "/"
	}
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	return &Asker{
		options: o, guard: hostfs.NewGuard(2), contents: &contents{known: map[contentKey]string{}}, seen: map[model.ProgramFile]seen{},
	}
}

// Run asks after each new sample of the processes, until the context ends.
func (a *Asker) Run(ctx context.Context) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		a.look(time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// look asks about what runs now, if that has changed.
func (a *Asker) look(now time.Time) {
	processes := a.options.Processes()
	if processes == nil || processes.Time.Equal(a.sampled) && (!a.waiting || now.Before(a.next)) {
		return
	}
	a.sampled = processes.Time
	wanted := a.wanted(processes)
	q := question{
		root: a.options.Root, databases: databases(), programs: wanted, known: a.known, contents: a.contents, scan: !now.Before(a.next),
	}
	began := time.Now()
	answer, err := hostfs.Within(a.guard, askTime, q.ask)
	if q.scan {
		pause := time.Duration(float64(time.Since(began)) / scanShare)
		a.next = now.Add(min(pause, longestPause))
	}
	a.report(err)
	if err != nil {
		a.known, a.waiting = ownership{}, true
		a.Publish(unreadable(now, wanted, err))
		return
	}
	a.known = answer.ownership
	if len(a.known.owners) > knownMost {
		a.known.owners = nil
	}
	a.waiting = answer.waiting
	for _, p := range wanted {
		fact, earlier := answer.facts[p], a.seen[p]
		if fact.Why == whyLater {
			a.waiting = true
			if last := a.Snapshot(); last != nil && earlier.key == answer.keys[p] {
				fact = last.Programs[p] // it is true until something else is known
			}
		}
		answer.facts[p] = a.settled(p, answer.keys[p], fact, now)
	}
	for p := range a.seen {
		if _, ok := answer.facts[p]; !ok {
			delete(a.seen, p)
		}
	}
	a.Publish(&model.PackageSnapshot{Time: now, Programs: answer.facts}, &model.Meta{Time: now})
}

// settled holds back what speaks against a program until its file has been as it is
// for a minute: package managers write files before they write their databases.
func (a *Asker) settled(p model.ProgramFile, key hostfs.ContentKey, fact model.PackageFact, now time.Time) model.PackageFact {
	known := a.seen[p]
	if known.key != key || known.since.IsZero() {
		known = seen{key, now}
		a.seen[p] = known
	}
	if fact.State != model.PackageAltered && fact.State != model.PackageUnowned {
		return fact
	}
	if now.Sub(fact.Changed) < settle && now.Sub(known.since) < settle {
		fact.State, fact.Why = model.PackageUnknown, whyUnsettled
	}
	return fact
}

// wanted are the programs to be asked about, the busiest first.
func (a *Asker) wanted(s *model.ProcessSnapshot) []model.ProgramFile {
	running := slices.Clone(a.running.Update(s.Processes, func(p *model.Process) (model.ProgramFile, bool) {
		installed := p.Origin == model.OriginSystem || p.Origin == model.OriginLocal
		return model.ProgramFile{Path: p.Exe, File: p.ExeFile}, installed && p.Inspection != nil && !p.ExeDeleted && p.Hiding == "" && p.ExeFile != (model.FileID{})
	}))
	slices.SortStableFunc(running, func(a, b model.Note[model.ProgramFile]) int { return cmp.Compare(b.Process.Cores, a.Process.Cores) })
	var files []model.ProgramFile
	known := map[model.ProgramFile]bool{}
	for i := range running {
		if file := running[i].Said; !known[file] && len(files) < programsMost {
			known[file] = true
			files = append(files, file)
		}
	}
	return files
}

// unreadable is the answer where nothing is known, with why.
func unreadable(now time.Time, wanted []model.ProgramFile, err error) (*model.PackageSnapshot, *model.Meta) {
	facts := map[model.ProgramFile]model.PackageFact{}
	why := fmt.Sprintf("the databases of packages could not be read (%s)", hostfs.ReasonOf(err))
	for _, p := range wanted {
		facts[p] = model.PackageFact{Why: why}
	}
	return &model.PackageSnapshot{Time: now, Programs: facts}, &model.Meta{Time: now}
}

// report logs a failure when it appears and when it has gone.
func (a *Asker) report(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch {
	case text == a.failing:
	case err != nil:
		level.Warn(a.options.Logger).Log("msg", "cannot tell which packages programs belong to", "err", err)
	default:
		level.Info(a.options.Logger).Log("msg", "the databases of packages can be read again")
	}
	a.failing = text
}

package main

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

const pollInterval = 500 * time.Millisecond

// observation is what was found about one scenario while it ran.
type observation struct {
	*scenario
	worst severity
	rule  string
	title string
	said  []string               // evidence
	first map[severity]time.Time // when it was first as bad as that
	load  time.Time              // when it was first seen to keep a core busy
}

// judge looks at the findings again and again, and gives each to its scenario.
type judge struct {
	exporter *exporter
	tracker  *tracker

	mutex   sync.Mutex
	open    map[string]*observation // of scenarios that run
	past    []*scenario             // that have ended: their findings are held for a while
	before  map[string]bool         // ids of findings that the host had already
	owned   map[string]bool         // ids that have belonged to a scenario: one that has ended has no pids
	foreign map[string]finding      // warnings and worse that belong to no scenario, by id
}

func newJudge(ctx context.Context, watching *exporter, processes *tracker) (*judge, error) {
	found, err := watching.findings(ctx)
	if err != nil {
		return nil, err
	}
	j := &judge{
		exporter: watching, tracker: processes,
		open: map[string]*observation{}, before: map[string]bool{}, owned: map[string]bool{}, foreign: map[string]finding{},
	}
	for i := range found {
		j.before[found[i].ID] = true
	}
	return j, nil
}

// watch polls until the context ends. One answer that does not come is no harm;
// an exporter that has gone is.
func (j *judge) watch(ctx context.Context) error {
	for ticker := time.NewTicker(pollInterval); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-j.exporter.Done():
			return j.exporter.Ended()
		case <-ticker.C:
		}
		if err := j.tracker.scan(); err != nil {
			return err
		}
		found, err := j.exporter.findings(ctx)
		if err != nil {
			continue
		}
		j.assign(found, time.Now())
	}
}

// begin opens the observation of a scenario.
func (j *judge) begin(s *scenario) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.open[s.name] = &observation{scenario: s, first: map[severity]time.Time{}}
}

// end closes it.
func (j *judge) end(s *scenario) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	delete(j.open, s.name)
	j.past = append(j.past, s)
}

// state is a copy of what a observation holds by now.
func (j *judge) state(name string) observation {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	d := *j.open[name]
	d.first = map[severity]time.Time{}
	for s, at := range j.open[name].first {
		d.first[s] = at
	}
	return d
}

// strangers are the findings that belong to no scenario.
func (j *judge) strangers() []finding {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	var all []finding
	for id := range j.foreign {
		all = append(all, j.foreign[id])
	}
	slices.SortFunc(all, func(a, b finding) int { return strings.Compare(a.ID, b.ID) })
	return all
}

func (j *judge) assign(found []finding, now time.Time) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	for i := range found {
		f := &found[i]
		owned := j.owned[f.ID]
		for _, d := range j.open {
			if j.belongs(f, d.scenario) {
				d.note(f, now)
				owned = true
			}
		}
		for _, s := range j.past {
			owned = owned || j.belongs(f, s)
		}
		j.owned[f.ID] = owned
		if !owned && !j.before[f.ID] && f.Severity.rank() > info.rank() {
			j.foreign[f.ID] = *f
		}
	}
}

// note keeps the worst, and when it was first so bad. That a service lets anybody in is
// right to be found, and no verdict about what runs below it.
func (d *observation) note(f *finding, now time.Time) {
	if f.Rule == "exposed_service" {
		return
	}
	if d.load.IsZero() && f.Suspect != nil {
		for _, signal := range f.Suspect.Signals {
			if signal.Family == "load" {
				d.load = now
			}
		}
	}
	if f.Severity.rank() > d.worst.rank() {
		d.worst, d.rule, d.title, d.said = f.Severity, f.Rule, f.Title, f.Evidence
	}
	for _, level := range []severity{info, warning, critical} {
		if _, seen := d.first[level]; !seen && f.Severity.rank() >= level.rank() {
			d.first[level] = now
		}
	}
}

// belongs reports whether a finding is about what the scenario does: about one of
// its processes, what one of them has started, or one of its files.
func (j *judge) belongs(f *finding, s *scenario) bool {
	switch {
	case f.Suspect != nil:
		return s.owns(strings.TrimSuffix(f.Suspect.Exe, " (deleted)")) || j.anyPID(f, s.name)
	case f.File != nil:
		return mentions(f.File.Path, s)
	case f.Persistence != nil:
		return s.owns(f.Persistence.Path)
	case f.Socket != nil:
		owner, known := j.tracker.owner(f.Socket.PID)
		return known && owner == s.name
	}
	return slices.Contains(s.rules, f.Rule) || mentions(strings.Join(append(f.Evidence, f.Title), "\n"), s)
}

func (j *judge) anyPID(f *finding, name string) bool {
	pids := f.Suspect.PIDs
	for _, ancestor := range f.Suspect.Ancestors {
		pids = append(pids, ancestor.PID)
	}
	return slices.ContainsFunc(pids, func(pid int) bool {
		owner, known := j.tracker.owner(pid)
		return known && owner == name
	})
}

// mentions reports whether a path of the scenario stands in the text. That of a file in
// a container has the root directory of a process in front of it.
func mentions(text string, s *scenario) bool {
	for _, path := range s.paths {
		for from := 0; ; {
			at := strings.Index(text[from:], path)
			if at < 0 {
				break
			}
			before, behind := text[:from+at], text[from+at+len(path):]
			from += at + len(path)
			if (before == "" || isAround(before[len(before)-1]) || strings.HasSuffix(before, "/root")) &&
				(behind == "" || behind[0] == '/' || isAround(behind[0])) {
				return true
			}
		}
	}
	return false
}

// isAround tells whether a byte may stand before or behind a path in a sentence.
func isAround(b byte) bool { return strings.IndexByte(" \n\"':,.;()", b) >= 0 }

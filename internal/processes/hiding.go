package processes

import (
	"time"

	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// A process is hidden if the kernel lists it and /proc does not show it, whatever the trick: something is mounted over
// its directory, the directory cannot be opened, or the list of /proc leaves it out. As processes begin and end at any
// time, one that is missing once counts for nothing: it is hidden if it is still the same process at the next look, and
// still missing. See hidden.go for what can be told without the kernel's list.

const (
	// listingShare is the share of one core that listing /proc may take, up to listingLongest between two.
	listingShare   = 0.003
	listingLongest = 10 * time.Second
	// Where more than a quarter of all processes is missing in /proc, that is how it is mounted (hidepid of proc(5)),
	// or how it is shown to everybody: a loss of sight, and no finding about each of thousands.
	blindShare = 4
	blindLeast = 16 // fewer are findings all the same, unless it is mounted with hidepid
)

// listing is what is kept of the names in /proc.
type listing struct {
	pids []int
	next time.Time // when they are listed again
}

// setHiding notes what hides a process, before it is read.
func (s *sample) setHiding(e *entry, covered bool) {
	switch {
	case covered:
		e.hiding = model.HiddenByMount
	case e.hiding == model.HiddenByMount, e.hiding == model.HiddenDirectory && s.reader.IsShown(e.process.PID):
		e.hiding = ""
	}
	e.hidden = e.hiding == model.HiddenByMount || e.hiding == model.HiddenDirectory
}

// missesDirectory notes that a process has no directory in /proc though the kernel lists it, and reports whether that
// was so at the last look too: it lived at both, so it did not end between them.
func (s *sample) missesDirectory(e *entry) bool {
	if !s.tasks.active || isFirstThreadEnded(&e.task) || s.reader.IsShown(e.process.PID) {
		e.unopened = false
		return false
	}
	before := e.unopened
	e.unopened = true
	return before
}

// hideDirectory notes that a process is hidden so that nothing of it can be opened.
func (s *sample) hideDirectory(e *entry, before *taskiter.Task) {
	e.hiding, e.hidden, e.unopened, s.someHidden = model.HiddenDirectory, true, false, true
	s.identifyHidden(e, before, e.process.Exe == "")
}

// readListing compares the names in /proc with what the kernel lists.
func (s *sample) readListing() {
	if s.round.early || s.now.Before(s.listing.next) {
		return
	}
	began, beganCPU := time.Now(), s.cpuTime()
	pids, err := s.listNames(s.listing.pids[:0])
	s.listing.pids = pids
	if err != nil {
		s.reader.Failed(model.AspectStat, err)
		return
	}
	doubtful, at := false, 0
	for _, e := range s.list {
		if e.sample != s.samples || e.dead || e.hidden {
			continue
		}
		for at < len(pids) && pids[at] < e.process.PID {
			at++
		}
		isListed := at < len(pids) && pids[at] == e.process.PID
		switch {
		case isListed && (e.unlisted || e.hiding == model.HiddenListing):
			e.unlisted, e.hiding = false, ""
		case isListed, e.hiding == model.HiddenListing:
		case !e.unlisted:
			e.unlisted, doubtful = true, true
		case s.reader.IsShown(e.process.PID):
			e.unlisted, e.hiding, s.someHidden = false, model.HiddenListing, true
		default:
			e.unlisted = false
			s.hideDirectory(e, &e.task)
		}
	}
	cost := time.Since(began)
	if s.options.CPUTime != nil {
		cost = s.cpuTime() - beganCPU
	}
	s.listing.next = s.now.Add(min(listingLongest, time.Duration(float64(cost)/listingShare)) - s.interval/2)
	if doubtful {
		s.listing.next = s.now // the next sample tells
	}
}

// publishHiding says of each process how it is hidden, unless so many are that nothing is hidden from anybody.
func (s *sample) publishHiding() {
	if !s.someHidden {
		return
	}
	missing, all := 0, 0
	for _, e := range s.list {
		if e.sample == s.samples && !e.dead {
			all++
			if e.isMissingInProc() {
				missing++
			}
		}
	}
	s.blindToOthers = missing*blindShare > all && (missing >= blindLeast || s.reader.HidesOthers())
	if s.blindToOthers && !s.saidBlind {
		s.saidBlind = true
		level.Warn(s.options.Logger).Log("msg", "most processes cannot be seen in /proc, so what they run is not known: give CAP_SYS_PTRACE, or mount /proc without hidepid",
			"missing", missing, "of", all)
	}
	s.someHidden = false
	for _, e := range s.list {
		hiding, by := e.hiding, ""
		if hiding != "" {
			s.someHidden = true
		}
		if s.blindToOthers && e.isMissingInProc() {
			hiding = ""
		}
		if hiding == model.HiddenByMount {
			by = s.covered[e.process.PID]
		}
		if e.process.Hiding != hiding || e.process.HiddenBy != by {
			p := e.change()
			p.Hiding, p.HiddenBy = hiding, by
			s.someHidden = true // once more, after it came into sight
		}
	}
}

// isMissingInProc tells whether a process is hidden, but for a mount.
func (e *entry) isMissingInProc() bool {
	return e.hiding == model.HiddenDirectory || e.hiding == model.HiddenListing
}

// identifyHidden finds out what a process runs whose directory in /proc cannot be believed.
func (s *sample) identifyHidden(e *entry, before *taskiter.Task, isUnknown bool) {
	t := &e.task
	if isUnknown || before.Missing == t.Missing && before.ExecID != t.ExecID {
		s.describeHidden(e, nameOf(t), t.UID)
	}
	if process := e.process; process.ExeFile == (model.FileID{}) && t.ExeInode != 0 {
		e.change().ExeFile = model.FileID{Dev: t.ExeDevice, Inode: t.ExeInode}
	}
	s.readHidden(e)
}

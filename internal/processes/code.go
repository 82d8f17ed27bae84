package processes

import (
	"maps"
	"sort"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/inspect"
)

const (
	scannedMost  = 4 // in one sample
	scannedSoon  = 15 * time.Second
	scannedLater = time.Minute
)

// scanCode scans the executable memory of a few programs that use CPU and whose code is not
// known to be RandomX's. What compiles its code later is scanned again.
func (s *sample) scanCode() {
	if !s.code.Ready(s.now) {
		return
	}
	var due []*entry
	for _, e := range s.awake {
		if s.isScanDue(e) {
			due = append(due, e)
		}
	}
	sort.SliceStable(due, func(i, j int) bool {
		a, b := due[i], due[j]
		if atA, atB := a.looked().code.At, b.looked().code.At; !atA.Equal(atB) {
			return atA.Before(atB)
		}
		return a.process.Cores > b.process.Cores
	})
	for _, e := range due[:min(len(due), scannedMost)] {
		s.scanOne(e)
	}
}

func (s *sample) isScanDue(e *entry) bool {
	p, code := e.process, e.looked().code
	if !s.burns(e) || e.dead || e.hidden || p.Origin == model.OriginKernel || p.Origin == model.OriginUnreadable {
		return false
	}
	if p.Content.RandomX || code.In != "" {
		return false // it is known
	}
	pause := scannedLater
	if s.isYoung(e) {
		pause = scannedSoon
	}
	return code.At.IsZero() || s.now.Sub(code.At) >= pause
}

// isYoung tells whether a program is in its first two minutes.
func (s *sample) isYoung(e *entry) bool {
	return s.now.Sub(e.process.Started) < inspectedYouth || s.now.Sub(e.imageStarted) < inspectedYouth
}

// scanOne takes a look at the executable memory. The inspection that was published is not
// changed but copied.
func (s *sample) scanOne(e *entry) {
	if e.process.Inspection == nil {
		s.inspectOne(e)
	}
	if e.process.Inspection == nil {
		return // no time is left in this sample
	}
	process := e.change()
	covered := process.ExeFile
	if process.SHA256 == "" || e.content.Size > hostfs.HashLimit {
		covered = model.FileID{}
	}
	state := &e.inspected.code
	if err := s.code.Look(subjectOf(process), covered, s.now, state); err != nil && !hostfs.Vanished(err) {
		s.unread(e, aspectOf(model.PartExecutableMemory), err)
	}
	look := *process.Inspection
	addCode(&look, state)
	process.Inspection = &look
}

// addCode adds what is known of a program's executable memory to an inspection, which shares
// its map with nobody after that.
func addCode(look *model.Inspection, code *inspect.CodeState) {
	look.CodeScanned, look.RandomXIn = !code.At.IsZero(), code.In
	if code.Unread == "" {
		return
	}
	unread := map[model.InspectionPart]model.Reason{model.PartExecutableMemory: code.Unread}
	maps.Copy(unread, look.Unread)
	look.Unread = unread
}

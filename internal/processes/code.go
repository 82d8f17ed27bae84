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
	// scannedShare is the least that one of many instances uses of a core, to be
	// scanned for the use of all together.
	scannedShare = 0.02
)

// scanCode scans the executable memory of a few programs that use CPU and whose code is not
// known to be RandomX's. What compiles its code later is scanned again.
func (s *sample) scanCode() {
	if !s.code.Ready(s.now) {
		return
	}
	var due []*entry
	uses := s.usePerProgram()
	for _, e := range s.order {
		if s.isScanDue(e, uses) {
			due = append(due, e)
		}
	}
	sort.SliceStable(due, func(i, j int) bool {
		a, b := due[i], due[j]
		if !a.inspected.code.At.Equal(b.inspected.code.At) {
			return a.inspected.code.At.Before(b.inspected.code.At)
		}
		return a.process.Cores > b.process.Cores
	})
	for _, e := range due[:min(len(due), scannedMost)] {
		s.scanOne(e)
	}
}

// programUse is one program of one user.
type programUse struct {
	sha256 string
	uid    uint32
}

// usePerProgram adds up the cores that the instances of a program use, if each is more than
// nothing: a miner may run as many small processes.
func (s *sample) usePerProgram() map[programUse]float64 {
	uses := map[programUse]float64{}
	for _, e := range s.order {
		if p := &e.process; p.Cores >= scannedShare && p.SHA256 != "" {
			uses[programUse{p.SHA256, p.UID}] += p.Cores
		}
	}
	return uses
}

func (s *sample) isScanDue(e *entry, uses map[programUse]float64) bool {
	p, code := &e.process, &e.inspected.code
	burns := p.Cores >= inspectedCores || p.Cores >= scannedShare && uses[programUse{p.SHA256, p.UID}] >= inspectedCores
	if !burns || e.dead || e.hidden || p.Origin == model.OriginKernel || p.Origin == model.OriginUnreadable {
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
	process := &e.process
	if process.Inspection == nil {
		s.inspectOne(e)
	}
	if process.Inspection == nil {
		return // no time is left in this sample
	}
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

package shell

import (
	"path"
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
)

// Suspicion is one reason to distrust a text.
type Suspicion struct {
	Reason   model.PersistenceReason
	Evidence string // the part of the command that the reason is about, at most MaxEvidenceBytes
	Decoded  string // what the decoded part of the command reads, at most MaxEvidenceBytes; "" if nothing is encoded
	Command  string // the lines of the text that hold it, at most MaxCommandBytes
	Line     int    // in the text, from 1
}

// Verdict is what a text would run.
type Verdict struct {
	Suspicions []Suspicion
	Programs   []string // absolute paths, at most MaxPrograms; the suspicious ones if there are more

	Left     int // lines that are suspicious too and have no room in Suspicions
	leftLine int // the last of them
}

// leave counts a line that there is no room for.
func (v *Verdict) leave(line int) {
	if v.Left == 0 || line != v.leftLine {
		v.Left++
	}
	v.leftLine = line
}

// Strongest returns the suspicion with the strongest reason, or one without any.
func (v *Verdict) Strongest() Suspicion {
	best := Suspicion{}
	for _, s := range v.Suspicions {
		if s.Reason.Rank() < best.Reason.Rank() {
			best = s
		}
	}
	return best
}

// PerLine returns the strongest suspicion of each line.
func (v *Verdict) PerLine() []Suspicion {
	var kept []Suspicion
	at := map[int]int{}
	for _, s := range v.Suspicions {
		i, seen := at[s.Line]
		switch {
		case !seen:
			at[s.Line] = len(kept)
			kept = append(kept, s)
		case s.Reason.Rank() < kept[i].Reason.Rank():
			kept[i] = s
		}
	}
	return kept
}

// Suspect adds a suspicion, if there is room for it.
func (v *Verdict) Suspect(s Suspicion) {
	if s.Reason == "" {
		return
	}
	if len(v.Suspicions) >= maxSuspicions {
		v.leave(s.Line)
		return
	}
	s.Evidence = Cut(strings.TrimSpace(s.Evidence), MaxEvidenceBytes)
	s.Decoded = Cut(strings.TrimSpace(s.Decoded), MaxEvidenceBytes)
	s.Command = Cut(strings.TrimSpace(s.Command), MaxCommandBytes)
	v.Suspicions = append(v.Suspicions, s)
}

// Merge adds what another command of the same entry would run.
func (v *Verdict) Merge(other Verdict) {
	for _, s := range other.Suspicions {
		v.Suspect(s)
	}
	for _, p := range other.Programs {
		v.program(p)
	}
	v.Left += other.Left
}

// program adds a program, if its path is known and there is room for it. One of the
// system makes room for another: a miner is not found by what stands before it.
func (v *Verdict) program(name string) {
	if !strings.HasPrefix(name, "/") || len(name) > MaxCommandBytes {
		return
	}
	if name = path.Clean(name); slices.Contains(v.Programs, name) {
		return
	}
	if len(v.Programs) < MaxPrograms {
		v.Programs = append(v.Programs, strings.Clone(name))
		return
	}
	if isOfSystem(name) {
		return
	}
	if i := slices.IndexFunc(v.Programs, isOfSystem); i >= 0 {
		v.Programs[i] = strings.Clone(name)
	}
}

func isOfSystem(name string) bool {
	origin, _ := place.Origin(name, false)
	return origin == model.OriginSystem
}

// Cut shortens a text to a number of bytes, as a copy that does not keep the whole
// file in memory.
func Cut(s string, most int) string { return strings.Clone(s[:min(len(s), most)]) }

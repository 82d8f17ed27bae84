package persistence

import (
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// suspicion is one reason to distrust a command.
type suspicion struct {
	reason   model.PersistenceReason
	evidence string
	command  string // the lines of the script that hold it
	line     int    // in the script, from 1
}

// verdict is what a command or a script amounts to.
type verdict struct {
	suspicions []suspicion
	programs   []string // absolute paths that are run
}

// strongest returns the suspicion with the strongest reason, or one without.
func (v *verdict) strongest() suspicion {
	best := suspicion{}
	for _, s := range v.suspicions {
		if best.reason == "" || rank(s.reason) < rank(best.reason) {
			best = s
		}
	}
	return best
}

// byLine keeps the strongest suspicion of each line.
func (v *verdict) byLine() []suspicion {
	var kept []suspicion
	at := map[int]int{}
	for _, s := range v.suspicions {
		i, seen := at[s.line]
		switch {
		case !seen:
			at[s.line] = len(kept)
			kept = append(kept, s)
		case rank(s.reason) < rank(kept[i].reason):
			kept[i] = s
		}
	}
	return kept
}

func (v *verdict) suspect(s suspicion) {
	if len(v.suspicions) < maxSuspicions && s.reason != "" {
		s.evidence = cut(strings.TrimSpace(s.evidence), maxEvidence)
		s.command = cut(strings.TrimSpace(s.command), maxCommandBytes)
		v.suspicions = append(v.suspicions, s)
	}
}

func (v *verdict) program(name string) {
	if !strings.HasPrefix(name, "/") || len(v.programs) >= maxPrograms || len(name) > maxCommandBytes {
		return
	}
	name = path.Clean(name)
	for _, known := range v.programs {
		if known == name {
			return
		}
	}
	v.programs = append(v.programs, strings.Clone(name))
}

// merge takes over what another command of the same entry amounts to.
func (v *verdict) merge(other verdict) {
	for _, s := range other.suspicions {
		v.suspect(s)
	}
	for _, p := range other.programs {
		v.program(p)
	}
}

// cut shortens a text to a number of bytes, as a copy that does not hold the
// whole file in memory.
func cut(s string, most int) string {
	return strings.Clone(s[:min(len(s), most)])
}

package detect

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// What an intruder can fill the report with. Users together have room for at least
// three who fill theirs.
const (
	maxPersistenceFindings = 256
	maxSystemFindings      = 128 // about the files of root and the system
	maxUserFindings        = 64  // about the files of one user
	maxFileFindings        = 16
)

// judgedEntry is an entry that is a finding, unless there are too many.
type judgedEntry struct {
	*model.PersistenceEntry
	started *model.Suspect // critical; nil
	turn    int
}

// persistenceFindings are about what starts programs by itself and should not:
// it fetches and runs, it runs from temp or from a hidden place, or it starts a
// suspect. Those that start a critical suspect come first, then those that start any
// other, and root's and the system's before those of users.
func persistenceFindings(s *model.PersistenceSnapshot, list []*candidate, policy Policy) []model.Finding {
	running := runningSuspects(list)
	var all []judgedEntry
	for i := range s.Entries {
		entry := &s.Entries[i]
		started, any := startedSuspect(entry, running)
		if entry.Reason == "" && started == nil {
			continue
		}
		judged := judgedEntry{PersistenceEntry: entry, started: started}
		switch {
		case started != nil:
		case any:
			judged.turn = 2
		default:
			judged.turn = 4
		}
		if entry.Owner != "" {
			judged.turn++
		}
		all = append(all, judged)
	}
	slices.SortStableFunc(all, func(a, b judgedEntry) int { return cmp.Compare(a.turn, b.turn) })
	quota := model.PersistenceQuota{File: maxFileFindings, User: maxUserFindings, System: maxSystemFindings, All: maxPersistenceFindings}
	var findings []model.Finding
	left := map[model.PersistenceFile]int{}
	for i := range all {
		if judged := &all[i]; quota.Take(judged.PersistenceEntry) {
			entry := *judged.PersistenceEntry
			findings = append(findings, persistenceFinding(&entry, judged.started, policy))
		} else {
			left[model.PersistenceFile{Owner: judged.Owner, Path: judged.Path}]++
		}
	}
	for file, n := range s.Omitted {
		left[file] += n
	}
	sayOmitted(findings, left)
	return findings
}

// runningSuspects are the suspects of the host, by what an entry names: the program,
// or the script.
func runningSuspects(list []*candidate) map[string]*candidate {
	running := map[string]*candidate{}
	for _, c := range slices.Backward(list) { // the worst comes first, and stays
		p := &c.suspect.Process
		switch {
		case p.Isolation == model.IsolationContainer:
		case p.Script != "":
			running[p.Script] = c
		default:
			running[p.Exe] = c
		}
	}
	return running
}

// startedSuspect returns the critical suspect that an entry starts, or nil, and whether
// it starts any. A program of the system is started by honest entries too.
func startedSuspect(entry *model.PersistenceEntry, running map[string]*candidate) (critical *model.Suspect, any bool) {
	for _, program := range entry.Programs {
		c := running[program]
		if c == nil || entry.Reason == "" && c.suspect.Process.Origin == model.OriginSystem {
			continue
		}
		if c.severity == model.Critical {
			return &c.suspect, true
		}
		any = true
	}
	return nil, any
}

// sayOmitted says with the last finding of a file, else of whoever writes it, else of
// all, how many entries have none.
func sayOmitted(findings []model.Finding, left map[model.PersistenceFile]int) {
	if len(findings) == 0 {
		return
	}
	last := map[model.PersistenceFile]*model.Finding{}
	for i := range findings {
		entry := findings[i].Persistence
		last[model.PersistenceFile{Owner: entry.Owner, Path: entry.Path}] = &findings[i]
		last[model.PersistenceFile{Owner: entry.Owner}] = &findings[i]
	}
	for file, n := range left {
		of := last[file]
		switch {
		case of != nil && file.Path != "":
			of.MoreOfFile += n
			continue
		case last[model.PersistenceFile{Owner: file.Owner}] != nil:
			of = last[model.PersistenceFile{Owner: file.Owner}]
		default:
			of = &findings[len(findings)-1]
		}
		of.MoreElsewhere += n
	}
	for i := range findings {
		f := &findings[i]
		if f.MoreOfFile > 0 {
			f.Evidence = append(f.Evidence, fmt.Sprintf("And %d more of this file, which are not listed.", f.MoreOfFile))
		}
		if f.MoreElsewhere > 0 {
			f.Evidence = append(f.Evidence, fmt.Sprintf("And %d more of other files, which are not listed.", f.MoreElsewhere))
		}
	}
}

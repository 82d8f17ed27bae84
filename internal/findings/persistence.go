package findings

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
)

// What an intruder can fill the report with. Users together have room for at least
// three who fill theirs.
const (
	maxPersistenceFindings = 256
	maxSystemFindings      = 128 // about the files of root and the system
	maxUserFindings        = 64  // about the files of one user
	maxFileFindings        = 16
)

// Quota is the room for findings about entries.
func Quota() model.PersistenceQuota {
	return model.PersistenceQuota{File: maxFileFindings, User: maxUserFindings, System: maxSystemFindings, All: maxPersistenceFindings}
}

// judgedEntry is an entry that is a finding, unless there are too many.
type judgedEntry struct {
	*model.PersistenceEntry
	started *model.Suspect // critical; nil
	turn    int
}

// OfPersistence are about what starts programs by itself and should not:
// it fetches and runs, it runs from temp or from a hidden place, or it starts a
// suspect of those found. Those that start a critical suspect come first, then those that start any
// other, and root's and the system's before those of users. known are the processes whose
// content is on the list of known miners.
func OfPersistence(s *model.Snapshot, found []model.Finding, known []*model.Process, settings policy.Policy) []model.Finding {
	running, files := runningSuspects(found), knownFiles(s.Files, known, settings)
	var all []judgedEntry
	for i := range s.Persistence.Entries {
		entry := judgedAgain(&s.Persistence.Entries[i], files)
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
	quota := Quota()
	var findings []model.Finding
	left := map[model.PersistenceFile]int{}
	for i := range all {
		if judged := &all[i]; quota.Take(judged.PersistenceEntry) {
			entry := *judged.PersistenceEntry
			findings = append(findings, persistenceFinding(&entry, judged.started, settings))
		} else {
			left[model.PersistenceFile{Owner: judged.Owner, Path: judged.Path}]++
		}
	}
	for file, n := range s.Persistence.Omitted {
		left[file] += n
	}
	sayOmitted(findings, left)
	return findings
}

// knownFiles are the programs of the host whose content is on the list of known miners
// as it is now, by path: those that run, and those that lie in watched directories.
func knownFiles(s *model.FileSnapshot, running []*model.Process, settings policy.Policy) map[string]bool {
	known := map[string]bool{}
	for _, p := range running {
		if p.Exe != "" && p.Isolation != model.IsolationContainer {
			known[p.Exe] = true
		}
	}
	if s != nil {
		for i := range s.Files {
			if f := &s.Files[i]; f.Container == "" && (f.KnownMiner || settings.IsKnownHash(f.SHA256)) {
				known[f.Path] = true
			}
		}
	}
	return known
}

// judgedAgain is an entry that looked harmless when it was read, with what its programs
// are known for now: the list of known miners may be newer than the entry.
func judgedAgain(entry *model.PersistenceEntry, known map[string]bool) *model.PersistenceEntry {
	if entry.Reason != "" || len(known) == 0 {
		return entry
	}
	for _, program := range entry.Programs {
		if known[program] {
			again := *entry
			again.Reason, again.Evidence = model.PersistenceKnownMiner, program
			return &again
		}
	}
	return entry
}

// runningSuspects are the suspects of the host, by what an entry names: the program,
// or the script.
func runningSuspects(found []model.Finding) map[string]*model.Finding {
	running := map[string]*model.Finding{}
	for i := range slices.Backward(found) { // the worst comes first, and stays
		f := &found[i]
		if f.Suspect == nil {
			continue
		}
		p := &f.Suspect.Process
		switch {
		case p.Isolation == model.IsolationContainer:
		case p.Script != "":
			running[p.Script] = f
		default:
			running[p.Exe] = f
		}
	}
	return running
}

// startedSuspect returns the critical suspect that an entry starts, or nil, and whether
// it starts any. A program of the system is started by honest entries too.
func startedSuspect(entry *model.PersistenceEntry, running map[string]*model.Finding) (critical *model.Suspect, any bool) {
	for _, program := range entry.Programs {
		f := running[program]
		if f == nil || entry.Reason == "" && f.Suspect.Process.Origin == model.OriginSystem {
			continue
		}
		if f.Severity == model.Critical {
			return f.Suspect, true
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

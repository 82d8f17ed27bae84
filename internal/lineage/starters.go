package lineage

import (
	"path"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// StartedBy returns the entry that starts a process: one that names its program,
// the program's name before it was deleted, or its script; or a suspicious unit
// that it runs in.
func (l *Lineage) StartedBy(p *model.Process) *model.PersistenceEntry {
	if p.Isolation == model.IsolationContainer {
		return nil // the same path is another file there
	}
	for _, name := range []string{p.Exe, p.Script} {
		if entries := l.entries[name]; name != "" && len(entries) > 0 && (name != p.Exe || p.Script == "") {
			return entries[0]
		}
	}
	if p.Unit != "" {
		return l.units[p.Unit]
	}
	return nil
}

// starterOf is startedBy as a guardian, where it is one that starts a program again.
func (l *Lineage) starterOf(p *model.Process) *model.Guardian {
	entry := l.StartedBy(p)
	if entry == nil {
		return nil
	}
	guardian := &model.Guardian{Comm: path.Base(entry.Path), Exe: entry.Path, User: entry.User, Unit: entry.Unit, Path: entry.Path, Line: entry.Line}
	switch entry.Kind {
	case model.PersistenceCrontab, model.PersistenceUserCrontab, model.PersistenceCronScript, model.PersistenceAnacron, model.PersistenceAt:
		guardian.Relation = model.RelationCron
	case model.PersistenceSystemdService, model.PersistenceSystemdTimer, model.PersistenceSystemdPath:
		guardian.Relation, guardian.Line = model.RelationUnit, 0
	default:
		return nil // it starts it at a boot or a login
	}
	return guardian
}

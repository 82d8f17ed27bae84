package report

import (
	"fmt"
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// disable names what switches off entries that start programs by themselves. A
// line is made a comment, so that it can be looked at later; a unit is stopped; a
// file that is one entry as a whole is moved away, and so is a crontab that somebody
// filled. A service of the system is not stopped because of one line.
func (p *planner) disable(findings []*model.Finding, severity model.Severity) []string {
	var commands []string
	flooded := map[string]bool{} // files with more lines than are listed
	for _, finding := range findings {
		if finding.MoreOfFile > 0 {
			flooded[finding.Persistence.Path] = true
		}
	}
	for _, finding := range findings {
		if finding.Severity != severity {
			continue
		}
		entry := finding.Persistence
		switch {
		case entry.Unit != "" && (entry.Line == 0 || !isInfrastructureUnit(entry.Unit)):
			commands = appendNew(commands, p.disableUnit(entry.Unit)...)
		case entry.Kind == model.PersistencePreload:
			commands = appendNew(commands, "sed -i "+deletions(findings, severity, entry.Path)+" "+shellQuote(entry.Path)) // it knows no comments
		case entry.Line > 0 && (!flooded[entry.Path] || entry.Kind != model.PersistenceUserCrontab):
			commands = appendNew(commands, fmt.Sprintf("sed -i '%ds/^/# /' %s", entry.Line, shellQuote(entry.Path)))
		default:
			commands = appendNew(commands, "mv -- "+shellQuote(entry.Path)+" "+shellQuote("./evidence-"+string(entry.Kind)+"-"+path.Base(entry.Path)))
		}
	}
	return commands
}

// deletions is a script of sed(1) for all lines of a file at once: after the first was
// deleted on its own, the others would have other numbers.
func deletions(findings []*model.Finding, severity model.Severity, file string) string {
	var lines []string
	for _, finding := range findings {
		entry := finding.Persistence
		if finding.Severity == severity && entry.Kind == model.PersistencePreload && entry.Path == file {
			lines = appendNew(lines, fmt.Sprintf("%dd", entry.Line))
		}
	}
	if len(lines) == 1 {
		return lines[0]
	}
	return shellQuote(strings.Join(lines, ";"))
}

// startersOf are the timers, paths, sockets and automounts that would start a unit again.
func (p *planner) startersOf(unit string) []string {
	var starters []string
	if snapshot := p.report.Snapshot.Persistence; snapshot != nil {
		for i := range snapshot.Entries {
			if e := &snapshot.Entries[i]; e.Starts == unit && e.Unit != unit && len(starters) < maxShown {
				starters = appendNew(starters, e.Unit)
			}
		}
	}
	return starters
}

// disableUnit stops a unit, after what would start it again. One of the system, whose end
// would cut people off, is only looked at: an intruder may have changed it.
func (p *planner) disableUnit(unit string) []string {
	var commands []string
	for _, starter := range p.startersOf(unit) {
		commands = appendNew(commands, p.disableOne(starter)...)
	}
	return appendNew(commands, p.disableOne(unit)...)
}

func (p *planner) disableOne(unit string) []string {
	option := ""
	if strings.HasPrefix(unit, "-") {
		option = "-- "
	}
	if isInfrastructureUnit(unit) {
		p.lookUp = appendNew(p.lookUp, "systemctl cat "+option+shellWord(unit))
		return nil
	}
	return []string{"systemctl disable --now " + option + shellWord(unit)}
}

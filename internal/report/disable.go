package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// disable names what switches off entries that start programs by themselves. A
// line is made a comment, so that it can be looked at later; a unit is stopped; a
// file that is one entry as a whole is moved away, and so is a crontab that somebody
// filled. A service of the system is not stopped because of one line.
func (p *planner) disable(findings []*model.Finding, severity model.Severity, in phase) {
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
		p.about = finding
		inLine := entry.Line > 0 && (!flooded[entry.Path] || entry.Kind != model.PersistenceUserCrontab)
		switch manager := managerOf(entry.Path, entry.Owner); {
		case entry.Unit != "" && manager != systemManager:
			p.do(in, "systemctl "+manager+" "+unitWord(entry.Unit), moveAway(entry))
		case entry.Unit != "" && (entry.Line == 0 || !isInfrastructureUnit(entry.Unit)):
			p.do(in, p.disableUnit(entry.Unit)...)
		case inLine && entry.FileHash == "":
			p.decide(fmt.Sprintf("Switch off line %d of %s. The file is too large to be compared.", entry.Line, text.Label(entry.Path)), "")
		case inLine:
			p.do(in, editLines(entry, changes(findings, severity, entry)))
		default:
			p.do(in, moveAway(entry))
		}
	}
}

// keeps tells whether a command needs the directory for evidence.
func keeps(command string) bool { return strings.Contains(command, inEvidence) }

// changes is a script of sed(1) for all lines of the file of an entry at once.
func changes(findings []*model.Finding, severity model.Severity, of *model.PersistenceEntry) string {
	change := "s/^/# /"
	if of.Kind == model.PersistencePreload {
		change = "d" // it knows no comments
	}
	var lines []string
	for _, finding := range findings {
		if entry := finding.Persistence; finding.Severity == severity && entry.Path == of.Path && entry.Line > 0 {
			lines = appendNew(lines, strconv.Itoa(entry.Line)+change)
		}
	}
	return strings.Join(lines, ";")
}

// systemManager has the units of the system.
const systemManager = "disable --now"

// managerOf says how systemctl(1) asks the manager that has the units of a directory to
// switch one off. Any user may call one of his own like one of the system.
func managerOf(file, owner string) string {
	switch {
	case !strings.Contains(file, "/systemd/user"):
		return systemManager
	case strings.HasPrefix(file, "/etc/"), strings.HasPrefix(file, "/run/"), strings.HasPrefix(file, "/usr/"):
		return "--global disable" // it stops none that runs
	case owner == "":
		return "--user disable --now"
	default:
		return "--user -M " + shellWord(owner+"@") + " disable --now"
	}
}

// isUsersUnit tells whether the innermost unit of a cgroup is one that a user's own
// manager has, and has given its name.
func isUsersUnit(cgroup string) bool { return strings.Contains(cgroup, "/user@") }

// startersOf are the timers, paths, sockets and automounts that would start a unit again.
func (p *planner) startersOf(unit string) []string {
	var starters []string
	if snapshot := p.report.Snapshot.Persistence; snapshot != nil {
		for i := range snapshot.Entries {
			if e := &snapshot.Entries[i]; e.Starts == unit && e.Unit != unit && managerOf(e.Path, e.Owner) == systemManager && len(starters) < maxShown {
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
	if isInfrastructureUnit(unit) {
		p.do(phaseLookUp, "systemctl cat "+unitWord(unit))
		return nil
	}
	return []string{"systemctl " + systemManager + " " + unitWord(unit)}
}

// unitWord names a unit that may look like an option.
func unitWord(unit string) string {
	if strings.HasPrefix(unit, "-") {
		return "-- " + shellWord(unit)
	}
	return shellWord(unit)
}

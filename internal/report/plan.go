package report

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// Step is one thing to do. Command holds shell commands, one a line, for bash
// and root; it is "" where a person has to decide. Both are fit to be shown.
type Step struct {
	Title, Command string
}

// planner gathers what to do about some findings of a report without saying anything
// twice. It is the only writer of what to do.
type planner struct {
	report   *Report
	scope    []*model.Finding // what is to be ended; the rest of the report is known, and left alone
	about    *model.Finding   // what is being planned for; nil where it is the host
	actions  []action
	stopped  map[int]bool
	closed   map[string]bool
	copied   map[string]bool // contents whose copies were looked for
	infested []infested      // containers with suspects
	left     int             // findings that have no room
}

// What one plan is about at most, the worst first. Somebody may make thousands of everything, and
// who has done what is said may look again.
const (
	maxPlanned = 64  // suspects, exposed services
	maxRemoved = 256 // files
	maxCopies  = 64  // of one content
)

// planNote stands above the steps.
const planNote = "For one shell of root. A command first looks whether it meets what is meant here, and does nothing where a file, its directory or a pid is another by now: then look again."

// maxPIDs is the most that one kill names.
const maxPIDs = 8

// Plan says what to do about all critical and warning findings, in the order
// that works: evidence first, then what brings a miner back, then the miner,
// its files, and the exposed service that it came in by. What is only a warning may
// be somebody's own program: it is a step for itself, under a condition.
func Plan(r Report) []Step { return r.plan(r.serious()) }

// remedy says what to do about one finding, a sentence a step, by the same planner,
// so that it never says another thing than the plan. It is for those who read one
// finding alone.
func (r *Report) remedy(finding *model.Finding) []string {
	if finding.Severity == model.Info && r.Audience == Full {
		return []string{"Nothing, unless you do not know it."}
	}
	scope := []*model.Finding{finding}
	if finding.Suspect != nil && finding.Suspect.Guardian != nil {
		scope = append(scope, r.startedBy(finding.Suspect.Guardian)...)
	}
	sentences := []string{}
	for _, step := range short(r.plan(scope)) {
		if step.Command == "" {
			sentences = append(sentences, step.Title)
			continue
		}
		sentences = append(sentences, strings.TrimSuffix(step.Title, ".")+": "+strings.ReplaceAll(step.Command, "\n", "; "))
	}
	return sentences
}

// startedBy returns the findings about the line or unit that a guardian is.
func (r *Report) startedBy(g *model.Guardian) []*model.Finding {
	return r.pick(func(f *model.Finding) bool {
		return f.Persistence != nil && g.Path != "" && f.Persistence.Path == g.Path && f.Persistence.Line == g.Line
	})
}

func (r *Report) plan(scope []*model.Finding) []Step { return stepsOf(r.actions(scope)) }

// actions are what to do about findings, in the order that works.
func (r *Report) actions(scope []*model.Finding) []action {
	if r.Audience == Public {
		return nil // the commands say of files and processes what the public is not told
	}
	p := &planner{report: r, scope: scope, stopped: map[int]bool{}, closed: map[string]bool{}, copied: map[string]bool{}}
	suspects := p.first(maxPlanned, p.within(func(f *model.Finding) bool { return f.Suspect != nil }))
	var sure, doubtful []*model.Finding
	for _, finding := range suspects {
		p.keepEvidence(finding)
		if finding.Severity == model.Critical {
			sure = append(sure, finding)
		} else {
			doubtful = append(doubtful, finding)
		}
	}
	entries := fair(p.within(func(f *model.Finding) bool { return f.Persistence != nil }))
	p.disable(entries, model.Critical, phaseStarters)
	p.end(sure, phaseGuardians, phaseStop, phaseRemove)
	p.end(doubtful, phaseDoubtfulGuardians, phaseDoubtfulStop, phaseDoubtfulRemove)
	p.removeFiles()
	p.disable(entries, model.Warning, phaseDoubtfulStarters)
	p.replaceContainers()
	p.closeServices(suspects)
	p.others()
	if p.left > 0 {
		p.about = nil
		p.say(phaseLeft, fmt.Sprintf("Then look again: %s had no room here.", count(p.left, "finding", "findings")), "")
	}
	return p.inOrder()
}

// end stops suspects, what starts them again first, and removes their programs.
func (p *planner) end(suspects []*model.Finding, guardians, stop, remove phase) {
	for _, finding := range suspects {
		p.about = finding
		p.stopGuardian(finding, guardians)
	}
	for _, finding := range suspects {
		p.about = finding
		p.kill(stop, p.living(finding.Suspect))
	}
	for _, finding := range suspects {
		p.about = finding
		p.do(remove, p.removePrograms(finding.Suspect)...)
	}
}

// removeFiles is about files that do not run.
func (p *planner) removeFiles() {
	for _, finding := range p.first(maxRemoved, p.within(func(f *model.Finding) bool { return f.Suspect == nil && f.File != nil })) {
		p.about = finding
		switch remove := removeFile(finding.File.Path, finding.File.ID, finding.File.User); {
		case finding.File.Container != "":
			p.cleanContainer(finding.File)
		case finding.File.KnownMiner:
			p.do(phaseRemove, remove)
			p.actions[len(p.actions)-1].beside = "Remove it."
		case finding.File.Hidden:
			p.do(phaseDoubtfulRemove, remove)
		}
	}
}

// others is about what is no suspect, file, entry or service.
func (p *planner) others() {
	for _, about := range []struct {
		rule  string
		steps []Step
	}{
		{rules.CPUUnattributed, unattributedSteps()},
		{rules.ExporterTampered, tamperedSteps()},
		{rules.AllowListExpired, []Step{{Title: "Decide about the entries of the allow list that have ended: take out what is not needed any more, and give the others a new `until`."}}},
	} {
		if i := slices.IndexFunc(p.scope, func(f *model.Finding) bool { return f.Rule == about.rule }); i >= 0 {
			p.about = p.scope[i]
			for _, step := range about.steps {
				p.say(phaseOthers, step.Title, step.Command)
			}
		}
	}
}

// first returns as many findings, and counts the others.
func (p *planner) first(most int, findings []*model.Finding) []*model.Finding {
	if len(findings) <= most {
		return findings
	}
	p.left += len(findings) - most
	return findings[:most]
}

// within returns the findings of the scope that somebody has to act on.
func (p *planner) within(wanted func(*model.Finding) bool) []*model.Finding {
	var list []*model.Finding
	for _, finding := range p.scope {
		if finding.Severity != model.Info && wanted(finding) {
			list = append(list, finding)
		}
	}
	return list
}

// unattributedSteps are about CPU time that no process that can be seen has used.
func unattributedSteps() []Step {
	return []Step{
		{"Look for mounts that hide processes.", "grep ' /proc/' /proc/self/mountinfo"},
		{"Look for a rootkit. What it hides, only another system can show: boot from one and look at the disk.", "cat -v /etc/ld.so.preload\nlsmod\ndmesg | tail -n 100"},
	}
}

// tamperedSteps are about what was done to the exporter. Whoever may do that is root, or the exporter's own user.
func tamperedSteps() []Step {
	return []Step{
		{"Find out who changed or stopped the exporter. If nobody of yours did, somebody is root here: take the host for broken into.", "last -n 20\nsystemctl status cryptojack_exporter\nsystemctl cat cryptojack_exporter"},
		{Title: "Install the exporter anew from where you trust it, its unit and configuration too, and start it. What runs on this host before that is done is not to be believed."},
	}
}

// shortPlan is the plan without what would fill screens: somebody may make
// thousands of files.
func shortPlan(r Report) []Step { return short(Plan(r)) }

func short(steps []Step) []Step {
	for i := range steps {
		commands := strings.Split(steps[i].Command, "\n")
		if more := len(commands) - maxShown; more > 0 {
			steps[i].Command = strings.Join(commands[:maxShown], "\n") + fmt.Sprintf("\n# and %d more, in the report as JSON", more)
		}
	}
	if more := len(steps) - maxShown; more > 0 {
		steps = append(steps[:maxShown], Step{Title: fmt.Sprintf("And %d more, in the report as JSON.", more)})
	}
	return steps
}

func (p *planner) keepEvidence(finding *model.Finding) {
	p.about = finding
	suspect, process := finding.Suspect, &finding.Suspect.Process
	runs := suspect.Running && p.isInstance(suspect, process.PID)
	if runs && process.Hiding == model.HiddenByMount {
		p.do(phaseUncover, fmt.Sprintf("umount /proc/%d", process.PID))
	}
	switch {
	case runs && process.Hiding != model.HiddenDirectory:
		p.do(phaseEvidence, fmt.Sprintf("cp /proc/%d/exe %s", process.PID, kept(suspect.ID)))
	case onDisk(process):
		p.do(phaseEvidence, keepFile(process, suspect.ID))
	}
}

// stopGuardian ends a guardian: a unit is switched off, a process is killed with
// all instances of its program. Services of the system that only did what they
// were asked to are left alone: what asked them has to be found.
func (p *planner) stopGuardian(finding *model.Finding, in phase) {
	suspect, g := finding.Suspect, finding.Suspect.Guardian
	switch {
	case g == nil, g.Relation == model.RelationCron: // its line is a finding of its own, see disable
	case g.Relation == model.RelationUnit && g.Path == "" && isUsersUnit(suspect.Process.Cgroup): // any user gives a unit of his own any name
	case g.Relation == model.RelationUnit && g.Path != "" && managerOf(g.Path, "") != systemManager: // its file is a finding of its own
	case g.Relation == model.RelationUnit:
		p.do(in, p.disableUnit(g.Unit)...)
	case suspect.Entry != nil && suspect.Entry.PID == g.PID:
		p.closeEntry(phaseCloseFirst, suspect.Entry) // the service itself starts it: close it first
	case g.PID <= 1 || p.stopped[g.PID] || !p.stillRuns(g):
	case isScheduler(g.Exe):
		p.do(in, "grep -rlsF -e "+shellQuote(path.Base(subject(&suspect.Process)))+" /etc/cron* /etc/at* /var/spool/cron /var/spool/at")
	case isInfrastructure(g.Exe):
	default:
		p.stopped[g.PID] = true
		process, _ := p.report.Snapshot.Processes.Process(g.PID)
		processes := []model.Identity{process.Identity}
		for _, other := range p.report.suspects() {
			if slices.Contains(other.Suspect.PIDs, g.PID) {
				processes = append(processes, p.living(other.Suspect)...)
			}
		}
		p.do(in, kill(processes)...)
		stop := &p.actions[len(p.actions)-1]
		stop.beside = "Stop what starts it again: " + text.Label(guardianName(g)) + "."
		if guardians := guardiansOf(finding, p.scope); len(guardians) > 0 {
			stop.about, stop.beside = guardians[0], "Stop it first: it starts "+text.Label(subject(&suspect.Process))+" again."
		}
	}
}

// stillRuns guards against a pid that belongs to somebody else by now: what is
// known of a guardian outlives it.
func (p *planner) stillRuns(g *model.Guardian) bool {
	now, found := p.report.Snapshot.Processes.Process(g.PID)
	return found && now.Exe == g.Exe && (g.Exe != "" || now.Comm == g.Comm)
}

// isInstance guards against a pid that has ended, or is somebody else's, since the
// findings were made.
func (p *planner) isInstance(suspect *model.Suspect, pid int) bool {
	now, found := p.report.Snapshot.Processes.Process(pid)
	return found && (now.Identity == suspect.Process.Identity || now.Suspect() == suspect.ID)
}

// living returns the processes of a suspect that still run and that no step has stopped
// yet. A service of the system that was abused is not stopped, see removeProgram.
func (p *planner) living(suspect *model.Suspect) []model.Identity {
	if !suspect.Running || isScheduler(suspect.Process.Exe) || isInfrastructure(suspect.Process.Exe) {
		return nil
	}
	pids := suspect.PIDs
	if len(pids) == 0 {
		pids = []int{suspect.Process.PID}
	}
	var left []model.Identity
	for _, pid := range pids {
		if pid > 1 && !p.stopped[pid] && p.isInstance(suspect, pid) {
			p.stopped[pid] = true
			process, _ := p.report.Snapshot.Processes.Process(pid)
			left = append(left, process.Identity)
		}
	}
	return left
}

// onDisk tells whether Exe is a file of the host's own that still has its name.
func onDisk(process *model.Process) bool {
	return strings.HasPrefix(process.Exe, "/") && process.ExeSource == "" && !process.ExeDeleted && process.Origin != model.OriginMemfd &&
		!isContained(process)
}

// closeServices comes last: the services that suspects came in by, then the others.
func (p *planner) closeServices(suspects []*model.Finding) {
	for _, finding := range suspects {
		p.about = finding
		if finding.Suspect.Entry != nil {
			p.closeEntry(phaseClose, finding.Suspect.Entry)
		}
	}
	for _, finding := range p.first(maxPlanned, p.within(func(f *model.Finding) bool { return f.Suspect == nil && f.Exposure != nil })) {
		p.about = finding
		p.closeService(phaseClose, "Close the exposed service", text.Label(finding.Exposure.App), finding.Exposure.Endpoints[0], finding.Exposure.Remedy)
	}
}

func (p *planner) closeEntry(in phase, e *model.Entry) {
	remedy, where, suspect := "", endpoint(e.Address, e.Port), p.about
	service := suspect // where there is no finding about it
	for _, finding := range p.report.pick(func(f *model.Finding) bool { return f.Exposure != nil }) {
		if exposure := finding.Exposure; exposure.Socket.Owner.PID == e.PID && exposure.Socket.Port == e.Port || slices.Contains(exposure.Endpoints, where) {
			where, remedy = exposure.Endpoints[0], exposure.Remedy
			if finding.Severity != model.Info {
				service = finding
			}
		}
	}
	if in == phaseClose {
		p.about = service // it is said where the service is shown
	}
	if p.closeService(in, "Close the service that it came in by", entryName(e), where, remedy) {
		p.actions[len(p.actions)-1].also = service
	}
	p.about = suspect
}

func (p *planner) closeService(in phase, what, app, where, remedy string) (said bool) {
	if p.closed[where] {
		return false
	}
	p.closed[where] = true
	if remedy == "" {
		remedy = "Let it listen on 127.0.0.1 only, or ask for a password."
	}
	p.say(in, fmt.Sprintf("%s: %s on %s. %s", what, app, where, text.Escape(remedy)), "")
	return true
}

func isScheduler(exe string) bool {
	return isSystemProgram(exe, "cron", "crond", "anacron", "atd")
}

// isInfrastructure holds for programs whose end would cut people off, or that
// come back by themselves.
func isInfrastructure(exe string) bool {
	return isSystemProgram(exe, "systemd", "sshd", "sshd-session", "dockerd", "containerd", "containerd-shim", "containerd-shim-runc-v2", "conmon", "crio", "kubelet")
}

// isInfrastructureUnit is isInfrastructure and isScheduler for the units of such
// programs.
func isInfrastructureUnit(unit string) bool {
	name := strings.TrimSuffix(unit, path.Ext(unit))
	name, _, _ = strings.Cut(name, "@")
	return strings.HasPrefix(name, "systemd-") ||
		slices.Contains([]string{"ssh", "sshd", "cron", "crond", "anacron", "atd", "docker", "containerd", "crio", "kubelet", "dbus", "init"}, name)
}

func isSystemProgram(exe string, names ...string) bool {
	origin, _ := place.Origin(exe, false)
	return origin == model.OriginSystem && slices.Contains(names, path.Base(exe))
}

// appendNew appends what list does not hold yet.
func appendNew(list []string, more ...string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

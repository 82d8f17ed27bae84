// Package report shows findings to people and their tools: as text on a
// terminal, as JSON and as a status page. It only formats: nothing is read from
// the host and nothing is changed on it.
package report

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// The exit codes of a scan, in the convention of Nagios plugins.
const (
	exitOK = iota
	exitWarning
	exitCritical
	exitUnknown
)

// Report is what is known at one moment.
type Report struct {
	Audience Audience        // whoever is not told to be anybody else is the public
	Findings *model.Findings // nil before the first sample
	History  []model.Ended   // findings that are over, the last first

	HistoryNote string // why some of History may be missing after a restart, sentences; ""

	Snapshot model.Snapshot
	Hostname string
	Version  string
	Now      time.Time
	Watched  time.Duration // how long a scan has looked; 0 on the status page
	Blind    []string      // sentences on what could not be seen
}

// verdict is the answer in one word.
type verdict string

const (
	verdictCritical verdict = "critical"
	verdictWarning  verdict = "warning"
	verdictOK       verdict = "ok"
	verdictUnknown  verdict = "unknown"
)

// ExitCode returns 0 if nothing or only notes were found, 1 after a warning, 2 after a
// critical finding and 3 if no process could be looked at, or nothing was found and most
// processes were out of sight.
func ExitCode(r Report) int {
	switch r.verdict() {
	case verdictCritical:
		return exitCritical
	case verdictWarning:
		return exitWarning
	case verdictOK:
		return exitOK
	default:
		return exitUnknown
	}
}

func (r *Report) verdict() verdict {
	if r.Findings == nil || r.Snapshot.Processes == nil || len(r.Snapshot.Processes.Processes) == 0 {
		return verdictUnknown
	}
	switch r.Findings.Verdict() {
	case model.Critical:
		return verdictCritical
	case model.Warning:
		return verdictWarning
	}
	if r.seesLittle() != "" {
		return verdictUnknown // nothing was found, and little was looked at
	}
	return verdictOK
}

// seesLittle says why most processes are out of sight, or nothing if they are not.
func (r *Report) seesLittle() string {
	if s := r.Snapshot.Self; s != nil && s.Contained {
		return "the processes of the host cannot be seen from this container"
	}
	for _, share := range r.aspects() {
		missing := share.Total - share.Readable
		if (share.Aspect == model.AspectStat || share.Aspect == model.AspectExe) && 2*missing > share.Total {
			return fmt.Sprintf("%d of %d processes cannot be seen; run it as root", missing, share.Total)
		}
	}
	return ""
}

// Headline is the verdict in one word, and with it as a sentence of one line.
func Headline(r Report) (word, sentence string) {
	return string(r.verdict()), strings.ToUpper(string(r.verdict())) + ": " + r.headline()
}

// headline is the verdict as a sentence, without the verdict's own word.
func (r *Report) headline() string {
	switch r.verdict() {
	case verdictCritical:
		return r.criticalHeadline()
	case verdictWarning:
		return text.Escape(r.serious()[0].Title)
	case verdictOK:
		sentence := "nothing suspicious found on " + text.Label(r.Hostname) + " (" + strings.Join(r.lookedAt(), ", ") + ")"
		if len(r.blindness()) > 0 {
			sentence += "; not everything could be seen, see below"
		}
		return sentence
	default:
		return r.unknownHeadline()
	}
}

// criticalHeadline names the miner that burns most, rather than its guardian.
func (r *Report) criticalHeadline() string {
	var worst *model.Finding
	for _, finding := range r.serious() {
		if finding.Severity != model.Critical || finding.Suspect == nil || rules.OnlyGuards(finding.Suspect) {
			continue
		}
		if worst == nil || r.cores(finding.Suspect) > r.cores(worst.Suspect) {
			worst = finding
		}
	}
	if worst == nil {
		return text.Escape(r.serious()[0].Title)
	}
	suspect := worst.Suspect
	p := &suspect.Process
	if !suspect.Running {
		return fmt.Sprintf("a miner was here: %s (user %s) does not run now%s", text.Label(subject(p)), text.Label(p.User), keptAlive(suspect))
	}
	use := ""
	if cores := r.cores(suspect); cores >= 0.05 {
		use = ", " + coresText(cores)
	}
	return fmt.Sprintf("a miner runs here: %s (pid %d, user %s%s%s)%s", text.Label(subject(p)), p.PID, text.Label(p.User), rules.InContainer(p.Container), use, keptAlive(suspect))
}

func keptAlive(suspect *model.Suspect) string {
	g := suspect.Guardian
	switch {
	case g == nil:
		return ""
	case g.Relation == model.RelationUnit:
		return ", kept alive by the unit " + text.Label(g.Unit)
	case g.Line > 0:
		return fmt.Sprintf(", kept alive by line %d of %s", g.Line, text.Label(g.Path))
	case g.PID == 0:
		return ", kept alive by " + text.Label(guardianName(g))
	default:
		return fmt.Sprintf(", kept alive by %s (pid %d)", text.Label(guardianName(g)), g.PID)
	}
}

func (r *Report) unknownHeadline() string {
	switch {
	case r.Findings == nil:
		return "nothing was looked at yet: the first sample is not finished"
	case r.Snapshot.Processes == nil:
		return "no process was looked at: the process collector is off, or its first sample is not finished"
	case len(r.Snapshot.Processes.Processes) > 0:
		return "nothing suspicious found, but " + r.seesLittle()
	default:
		return "no process can be seen: is --path.procfs the /proc of the host?"
	}
}

// lookedAt counts what the verdict rests on.
func (r *Report) lookedAt() []string {
	var parts []string
	if s := r.Snapshot.Processes; s != nil {
		parts = append(parts, count(len(s.Processes), "process", "processes"))
	}
	if s := r.Snapshot.Files; s != nil {
		parts = append(parts, count(len(s.Directories), "directory", "directories"))
	}
	if s := r.Snapshot.Sockets; s != nil {
		parts = append(parts, count(len(s.Sockets), "listening socket", "listening sockets"))
	}
	if r.Watched > 0 {
		parts = append(parts, fmt.Sprintf("looked at for %.0f s", r.Watched.Seconds()))
	}
	return parts
}

// blindness is Blind with the sensors that gave nothing and the directories
// that were too large to be searched to the end.
func (r *Report) blindness() []string {
	sentences := make([]string, 0, len(r.Blind)+3)
	for _, sentence := range r.Blind {
		sentences = append(sentences, text.Escape(sentence))
	}
	if s := r.Snapshot.Self; s != nil {
		sentences = append(append(sentences, s.Lacks...), r.gaps(s)...)
	}
	if r.Findings == nil {
		return sentences
	}
	sentences = append(sentences, r.sources()...)
	if r.Snapshot.Processes == nil {
		sentences = append(sentences, "No process was looked at: the collector is off, or its first sample is not finished.")
	}
	if r.Snapshot.Sockets == nil {
		sentences = append(sentences, "No socket was looked at: the collector is off, or its first sample is not finished.")
	}
	sentences = append(sentences, r.unknownExposure()...)
	if r.Snapshot.Persistence == nil {
		sentences = append(sentences, "Crontabs, units and the like were not looked at: the collector is off, or its first sample is not finished.")
	}
	if r.Snapshot.Files == nil {
		return append(sentences, "No directory was looked at: the collector is off, or its first sample is not finished.")
	}
	var truncated []string
	for directory, cut := range r.Snapshot.Files.Truncated {
		if cut {
			truncated = append(truncated, text.Label(directory))
		}
	}
	sort.Strings(truncated)
	for _, directory := range truncated {
		sentences = append(sentences, directory+" was not searched to the end yet: it holds much.")
	}
	return sentences
}

// unknownExposure says why it is not known of services that were found whether others
// get in.
func (r *Report) unknownExposure() []string {
	var sentences []string
	exposed := func(matches func(*model.Exposure) bool) bool {
		return slices.ContainsFunc(r.Findings.Exposures, func(e model.Exposure) bool { return matches(&e) })
	}
	if s := r.Snapshot.Sockets; s != nil && s.ForwardingUnknown != "" && exposed(func(e *model.Exposure) bool { return e.Forwarded == model.ForwardedUnknown }) {
		sentences = append(sentences, text.Escape(s.ForwardingUnknown))
	}
	switch s := r.Snapshot.Services; {
	case s == nil:
		sentences = append(sentences, "No service was asked whether it wants a password: the collector is off, or its first sample is not finished.")
	case !s.Probing && exposed(func(e *model.Exposure) bool { return e.Auth == model.AuthUnknown }):
		sentences = append(sentences, "No service was asked whether it wants a password: the configuration says `probe: false`.")
	}
	return sentences
}

// serious returns the findings that somebody has to act on, worst first.
func (r *Report) serious() []*model.Finding {
	return r.pick(func(f *model.Finding) bool { return f.Severity != model.Info })
}

func (r *Report) suspects() []*model.Finding {
	return r.pick(func(f *model.Finding) bool { return f.Severity != model.Info && f.Suspect != nil })
}

func (r *Report) files() []*model.Finding {
	return r.pick(func(f *model.Finding) bool { return f.Severity != model.Info && f.Suspect == nil && f.File != nil })
}

func (r *Report) exposedServices() []*model.Finding {
	return r.pick(func(f *model.Finding) bool { return f.Severity != model.Info && f.Suspect == nil && f.Exposure != nil })
}

func (r *Report) entries() []*model.Finding {
	return fair(r.pick(func(f *model.Finding) bool { return f.Severity != model.Info && f.Persistence != nil }))
}

func (r *Report) others() []*model.Finding {
	return r.pick(func(f *model.Finding) bool {
		return f.Severity != model.Info && f.Suspect == nil && f.File == nil && f.Exposure == nil && f.Persistence == nil
	})
}

// notes are the findings that nobody has to act on.
func (r *Report) notes() []*model.Finding {
	return r.pick(func(f *model.Finding) bool { return f.Severity == model.Info })
}

func (r *Report) pick(wanted func(*model.Finding) bool) []*model.Finding {
	if r.Findings == nil {
		return nil
	}
	var list []*model.Finding
	for i := range r.Findings.Active {
		if finding := &r.Findings.Active[i]; wanted(finding) {
			list = append(list, finding)
		}
	}
	return list
}

// cores is the CPU use of all instances of a suspect.
func (r *Report) cores(suspect *model.Suspect) float64 {
	sum, found := 0.0, false
	for _, pid := range suspect.PIDs {
		if p, running := r.Snapshot.Processes.Process(pid); running && p.Suspect() == suspect.ID {
			sum += p.Cores
			found = true
		}
	}
	if !found && suspect.Running {
		sum = suspect.Process.Cores
	}
	return finite(sum)
}

// finite replaces what neither people nor JSON can read.
func finite(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

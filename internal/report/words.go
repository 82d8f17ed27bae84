package report

import (
	"fmt"
	"net"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/secrets"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// maxCommandLine is the most that is shown of a command line, in characters.
const maxCommandLine = 300

// fact is one line about a suspect, escaped.
type fact struct {
	Name, Value string
}

// facts lists what is known of a suspect. What is unknown is left out.
func (r *Report) facts(finding *model.Finding) []fact {
	suspect := finding.Suspect
	p := &suspect.Process
	var list []fact
	add := func(name, value string) {
		if value != "" {
			list = append(list, fact{name, value})
		}
	}
	add("pid", pidsText(suspect))
	add("path", pathText(p))
	add("sha256", shortHash(p.SHA256))
	add("package", packageText(&suspect.Package))
	add("user", text.Escape(p.User))
	add("unit", text.Escape(p.Unit))
	add("container", containerText(p.Container, p.ContainerID))
	add("cgroup", text.Escape(p.Cgroup))
	add("started", r.moment(p.Started))
	add("CPU", r.cpuText(suspect))
	if suspect.Running && p.RSSBytes > 0 {
		add("memory", bytesText(p.RSSBytes))
	}
	if respawns := suspect.Respawns + suspect.RespawnsBefore; respawns > 0 {
		add("respawns", strconv.FormatUint(respawns, 10))
	}
	add("first seen", r.moment(finding.FirstSeen))
	if finding.Exemption != "" {
		add("lowered", text.Escape(finding.Exempted))
	}
	add("kept alive by", guardianText(suspect.Guardian))
	add("came in by", entryText(suspect.Entry))
	return list
}

func pidsText(suspect *model.Suspect) string {
	if !suspect.Running {
		return fmt.Sprintf("none now, last %d", suspect.Process.PID)
	}
	pids := suspect.PIDs
	if len(pids) == 0 {
		pids = []int{suspect.Process.PID}
	}
	words := joinPIDs(pids)
	if more := suspect.Instances - len(pids); more > 0 {
		words += fmt.Sprintf(" and %d more", more)
	}
	return words
}

func joinPIDs(pids []int) string {
	words := make([]string, 0, len(pids))
	for _, pid := range pids {
		words = append(words, strconv.Itoa(pid))
	}
	return strings.Join(words, " ")
}

func pathText(p *model.Process) string {
	if p.Exe == "" {
		return ""
	}
	if p.ExeDeleted {
		return text.Escape(p.Exe) + " (deleted)"
	}
	return text.Escape(p.Exe)
}

func (r *Report) cpuText(suspect *model.Suspect) string {
	var parts []string
	if suspect.Running {
		parts = append(parts, coresText(r.cores(suspect))+" now")
	}
	if seconds := finite(suspect.CPUSeconds); seconds > 0 {
		parts = append(parts, fmt.Sprintf("%.0f s in all", seconds))
	}
	return strings.Join(parts, ", ")
}

func coresText(cores float64) string {
	if fmt.Sprintf("%.1f", cores) == "1.0" {
		return "1.0 core"
	}
	return fmt.Sprintf("%.1f cores", cores)
}

func guardianText(g *model.Guardian) string {
	if g == nil {
		return ""
	}
	var details []string
	if g.PID != 0 {
		details = append(details, fmt.Sprintf("pid %d", g.PID))
	}
	if g.User != "" {
		details = append(details, "user "+text.Escape(g.User))
	}
	words := text.Escape(guardianName(g))
	if g.Line > 0 {
		words = fmt.Sprintf("line %d of %s", g.Line, words)
	}
	if g.Relation == model.RelationUnit {
		words = "the unit " + text.Escape(g.Unit)
		details = []string{"through " + text.Escape(guardianName(g))}
	}
	if len(details) > 0 {
		words += " (" + strings.Join(details, ", ") + ")"
	}
	switch g.Relation {
	case model.RelationParent:
		words += ", its parent"
	case model.RelationAncestor:
		words += ", one of its ancestors"
	case model.RelationCgroup:
		words += ", in the same cgroup"
	}
	switch {
	case g.Starts == 1:
		words += ", started it once"
	case g.Starts > 1:
		words += fmt.Sprintf(", started it %d times", g.Starts)
	}
	return words
}

func guardianName(g *model.Guardian) string {
	if g.Exe != "" {
		return g.Exe
	}
	return g.Comm
}

func entryText(e *model.Entry) string {
	if e == nil {
		return ""
	}
	state := ""
	if !e.Alive {
		state = ", ended since"
	}
	return fmt.Sprintf("%s on %s (%s, pid %d%s)", entryName(e), endpoint(e.Address, e.Port), text.Label(e.Process), e.PID, state)
}

func entryName(e *model.Entry) string {
	if e.App != "" {
		return text.Label(e.App)
	}
	return text.Label(e.Process)
}

// chain tells who started whom, from the exposed service (or the top) to the suspect.
func chain(suspect *model.Suspect) []string {
	ancestors := suspect.Process.Ancestors
	if len(ancestors) == 0 {
		return nil
	}
	outermost := len(ancestors) - 1
	if suspect.Entry != nil {
		for i := range ancestors {
			if ancestors[i].PID == suspect.Entry.PID {
				outermost = i
				break
			}
		}
	}
	var links []string
	for i := outermost; i >= 0; i-- {
		a := &ancestors[i]
		if a.PID == 1 && i > 0 {
			continue // everything descends from it
		}
		link := baseName(a.Exe, a.Comm)
		if e := suspect.Entry; e != nil && e.PID == a.PID {
			app := ""
			if e.App != "" {
				app = text.Label(e.App) + " "
			}
			link += fmt.Sprintf(" (pid %d, %s%s)", a.PID, app, endpoint(e.Address, e.Port))
		}
		links = append(links, link)
	}
	return append(links, baseName(suspect.Process.Exe, suspect.Process.Comm))
}

// ancestry tells of each link of the chain above a suspect who it was and when it
// began, the nearest first.
func ancestry(suspect *model.Suspect) []string {
	var links []string
	for i := range suspect.Process.Ancestors {
		a := &suspect.Process.Ancestors[i]
		if a.PID == 1 {
			break // everything descends from it
		}
		link := fmt.Sprintf("%s (pid %d, user %s), since %s", baseName(a.Exe, a.Comm), a.PID, text.Label(a.User), timeText(a.Started))
		if !a.Alive {
			link += ", has ended"
		}
		links = append(links, link)
		if e := suspect.Entry; e != nil && e.PID == a.PID {
			break
		}
	}
	return links
}

func baseName(exe, comm string) string {
	if exe == "" {
		return text.Label(comm)
	}
	return text.Label(path.Base(exe))
}

// commandLine is for the scan only: what looks like a secret is masked, and what does not may be one.
func commandLine(argv []string) string {
	runes := []rune(text.Escape(strings.Join(secrets.Arguments(argv), " ")))
	if len(runes) > maxCommandLine {
		return string(runes[:maxCommandLine-3]) + "..."
	}
	return string(runes)
}

// subject is what a person calls a process.
func subject(p *model.Process) string {
	if p.Exe != "" {
		return p.Exe
	}
	return p.Comm
}

func shortHash(sha256 string) string {
	return text.Escape(sha256[:min(12, len(sha256))])
}

func endpoint(address string, port uint16) string {
	return net.JoinHostPort(text.Label(address), strconv.Itoa(int(port)))
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (r *Report) moment(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s (%s ago)", timeText(at), span(r.Now.Sub(at)))
}

func timeText(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }

func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	default:
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	}
}

func bytesText(n uint64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	default:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
}

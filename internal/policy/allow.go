package policy

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// Allow is an entry of the user's allow list. Every field that is set must match; one
// with nothing to match matches nothing. It is about processes of the host unless
// Containers, or what names a container, says otherwise.
type Allow struct {
	Path       string // glob over the path of the executable, or of the script that an interpreter runs; see matchPath
	SHA256     string // 64 hex, of the executable
	User       string // name, or the number of one without; users of containers are numbers
	Unit       string // of the system's manager, unless User is set too: see matchesUnit
	Container  string // at least 12 digits of its id, or a glob over its name
	Image      string // glob over the image of a container, as whoever started it wrote it; see matchPath
	Namespace  string // glob over a pod's namespace in Kubernetes
	Pod        string // glob over its name
	Cgroup     string // glob over the whole path; see matchPath
	Containers bool   // it is about processes of containers too

	Reason string    // for people
	Until  time.Time // it lowers nothing from then on; zero for no end
	Line   int       // of the configuration file, from 1; 0 if unknown
	File   string    // that file, where the configuration has several; "" else
}

// LineOf is a line of the configuration, for people; the file is named where there are several.
func LineOf(file string, line int) string {
	if file == "" {
		return fmt.Sprintf("line %d", line)
	}
	return fmt.Sprintf("line %d of %s", line, text.Escape(file))
}

// Place is the line of the configuration that the entry stands on, at the beginning of a sentence; "" if unknown.
func (a *Allow) Place() string {
	if a.Line == 0 {
		return ""
	}
	return fmt.Sprintf("Line %d of %s", a.Line, cmp.Or(text.Escape(a.File), "the configuration"))
}

// names tells whether the entry has anything to match.
func (a *Allow) names() bool {
	return a.Path != "" || a.SHA256 != "" || a.User != "" || a.Unit != "" || a.Cgroup != "" || a.NamesContainer()
}

// NamesContainer tells whether the entry is about certain containers, which implies Containers.
func (a *Allow) NamesContainer() bool {
	return a.Container != "" || a.Image != "" || a.Namespace != "" || a.Pod != ""
}

// Matches tells whether the entry names the process, whether it has ended or not.
func (a *Allow) Matches(p *model.Process) bool {
	inContainer := p.Isolation == model.IsolationContainer || p.ContainerID != ""
	switch {
	case !a.names(), inContainer && !a.Containers && !a.NamesContainer():
		return false
	case a.User != "" && a.User != p.User, a.SHA256 != "" && !strings.EqualFold(a.SHA256, p.SHA256):
		return false
	case a.Unit != "" && !a.matchesUnit(p), a.NamesContainer() && !a.matchesContainer(p.Container):
		return false
	case a.Cgroup != "" && !matchPath(a.Cgroup, p.Cgroup):
		return false
	default:
		return a.Path == "" || matchPath(a.Path, p.PathOnHost()) || p.Script != "" && matchPath(a.Path, p.Script)
	}
}

// matchesUnit compares the unit. Whoever has a service manager or a cgroup of his own
// names the units in it as he likes, so that without a user only the outermost counts,
// which is the system's own.
func (a *Allow) matchesUnit(p *model.Process) bool {
	return a.Unit == p.Unit && (a.User != "" || a.Unit == outermostUnit(p.Cgroup))
}

// outermostUnit returns the first service or scope of a cgroup path, or "".
func outermostUnit(cgroup string) string {
	for element := range strings.SplitSeq(cgroup, "/") {
		if strings.HasSuffix(element, ".service") || strings.HasSuffix(element, ".scope") {
			return element
		}
	}
	return ""
}

// MatchesEntry tells whether the entry names a file that starts programs.
func (a *Allow) MatchesEntry(entry *model.PersistenceEntry) bool {
	if a.Path == "" || a.SHA256 != "" || a.Cgroup != "" || a.NamesContainer() {
		return false
	}
	return (a.User == "" || a.User == entry.User) && (a.Unit == "" || a.Unit == entry.Unit) && matchPath(a.Path, entry.Path)
}

// matchPath is path.Match, in which `*` does not match `/`; `/**` at the end stands for
// everything below.
func matchPath(glob, name string) bool {
	directory, below := strings.CutSuffix(glob, "/**")
	if !below {
		ok, err := path.Match(glob, name)
		return ok && err == nil
	}
	cut := 0
	for range strings.Count(directory, "/") + 1 {
		next := strings.IndexByte(name[cut:], '/')
		if next < 0 {
			return false
		}
		cut += next + 1
	}
	ok, err := path.Match(directory, name[:cut-1])
	return ok && err == nil && cut < len(name)
}

// matchesContainer compares what is known of a container. A user gives the containers of runtimes of his own
// any name and id, so that these count only where the entry says in which cgroup: that is his too.
func (a *Allow) matchesContainer(c *model.Container) bool {
	switch {
	case c == nil, !c.HostRuntime && a.Cgroup == "":
		return false
	case a.Container != "" && !isContainer(a.Container, c):
		return false
	}
	for _, pair := range [][2]string{{a.Image, c.Image}, {a.Namespace, c.KubeNamespace}, {a.Pod, c.KubePod}} {
		if glob, name := pair[0], pair[1]; glob != "" && (name == "" || !matchPath(glob, name)) {
			return false
		}
	}
	return true
}

// leastDigits is how many digits of an id make it one: fewer may be a name, as db and cafe.
const leastDigits = 12

func isContainer(wanted string, c *model.Container) bool {
	if len(wanted) >= leastDigits && strings.Trim(wanted, "0123456789abcdef") == "" && strings.HasPrefix(c.ID, wanted) {
		return true
	}
	return c.Name != "" && matchPath(wanted, c.Name)
}

// Why says to people that the entry lowers something.
func (a *Allow) Why() string {
	words := "it is on the allow list of the configuration"
	if a.Line > 0 {
		words += " (" + LineOf(a.File, a.Line) + ")"
	}
	if a.Reason != "" {
		words += ": " + text.Escape(a.Reason)
	}
	return words
}

// Field is what an entry matches by one name of the configuration.
type Field struct{ Name, Value string }

// Fields are those that are set, in the order in which they are shown.
func (a *Allow) Fields() []Field {
	all := []Field{
		{"path", a.Path},
		{"sha256", a.SHA256},
		{"user", a.User},
		{"unit", a.Unit},
		{"container", a.Container},
		{"image", a.Image},
		{"namespace", a.Namespace},
		{"pod", a.Pod},
		{"cgroup", a.Cgroup},
	}
	return slices.DeleteFunc(all, func(f Field) bool { return f.Value == "" })
}

// String says what the entry matches, fit to be shown.
func (a *Allow) String() string {
	var words []string
	for _, field := range a.Fields() {
		words = append(words, field.Name+" "+text.Label(field.Value))
	}
	if a.Containers {
		words = append(words, "also in containers")
	}
	return strings.Join(words, ", ")
}

// Ended tells whether the entry lowers nothing any more.
func (a *Allow) Ended(now time.Time) bool { return !a.Until.IsZero() && !now.Before(a.Until) }

// End says when the entry ends or has ended, or "".
func (a *Allow) End() string {
	switch end := a.Until.UTC(); {
	case a.Until.IsZero():
		return ""
	case end.Equal(end.Truncate(24 * time.Hour)): // counted from year 1, 0 h UTC
		return "at the end of " + end.AddDate(0, 0, -1).Format(time.DateOnly) + " (UTC)"
	default:
		return "at " + end.Format("2006-01-02 15:04:05 MST")
	}
}

// InForce are the entries that have not ended.
func InForce(list []Allow, now time.Time) []Allow {
	if !slices.ContainsFunc(list, func(a Allow) bool { return a.Ended(now) }) {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(a Allow) bool { return a.Ended(now) })
}

// Allowed returns the entry of a list that names a process, or nil.
func Allowed(list []Allow, p *model.Process) *Allow {
	for i := range list {
		if list[i].Matches(p) {
			return &list[i]
		}
	}
	return nil
}

// AllAllowed tells whether a list names every instance of a program: another user's
// copy of what one user may run is not lowered with it.
func AllAllowed(list []Allow, instances []*model.Process) bool {
	return !slices.ContainsFunc(instances, func(p *model.Process) bool { return Allowed(list, p) == nil })
}

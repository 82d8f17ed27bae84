package assets

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

// defaultRunbooks is where the runbooks of this project lie.
const defaultRunbooks = "https://github.com/cryptojack-exporter/cryptojack_exporter/blob/main/alerts/runbooks/{alert}.md"

// House is what differs from one house to the next. Its zero value writes the files as
// they lie in the repository.
//
// Its methods are the marks, between <% and %>, of the sources in alerts/source. A mark
// stands where the text of a house may be put in, so that no query has to be parsed.
type House struct {
	Job          string            // a regular expression for the job of the exporters, or "": any
	RunbookURL   string            // a template of an address, with {alert} or %s for the alert's name, or "": this project's
	DashboardURL string            // the address of Grafana, or "": alerts name no dashboard
	ClusterLabel string            // the label that tells clusters apart, or "": there is one
	Severities   map[string]string // our severities, and what they are called
}

// Severities are those of the alert rules, the worst first.
func Severities() []string { return []string{"critical", "warning", "info"} }

// What is put in stands in YAML, in PromQL and in templates of Go, between quotes of
// either kind. These let through nothing that means something there.
var (
	safeJob      = regexp.MustCompile(`^[A-Za-z0-9_.:/*+?|()\[\]^$@,-]+$`)
	safeLabel    = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	safeSeverity = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	safeURL      = regexp.MustCompile(`^https?://[A-Za-z0-9_.:/?#\[\]@!$&()*+,;=~%{}-]+$`)
	labelInURL   = regexp.MustCompile(`\{\{ *\$labels\.[a-zA-Z_][a-zA-Z0-9_]*( *\| *urlquery)? *\}\}`)
)

// ourLabels cannot tell clusters apart: rules, metrics and targets have them already.
func ourLabels() []string {
	return []string{
		"alertname", "alertstate", "app", "aspect", "auth", "collector", "comm", "component", "container_id", "cryptojack_host", "directory",
		"event", "exe", "host", "instance", "isolation", "job", "kind", "match", "origin", "path", "port", "process", "protocol", "reason",
		"relation", "rule", "scope", "sensor", "severity", "sign", "source", "state", "suspect", "table", "unit", "user",
	}
}

// Check tells what cannot be put in.
func (h House) Check() error {
	var mistakes []error
	complain := func(format string, arguments ...any) { mistakes = append(mistakes, fmt.Errorf(format, arguments...)) }
	if h.Job != "" {
		if _, err := regexp.Compile(h.Job); err != nil {
			complain("--job: %w", err)
		} else if !safeJob.MatchString(h.Job) {
			complain("--job=%q may have letters, digits and _.:/*+?|()[]^$@,- only: write [.] for a dot", h.Job)
		}
	}
	if h.RunbookURL != "" {
		if !strings.Contains(h.RunbookURL, "{alert}") && !strings.Contains(h.RunbookURL, "%s") {
			complain("--runbook-url=%q does not say where the alert's name goes: put {alert} or %%s there", h.RunbookURL)
		} else if !isSafeURL(labelInURL.ReplaceAllLiteralString(h.RunbookURL, "x")) {
			complain("--runbook-url=%q is no address of http or https that can be written into a rule; of templates it may have {{ $labels.instance }} and other labels", h.RunbookURL)
		}
	}
	if h.DashboardURL != "" && (!isSafeURL(h.DashboardURL) || strings.ContainsAny(h.DashboardURL, "?#")) {
		complain("--dashboard-url=%q is no address of a Grafana, such as https://grafana.example.org", h.DashboardURL)
	}
	if h.ClusterLabel != "" {
		switch {
		case !safeLabel.MatchString(h.ClusterLabel) || strings.HasPrefix(h.ClusterLabel, "__"):
			complain("--cluster-label=%q is no name of a label", h.ClusterLabel)
		case slices.Contains(ourLabels(), h.ClusterLabel):
			complain("--cluster-label=%q is a label that the metrics have for something else", h.ClusterLabel)
		}
	}
	for _, ours := range slices.Sorted(maps.Keys(h.Severities)) {
		switch theirs := h.Severities[ours]; {
		case !slices.Contains(Severities(), ours):
			complain("--severity %s=%s: there is no severity %q, only %s", ours, theirs, ours, strings.Join(Severities(), ", "))
		case !safeSeverity.MatchString(theirs):
			complain("--severity %s=%s: a name may have letters, digits and _.- only", ours, theirs)
		}
	}
	names := map[string]string{}
	for _, ours := range Severities() {
		if other, taken := names[h.Severity(ours)]; taken {
			complain("--severity: %s and %s are both called %q: alerts of one name would be told apart no more", other, ours, h.Severity(ours))
		}
		names[h.Severity(ours)] = ours
	}
	return errors.Join(mistakes...)
}

func isSafeURL(url string) bool { return safeURL.MatchString(url) && !strings.Contains(url, "{{") }

// Render puts the house into the marks of every file below a folder.
func (h House) Render(files fs.FS, folder string) (map[string][]byte, error) {
	if err := h.Check(); err != nil {
		return nil, err
	}
	from, err := fs.Sub(files, folder)
	if err != nil {
		return nil, err
	}
	rendered := map[string][]byte{}
	err = fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		source, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		marks, err := template.New(name).Delims("<%", "%>").Parse(string(source))
		if err != nil {
			return err
		}
		var out bytes.Buffer
		if err := marks.Execute(&out, h); err != nil {
			return err
		}
		rendered[name] = out.Bytes()
		return nil
	})
	return rendered, err
}

// Severity is what one of ours is called.
func (h House) Severity(ours string) string {
	if theirs, ok := h.Severities[ours]; ok {
		return theirs
	}
	return ours
}

// SeverityValue is that as a value of YAML.
func (h House) SeverityValue(ours string) string {
	if theirs := h.Severity(ours); theirs != ours {
		return "'" + theirs + "'" // 1, null and yes are no text otherwise
	}
	return ours
}

// JobMatcher goes behind the other matchers of a selector, in double quotes.
func (h House) JobMatcher() string { return h.matcher(`,job=~"`, `"`) }

// JobInText is that inside of a string in double quotes.
func (h House) JobInText() string { return h.matcher(`,job=~'`, `'`) }

// JobSelector goes behind a name that has no other matcher.
func (h House) JobSelector() string { return h.matcher(`{job=~"`, `"}`) }

func (h House) matcher(before, after string) string {
	if h.Job == "" {
		return ""
	}
	return before + h.Job + after
}

// Cluster goes behind the labels that tell hosts apart, in `by` and `on`.
func (h House) Cluster() string {
	if h.ClusterLabel == "" {
		return ""
	}
	return ", " + h.ClusterLabel
}

// Where makes the matchers of the host that an alert is about, for the questions of
// its text. An alert without the label is about series without it.
func (h House) Where() string {
	if h.ClusterLabel == "" {
		return `printf "instance='%s',job='%s'" $labels.instance $labels.job`
	}
	return `printf "instance='%s',job='%s',` + h.ClusterLabel + `='%s'" $labels.instance $labels.job $labels.` + h.ClusterLabel
}

// Host names the host that an alert is about.
func (h House) Host() string { return h.hostOf("$labels") }

// EachHost names the host of a series in an alert's text.
func (h House) EachHost() string { return h.hostOf(".Labels") }

func (h House) hostOf(labels string) string {
	host := "{{ " + labels + ".instance }}"
	if h.ClusterLabel != "" {
		host += "{{ with " + labels + "." + h.ClusterLabel + " }} in {{ . }}{{ end }}"
	}
	return host
}

// SortHosts sorts at most ten series in a text by their hosts. Sorting as few keeps those
// of one address in the order that the sort before gave them.
func (h House) SortHosts() string {
	sort := `sortByLabel "instance"`
	if h.ClusterLabel != "" {
		sort = `sortByLabel "` + h.ClusterLabel + `" | ` + sort
	}
	return sort
}

// Runbook is the address of an alert's page.
func (h House) Runbook(alert string) string {
	address := h.RunbookURL
	if address == "" {
		address = defaultRunbooks
	}
	return strings.NewReplacer("{alert}", alert, "%s", alert).Replace(address)
}

// Links are the annotations of an alert that lead elsewhere: to its page, and to the
// dashboard about a host, the fleet or a suspect.
func (h House) Links(alert, board string) string {
	runbook := h.Runbook(alert)
	if h.RunbookURL != "" {
		runbook = "'" + runbook + "'"
	}
	links := "runbook_url: " + runbook
	if h.DashboardURL == "" {
		return links
	}
	dashboard := strings.TrimRight(h.DashboardURL, "/") + "/d/cryptojack-" + board
	switch board {
	case "host":
		dashboard += "?var-job={{ $labels.job | urlquery }}&var-instance={{ $labels.instance | urlquery }}"
		if h.ClusterLabel != "" {
			dashboard += "&var-cluster={{ $labels." + h.ClusterLabel + " | urlquery }}"
		}
	case "suspect":
		dashboard += "?var-suspect={{ $labels.suspect }}"
	}
	return links + "\n          dashboard_url: '" + dashboard + "'"
}

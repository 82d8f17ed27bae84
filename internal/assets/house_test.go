package assets

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// everything is a house that differs in all that can differ.
func everything() House {
	return House{
		Job: `(security|kube)-.+[.]x`, RunbookURL: "http://{{ $labels.instance }}/runbooks/{alert}", DashboardURL: "https://grafana.example.org/x/",
		ClusterLabel: "k8s_cluster", Severities: map[string]string{"critical": "page", "info": "1"},
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	source := fstest.MapFS{"source/a/b": {Data: []byte(strings.Join([]string{
		`m{x="y"<% .JobMatcher %>} n<% .JobSelector %>[5m] "{s='t'<% .JobInText %>}"`,
		`by (instance<% .Cluster %>) <% .Where %>`,
		`<% .Host %> <% .EachHost %> <% .SortHosts %>`,
		`<% .SeverityValue "critical" %> <% .SeverityValue "warning" %> <% .Severity "info" %>`,
		`          <% .Links "A" "host" %>`,
		`          <% .Links "B" "suspect" %>`,
		`          <% .Links "C" "fleet" %>`,
	}, "\n"))}}
	for name, test := range map[string]struct {
		house House
		want  []string
	}{
		"none": {House{}, []string{
			`m{x="y"} n[5m] "{s='t'}"`,
			`by (instance) printf "instance='%s',job='%s'" $labels.instance $labels.job`,
			`{{ $labels.instance }} {{ .Labels.instance }} sortByLabel "instance"`,
			`critical warning info`,
			`          runbook_url: https://github.com/cryptojack-exporter/cryptojack_exporter/blob/main/alerts/runbooks/A.md`,
			`          runbook_url: https://github.com/cryptojack-exporter/cryptojack_exporter/blob/main/alerts/runbooks/B.md`,
			`          runbook_url: https://github.com/cryptojack-exporter/cryptojack_exporter/blob/main/alerts/runbooks/C.md`,
		}},
		"all": {everything(), []string{
			`m{x="y",job=~"(security|kube)-.+[.]x"} n{job=~"(security|kube)-.+[.]x"}[5m] "{s='t',job=~'(security|kube)-.+[.]x'}"`,
			`by (instance, k8s_cluster) printf "instance='%s',job='%s',k8s_cluster='%s'" $labels.instance $labels.job $labels.k8s_cluster`,
			`{{ $labels.instance }}{{ with $labels.k8s_cluster }} in {{ . }}{{ end }} {{ .Labels.instance }}{{ with .Labels.k8s_cluster }} in {{ . }}{{ end }} sortByLabel "k8s_cluster" | sortByLabel "instance"`,
			`'page' warning 1`,
			`          runbook_url: 'http://{{ $labels.instance }}/runbooks/A'`,
			`          dashboard_url: 'https://grafana.example.org/x/d/cryptojack-host?var-job={{ $labels.job | urlquery }}&var-instance={{ $labels.instance | urlquery }}&var-cluster={{ $labels.k8s_cluster | urlquery }}'`,
			`          runbook_url: 'http://{{ $labels.instance }}/runbooks/B'`,
			`          dashboard_url: 'https://grafana.example.org/x/d/cryptojack-suspect?var-suspect={{ $labels.suspect }}'`,
			`          runbook_url: 'http://{{ $labels.instance }}/runbooks/C'`,
			`          dashboard_url: 'https://grafana.example.org/x/d/cryptojack-fleet'`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, err := test.house.Render(source, "source")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, strings.Split(string(files["a/b"]), "\n")); diff != "" || len(files) != 1 {
				t.Errorf("%d files (-want +got)\n%s", len(files), diff)
			}
		})
	}
}

// TestCheck: what could end a string, a value of YAML or a template is refused, and the
// error names the flag.
func TestCheck(t *testing.T) {
	t.Parallel()
	if err := everything().Check(); err != nil {
		t.Error(err)
	}
	severity := func(ours, theirs string) House { return House{Severities: map[string]string{ours: theirs}} }
	for name, test := range map[string]struct {
		house House
		want  string
	}{
		"job is no expression":        {House{Job: "("}, "--job: "},
		"job ends the string":         {House{Job: `x"} or vector(1) #`}, "--job="},
		"job ends the question":       {House{Job: `x'`}, "--job="},
		"job is a template":           {House{Job: "x{{2}}"}, "--job="},
		"job has a verb of printf":    {House{Job: "%s"}, "--job="},
		"job has an escape":           {House{Job: `a\.b`}, "write [.]"},
		"job has a line":              {House{Job: "a\nb"}, "--job="},
		"runbook without a name":      {House{RunbookURL: "https://x/"}, "{alert} or %s"},
		"runbook of another scheme":   {House{RunbookURL: "javascript:{alert}"}, "--runbook-url="},
		"runbook ends the value":      {House{RunbookURL: "https://x/'{alert}"}, "--runbook-url="},
		"runbook calls a function":    {House{RunbookURL: `https://x/{{ query "up" }}{alert}`}, "--runbook-url="},
		"runbook with half a mark":    {House{RunbookURL: "https://x/{{{alert}"}, "--runbook-url="},
		"runbook ends a link":         {House{RunbookURL: "https://x/>{alert}"}, "--runbook-url="},
		"dashboard is no address":     {House{DashboardURL: "grafana"}, "--dashboard-url="},
		"dashboard has a query":       {House{DashboardURL: "https://x/?a=b"}, "--dashboard-url="},
		"dashboard is a template":     {House{DashboardURL: "https://{{ $labels.x }}/"}, "--dashboard-url="},
		"cluster is no label":         {House{ClusterLabel: "a-b"}, "--cluster-label="},
		"cluster is internal":         {House{ClusterLabel: "__x"}, "--cluster-label="},
		"cluster is ours":             {House{ClusterLabel: "suspect"}, "--cluster-label="},
		"cluster is the target's":     {House{ClusterLabel: "instance"}, "--cluster-label="},
		"severity is not there":       {severity("fatal", "page"), `no severity "fatal"`},
		"severity is empty":           {severity("critical", ""), "letters, digits"},
		"severity ends the string":    {severity("critical", `a"`), "letters, digits"},
		"two severities with a name":  {severity("critical", "warning"), "both called"},
		"two are given the same name": {House{Severities: map[string]string{"critical": "page", "info": "page"}}, "both called"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := test.house.Check(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want one with %q", err, test.want)
			}
			if files, err := test.house.Render(fstest.MapFS{"a/b": {}}, "a"); err == nil {
				t.Errorf("it renders %v", files)
			}
		})
	}
	if err := (House{Severities: map[string]string{"critical": "warning", "warning": "critical"}}).Check(); err != nil {
		t.Errorf("swapped: %v", err)
	}
}

// Package houses_test holds what `cryptojack_exporter assets` writes for houses that
// differ: with each combination of its flags, to the rules without flags. `make rules`
// runs it; it needs what `make e2e-tools` builds, and amtool.
package houses_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	clusterLabel = "k8s_cluster"
	// jobs are those of the exporters in alerts/*.rules.test.yml.
	jobs      = "(cryptojack|kubernetes-pods|security-agents|a|b)"
	runbooks  = "http://{{ $labels.instance }}/runbooks/{alert}"
	dashboard = "https://grafana.example.org/x"
)

// house is a combination of the flags.
type house struct{ job, runbook, dashboard, cluster, severity bool }

// all are the 32 combinations, the one without flags first.
func all() []house {
	var houses []house
	for i := range 32 {
		houses = append(houses, house{job: i&1 > 0, runbook: i&2 > 0, dashboard: i&4 > 0, cluster: i&8 > 0, severity: i&16 > 0})
	}
	return houses
}

func (h house) flags() []string {
	var flags []string
	for _, flag := range []struct {
		given bool
		text  string
	}{
		{h.job, "--job=" + jobs},
		{h.runbook, "--runbook-url=" + runbooks},
		{h.dashboard, "--dashboard-url=" + dashboard + "/"},
		{h.cluster, "--cluster-label=" + clusterLabel},
		{h.severity, "--severity=critical=page"},
		{h.severity, "--severity=info=P5"},
	} {
		if flag.given {
			flags = append(flags, flag.text)
		}
	}
	return flags
}

func (h house) name() string {
	if h == (house{}) {
		return "no flags"
	}
	return strings.Join(h.flags(), " ")
}

// severityOf is what a severity of ours is called in the house.
func (h house) severityOf(ours string) string {
	theirs := map[string]string{"critical": "page", "info": "P5"}[ours]
	if !h.severity || theirs == "" {
		return ours
	}
	return theirs
}

// assets writes the files of the house, and returns where.
func (h house) assets(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	run(t, directory, tool(t, "cryptojack_exporter"), append(append([]string{"assets"}, h.flags()...), directory)...)
	return directory
}

// tool finds a program that `make e2e-tools` built.
func tool(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(os.Getenv("E2E_BIN"), name)
	if _, err := os.Stat(path); os.Getenv("E2E_BIN") == "" || err != nil {
		t.Skipf("%s is not in $E2E_BIN: `make rules` builds it", name)
	}
	return path
}

func run(t *testing.T, directory, program string, arguments ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, arguments...)
	command.Dir = directory
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(arguments, " "), err, output)
	}
}

func decode(t *testing.T, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// TestFilesAreValid: promtool and amtool take the files of every house.
func TestFilesAreValid(t *testing.T) {
	t.Parallel()
	for _, h := range all() {
		t.Run(h.name(), func(t *testing.T) {
			t.Parallel()
			directory := h.assets(t)
			run(t, directory, tool(t, "promtool"), "check", "rules", "--lint=all", "--lint-fatal", "alerts/cryptojack.rules.yml")
			run(t, filepath.Join(directory, "alerts"), "amtool", "check-config", "alertmanager.yml")
			for _, receiver := range [][2]string{{"critical", "page"}, {"warning", "ticket"}, {"info", "nobody"}} {
				run(t, directory, "amtool", "config", "routes", "test", "--config.file=alerts/alertmanager.yml", "--verify.receivers="+receiver[1],
					"alertname=CryptojackExporterGone", "severity="+h.severityOf(receiver[0]), "instance=h:1", "job=x")
			}
		})
	}
}

// TestRulesPass runs the tests of the rules, changed as the house changes them: of the
// house with all flags, or with EVERY_HOUSE=1 of every.
func TestRulesPass(t *testing.T) {
	t.Parallel()
	houses := []house{{job: true, runbook: true, dashboard: true, cluster: true, severity: true}}
	if every, _ := strconv.ParseBool(os.Getenv("EVERY_HOUSE")); every {
		houses = all()[1:] // half an hour of two cores
	}
	tests, err := filepath.Glob("../../alerts/*.rules.test.yml")
	if err != nil || len(tests) < 5 {
		t.Fatal(tests, err)
	}
	for _, h := range houses {
		t.Run(h.name(), func(t *testing.T) {
			t.Parallel()
			directory := filepath.Join(h.assets(t), "alerts")
			arguments := []string{"test", "rules"}
			for _, name := range tests {
				var file testFile
				decode(t, name, &file)
				h.adapt(t, &file)
				var out bytes.Buffer
				encoder := yaml.NewEncoder(&out)
				if err := encoder.Encode(file); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(directory, filepath.Base(name)), out.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
				arguments = append(arguments, filepath.Base(name))
			}
			run(t, directory, tool(t, "promtool"), arguments...)
		})
	}
}

// TestClusters: two clusters with hosts of one address, and what is on both.
func TestClusters(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(house{cluster: true}.assets(t), "alerts")
	test, err := os.ReadFile("testdata/clusters.test.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, "clusters.test.yml"), test, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, directory, tool(t, "promtool"), "test", "rules", "clusters.test.yml")
}

// TestExternalLabels: a Prometheus that has its cluster as an external label evaluates
// the rules without and with the label for clusters: its own series lack it.
func TestExternalLabels(t *testing.T) {
	t.Parallel()
	test, err := os.ReadFile("testdata/external.test.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []house{{}, {cluster: true}} {
		directory := filepath.Join(h.assets(t), "alerts")
		if err := os.WriteFile(filepath.Join(directory, "external.test.yml"), test, 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, directory, tool(t, "promtool"), "test", "rules", "external.test.yml")
	}
}

// TestMessages: a message has our word for a severity that is called otherwise, and its
// colour, names the cluster, and leads to the dashboard.
func TestMessages(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(all()[31].assets(t), "alerts")
	data := filepath.Join(directory, "data.json")
	const alert = `{"status": "firing", "labels": {"alertname": "CryptojackMinerFound", "severity": "page"},
		"annotations": {"summary": "A miner.", "dashboard_url": "https://g/d", "runbook_url": "https://r"}}`
	message := `{"status": "firing", "commonLabels": {"instance": "h:1", "` + clusterLabel + `": "eu"}, "alerts": [` + alert + `]}`
	if err := os.WriteFile(data, []byte(message), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "amtool", "template", "render", "--template.glob="+directory+"/templates/*.tmpl", "--template.data="+data,
		`--template.text={{ template "cryptojack.title" . }} {{ template "cryptojack.slack.color" . }} {{ template "cryptojack.link" . }}`)
	said, err := command.CombinedOutput()
	if got, want := strings.TrimSpace(string(said)), "CRITICAL h:1 in eu: A miner. #b3261e https://g/d"; err != nil || got != want {
		t.Errorf("it says %q (%v), want %q", got, err, want)
	}
}

// TestMixin: jsonnet makes of the mixin what the files hold, with and without flags.
func TestMixin(t *testing.T) {
	t.Parallel()
	jsonnet := os.Getenv("JSONNET")
	if jsonnet == "" {
		t.Skip("$JSONNET is not set: `make rules` builds it")
	}
	for _, h := range []house{{}, all()[31]} {
		directory := h.assets(t)
		const all = `local m = import 'mixin.libsonnet'; { alerts: m.prometheusAlerts, rules: m.prometheusRules, dashboards: m.grafanaDashboards }`
		command := exec.CommandContext(t.Context(), jsonnet, "-J", directory, "-e", all)
		var stderr bytes.Buffer
		command.Stderr = &stderr
		output, err := command.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, &stderr)
		}
		type groups struct {
			Groups []any `yaml:"groups"`
		}
		var mixin struct {
			Alerts     groups         `yaml:"alerts"`
			Rules      groups         `yaml:"rules"`
			Dashboards map[string]any `yaml:"dashboards"`
		}
		if err := yaml.Unmarshal(output, &mixin); err != nil {
			t.Fatal(err)
		}
		var rules groups
		decode(t, filepath.Join(directory, "alerts/cryptojack.rules.yml"), &rules)
		if got := slices.Concat(mixin.Rules.Groups, mixin.Alerts.Groups); len(got) == 0 || !reflect.DeepEqual(got, rules.Groups) {
			t.Errorf("%s: the mixin's rules are not those of the file", h.name())
		}
		dashboards, err := filepath.Glob(filepath.Join(directory, "dashboards/*.json"))
		if err != nil || len(dashboards) != len(mixin.Dashboards) {
			t.Errorf("%s: %d dashboards, %d files, %v", h.name(), len(mixin.Dashboards), len(dashboards), err)
		}
		for _, path := range dashboards {
			var want any
			decode(t, path, &want)
			if got := mixin.Dashboards[filepath.Base(path)]; !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %s of the mixin is not the file", h.name(), filepath.Base(path))
			}
		}
		// As a tool for mixins writes it.
		written, err := yaml.Marshal(mixin.Alerts)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(directory, "alerts/mixin.rules.yml"), written, 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, directory, tool(t, "promtool"), "check", "rules", "--lint=all", "--lint-fatal", "alerts/mixin.rules.yml")
	}
}

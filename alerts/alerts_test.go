// Package alerts_test holds the alert rules to their promises.
package alerts_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const rulesFile = "cryptojack.rules.yml"

type rule struct {
	Alert       string            `yaml:"alert"`
	Record      string            `yaml:"record"`
	Expr        string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// unitTest is one test of promtool.
type unitTest struct {
	Name   string `yaml:"name"`
	Alerts []struct {
		Alert string `yaml:"alertname"`
		Exp   []struct {
			Labels      map[string]string `yaml:"exp_labels"`
			Annotations map[string]string `yaml:"exp_annotations"`
		} `yaml:"exp_alerts"`
	} `yaml:"alert_rule_test"`
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func decode(t *testing.T, name string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, name)), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// rules are those that alert and those that record.
func rules(t *testing.T) (alerts, records []rule) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	decode(t, rulesFile, &file)
	for _, group := range file.Groups {
		for _, r := range group.Rules {
			if r.Alert != "" {
				alerts = append(alerts, r)
			} else {
				records = append(records, r)
			}
		}
	}
	return alerts, records
}

func unitTests(t *testing.T) map[string]unitTest {
	t.Helper()
	files, err := filepath.Glob("*.rules.test.yml")
	if err != nil || len(files) == 0 {
		t.Fatal("no unit tests", err)
	}
	all := map[string]unitTest{}
	for _, name := range files {
		var file struct {
			Tests []unitTest `yaml:"tests"`
		}
		decode(t, name, &file)
		for _, test := range file.Tests {
			if _, twice := all[test.Name]; twice {
				t.Errorf("two tests are called %q", test.Name)
			}
			all[test.Name] = test
		}
	}
	return all
}

func TestEveryAlertIsComplete(t *testing.T) {
	t.Parallel()
	alerts, _ := rules(t)
	for _, alert := range alerts {
		if !slices.Contains([]string{"critical", "warning", "info"}, alert.Labels["severity"]) {
			t.Errorf("%s: severity %q", alert.Alert, alert.Labels["severity"])
		}
		if len(alert.Labels) != 1 {
			t.Errorf("%s: labels %v, want the severity alone", alert.Alert, alert.Labels)
		}
		summary := alert.Annotations["summary"]
		if summary == "" || strings.Contains(summary, "{{") {
			t.Errorf("%s: the summary %q is no fixed text", alert.Alert, summary)
		}
		if !strings.Contains(alert.Annotations["description"], "{{") {
			t.Errorf("%s: the description says nothing of this case", alert.Alert)
		}
		url := "https://github.com/cryptojack-exporter/cryptojack_exporter/blob/main/alerts/runbooks/" + alert.Alert + ".md"
		if alert.Annotations["runbook_url"] != url {
			t.Errorf("%s: runbook %s", alert.Alert, alert.Annotations["runbook_url"])
		}
	}
}

// Every alert has a test in which it is not firing yet, fires with the whole
// text, and ends again; and one of its benign counterpart.
func TestEveryAlertIsTested(t *testing.T) {
	t.Parallel()
	alerts, _ := rules(t)
	tests := unitTests(t)
	fired := map[string]bool{} // alert and severity
	for _, test := range tests {
		for _, step := range test.Alerts {
			for _, exp := range step.Exp {
				fired[step.Alert+" "+exp.Labels["severity"]] = true
				for _, name := range []string{"summary", "description", "runbook_url"} {
					if exp.Annotations[name] == "" {
						t.Errorf("%q does not say which %s it expects", test.Name, name)
					}
				}
			}
		}
	}
	for _, alert := range alerts {
		if !fired[alert.Alert+" "+alert.Labels["severity"]] {
			t.Errorf("no test in which %s fires as %s", alert.Alert, alert.Labels["severity"])
		}
		steps := tests[alert.Alert+" fires"].Alerts
		middle := 0
		for _, step := range steps {
			if step.Alert == alert.Alert && len(step.Exp) > 0 {
				middle++
			}
		}
		if len(steps) != middle+2 || middle == 0 || len(steps[0].Exp) != 0 || len(steps[len(steps)-1].Exp) != 0 {
			t.Errorf("%q is not silent, firing and silent again", alert.Alert+" fires")
		}
		silent := tests[alert.Alert+" stays silent"].Alerts
		if len(silent) == 0 {
			t.Errorf("%s has no benign counterpart", alert.Alert)
		}
		for _, step := range silent {
			if step.Alert != alert.Alert || len(step.Exp) != 0 {
				t.Errorf("%q expects an alert", alert.Alert+" stays silent")
			}
		}
	}
}

func TestEveryAlertHasARunbook(t *testing.T) {
	t.Parallel()
	alerts, _ := rules(t)
	pages, err := filepath.Glob("runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	unwanted := map[string]bool{}
	for _, page := range pages {
		unwanted[page] = true
	}
	said := map[string]string{} // a paragraph, and whose it is
	for _, alert := range alerts {
		page := filepath.Join("runbooks", alert.Alert+".md")
		if _, seen := unwanted[page]; !seen && slices.Contains(pages, page) {
			continue // an alert of two severities
		}
		delete(unwanted, page)
		content := read(t, page)
		if !strings.HasPrefix(content, "# "+alert.Alert+"\n") {
			t.Errorf("%s has another title", page)
		}
		at := 0
		for _, section := range []string{"What it means", "How sure is it", "What to run", "What to do, in this order", "What looks like it and is not"} {
			_, after, found := strings.Cut(content[at:], "\n## "+section+"\n")
			if !found {
				t.Errorf("%s lacks the section %q, or has it elsewhere", page, section)
				continue
			}
			at = len(content) - len(after)
			text, _, _ := strings.Cut(after, "\n## ")
			if len(strings.TrimSpace(text)) < 40 {
				t.Errorf("%s says nothing under %q", page, section)
			}
			if other, twice := said[text]; twice {
				t.Errorf("%s and %s say the same under %q", page, other, section)
			}
			said[text] = page
		}
	}
	for page := range unwanted {
		t.Errorf("%s is about no alert", page)
	}
}

func TestEveryRecordIsUsed(t *testing.T) {
	t.Parallel()
	alerts, records := rules(t)
	for _, record := range records {
		if !regexp.MustCompile(`^[a-z_]+:[a-z_]+:[a-z0-9_]+$`).MatchString(record.Record) {
			t.Errorf("%s is not level:metric:operations", record.Record)
		}
		used := slices.ContainsFunc(slices.Concat(alerts, records), func(other rule) bool {
			return other.Record != record.Record && strings.Contains(other.Expr, record.Record)
		})
		if !used {
			t.Errorf("no other rule uses %s", record.Record)
		}
	}
}

// The table in docs/alerts.md has a row for each alert and severity, and the number is right.
func TestEveryAlertIsDocumented(t *testing.T) {
	t.Parallel()
	alerts, _ := rules(t)
	page := read(t, "../docs/alerts.md")
	want, names := map[string]bool{}, map[string]bool{}
	for _, alert := range alerts {
		want[alert.Alert+" "+alert.Labels["severity"]] = true
		names[alert.Alert] = true
	}
	got := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| (Cryptojack[^|]*) \| ([^|]*) \|`).FindAllStringSubmatch(page, -1) {
		for name := range strings.SplitSeq(row[1], ", ") {
			for severity := range strings.SplitSeq(row[2], ", then ") {
				got[name+" "+severity] = true
			}
		}
	}
	if !maps.Equal(want, got) {
		t.Errorf("alerts and severities in docs/alerts.md: %v\nin the rules: %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	if number := strconv.Itoa(len(names)) + " alerts,"; !strings.Contains(page, number) {
		t.Errorf("docs/alerts.md does not speak of %q", number)
	}
}

// metricTypes reads the table in docs/metrics.md.
func metricTypes(t *testing.T) map[string]string {
	t.Helper()
	types := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`cryptojack_[^|]*`) \\| ([a-z]+) \\|").FindAllStringSubmatch(read(t, "../docs/metrics.md"), -1) {
		for _, name := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[1], -1) {
			types[name[1]] = row[2]
		}
	}
	if len(types) < 40 {
		t.Fatalf("docs/metrics.md has %d metrics", len(types))
	}
	return types
}

// ours finds our metrics in an expression, but no label and no recorded series.
var ours = regexp.MustCompile(`(^|[^a-z_:"$])(cryptojack_[a-z_]+)[^a-z_:"]`)

func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	types := metricTypes(t)
	alerts, records := rules(t)
	for _, r := range append(alerts, records...) {
		for _, text := range []string{r.Expr, r.Annotations["description"]} {
			for _, found := range ours.FindAllStringSubmatch(text, -1) {
				if name := found[2]; name != "cryptojack_exporter" && name != "cryptojack_host" && types[name] == "" {
					t.Errorf("%s%s uses %s, which is not in docs/metrics.md", r.Alert, r.Record, name)
				}
			}
		}
	}
}

// A scrape that fails makes a gauge vanish, and a `for` would begin anew.
func TestEveryGaugeHasAWindow(t *testing.T) {
	t.Parallel()
	types := metricTypes(t)
	alerts, records := rules(t)
	windows := regexp.MustCompile(`(max|min)_over_time\([a-z_]+(\{[^}]*\})?\[`)
	checked := 0
	for _, r := range append(alerts, records...) {
		expression := windows.ReplaceAllString(r.Expr, "(")
		checked += len(windows.FindAllString(r.Expr, -1))
		for _, found := range ours.FindAllStringSubmatch(expression, -1) {
			if types[found[2]] == "gauge" {
				t.Errorf("%s%s uses the gauge %s without max_over_time", r.Alert, r.Record, found[2])
			}
		}
		if regexp.MustCompile(`\bup\b|\bprobe_success\b`).MatchString(expression) {
			t.Errorf("%s%s uses up without max_over_time", r.Alert, r.Record)
		}
	}
	if checked < 20 {
		t.Errorf("%d gauges were found", checked)
	}
}

// What an intruder chose must not get into a question: a quote would end it.
func TestQuestionsHoldNoForeignText(t *testing.T) {
	t.Parallel()
	alerts, _ := rules(t)
	harmless := map[string]bool{
		"$labels.instance": true, "$labels.job": true, // of the scrape configuration
		"$labels.suspect": true, ".Labels.suspect": true, // 12 hex digits
		"$labels.origin": true, "$labels.severity": true, "$labels.sign": true, // closed sets
		"$where": true, "$this": true, // made of these
	}
	calls := regexp.MustCompile(`printf "([^"]*)"([^|}]*)`)
	for _, alert := range alerts {
		for _, call := range calls.FindAllStringSubmatch(alert.Annotations["description"], -1) {
			for _, argument := range strings.Fields(call[2]) {
				if !harmless[argument] {
					t.Errorf("%s puts %s into %q", alert.Alert, argument, call[1])
				}
			}
		}
	}
}

func TestAlertmanagerKnowsTheAlerts(t *testing.T) {
	t.Parallel()
	alerts, _ := rules(t)
	named := regexp.MustCompile(`Cryptojack[A-Z][A-Za-z]+`).FindAllString(read(t, "alertmanager.yml"), -1)
	if len(named) == 0 {
		t.Fatal("it names none")
	}
	for _, name := range named {
		if !slices.ContainsFunc(alerts, func(alert rule) bool { return alert.Alert == name }) {
			t.Errorf("there is no alert %s", name)
		}
	}
}

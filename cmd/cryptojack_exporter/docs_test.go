package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	commonmodel "github.com/prometheus/common/model"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// described is what is said of a metric: its type and its labels, sorted.
type described struct{ Type, Labels string }

// TestEveryMetricIsDocumented compares the table in docs/metrics.md with what is served:
// the collectors' golden file, and what is only there in a whole server.
func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	exported := exported(t, start(t))
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(exported, documented(string(page))); diff != "" {
		t.Errorf("docs/metrics.md is not what is exported (-exported +documented):\n%s", diff)
	}
	// The collectors' own test of reserved labels does not know what is only there in a whole server.
	reserved, err := os.ReadFile("../../collector/testdata/reserved_labels.txt")
	if err != nil {
		t.Fatal(err)
	}
	for name, metric := range exported {
		for label := range strings.FieldsSeq(string(reserved)) {
			if slices.Contains(strings.Split(metric.Labels, ", "), label) {
				t.Errorf("%s has the label %q, which scrapers set on targets", name, label)
			}
		}
	}
}

// TestEveryRuleIsDocumented compares the table of rules in docs/detection.md with the rules,
// by their kind of evidence, and its table of kinds with those that the rules have.
func TestEveryRuleIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/detection.md")
	if err != nil {
		t.Fatal(err)
	}
	want, kinds := map[string]string{}, map[string]bool{}
	for _, rule := range rules.All() {
		want[rule.Name] = string(rule.Family)
		if rule.Family == "" {
			want[rule.Name] = "-" // it is not about a program
			continue
		}
		kinds[string(rule.Family)] = true
	}
	got := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| (`[^|]*`) \\| ([a-z-]+) \\| (?:T[0-9]|-)")
	for _, match := range row.FindAllStringSubmatch(string(page), -1) {
		for name := range strings.SplitSeq(match[1], ", ") {
			got[strings.Trim(name, "`")] = match[2]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/detection.md is not what is judged by (-rules +documented):\n%s", diff)
	}
	_, section, _ := strings.Cut(string(page), "| kind | what counts |")
	section, _, _ = strings.Cut(section, "\n\n")
	listed := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^\| ([a-z]+) \|`).FindAllStringSubmatch(section, -1) {
		listed[match[1]] = true
	}
	if diff := cmp.Diff(kinds, listed); diff != "" {
		t.Errorf("the kinds of evidence in docs/detection.md are not those of the rules (-rules +documented):\n%s", diff)
	}
}

// metricsOf reads an answer of /metrics.
func metricsOf(t *testing.T, answer string) map[string]described {
	t.Helper()
	parser := expfmt.NewTextParser(commonmodel.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(answer))
	if err != nil {
		t.Fatal(err)
	}
	metrics := map[string]described{}
	for name, family := range families {
		var labels []string
		for _, label := range family.Metric[0].Label {
			labels = append(labels, label.GetName())
		}
		metrics[name] = described{strings.ToLower(family.GetType().String()), join(labels)}
	}
	return metrics
}

// documented reads the table's rows: | `name`, `name` | type | label, label |.
func documented(page string) map[string]described {
	row := regexp.MustCompile("(?m)^\\| (`cryptojack_[^|]*) \\| ([a-z]+)[^|]* \\| ([^|]*)\\|")
	metrics := map[string]described{}
	for _, match := range row.FindAllStringSubmatch(page, -1) {
		var labels []string
		if text := strings.TrimSpace(match[3]); text != "" {
			labels = strings.Split(text, ", ")
		}
		for name := range strings.SplitSeq(match[1], ", ") {
			metrics[strings.Trim(name, "`")] = described{match[2], join(labels)}
		}
	}
	return metrics
}

func join(labels []string) string {
	slices.Sort(labels)
	return strings.Join(labels, ", ")
}

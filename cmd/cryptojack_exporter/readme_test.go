package main

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	commonmodel "github.com/prometheus/common/model"
)

// described is what is said of a metric: its type and its labels, sorted.
type described struct{ Type, Labels string }

// TestReadmeListsEveryMetric compares the README's table with what is served:
// the collectors' golden file, and what is only there in a whole server.
func TestReadmeListsEveryMetric(t *testing.T) {
	t.Parallel()
	golden, err := os.ReadFile("../../collector/testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	exported := metricsOf(t, string(golden))
	s := start(t)
	for name, metric := range metricsOf(t, s.expect(t, http.MethodGet, "/metrics", http.StatusOK)) {
		if _, known := exported[name]; !known && strings.HasPrefix(name, "cryptojack_") {
			exported[name] = metric
		}
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(exported, documented(string(readme))); diff != "" {
		t.Errorf("the README's table is not what is exported (-exported +README):\n%s", diff)
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
func documented(readme string) map[string]described {
	row := regexp.MustCompile("(?m)^\\| (`cryptojack_[^|]*) \\| ([a-z]+)[^|]* \\| ([^|]*)\\|")
	metrics := map[string]described{}
	for _, match := range row.FindAllStringSubmatch(readme, -1) {
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

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// metrics is one scrape, parsed.
type metrics map[string]*dto.MetricFamily

// labels of a sample that one looks for; others may be there too.
type labels map[string]string

// scrape reads /metrics and fails the test unless it is a valid exposition.
func scrape(t *testing.T, url string) metrics {
	t.Helper()
	parsed, err := tryScrape(url)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func tryScrape(url string) (metrics, error) {
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(url + "/metrics")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(response.Body)
		return nil, fmt.Errorf("GET /metrics: %s: %s", response.Status, tail(string(body), 1000))
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	parsed, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return nil, fmt.Errorf("/metrics is no valid exposition: %w", err)
	}
	return parsed, nil
}

// find returns the samples of a metric that carry the labels.
func (m metrics) find(name string, wanted labels) []*dto.Metric {
	var found []*dto.Metric
	for _, metric := range m[name].GetMetric() {
		if carries(metric, wanted) {
			found = append(found, metric)
		}
	}
	return found
}

// one returns the value and labels of the only sample that carries the labels.
func (m metrics) one(name string, wanted labels) (float64, labels, error) {
	found := m.find(name, wanted)
	if len(found) != 1 {
		return 0, nil, fmt.Errorf("%s has %d samples with %v, want 1; it has:\n%s", name, len(found), wanted, m.describe(name))
	}
	all := labels{}
	for _, pair := range found[0].GetLabel() {
		all[pair.GetName()] = pair.GetValue()
	}
	return value(found[0]), all, nil
}

// mustOne is one, for what must be there by now.
func (m metrics) mustOne(t *testing.T, name string, wanted labels) (float64, labels) {
	t.Helper()
	number, all, err := m.one(name, wanted)
	if err != nil {
		t.Fatal(err)
	}
	return number, all
}

// sum adds up the samples that carry the labels.
func (m metrics) sum(name string, wanted labels) float64 {
	total := 0.0
	for _, metric := range m.find(name, wanted) {
		total += value(metric)
	}
	return total
}

func (m metrics) describe(name string) string {
	var b strings.Builder
	for _, metric := range m[name].GetMetric() {
		fmt.Fprintf(&b, "  %s\n", metric.String())
	}
	return b.String()
}

func carries(metric *dto.Metric, wanted labels) bool {
	matched := 0
	for _, pair := range metric.GetLabel() {
		if expected, ok := wanted[pair.GetName()]; ok {
			if expected != pair.GetValue() {
				return false
			}
			matched++
		}
	}
	return matched == len(wanted)
}

func value(metric *dto.Metric) float64 {
	switch {
	case metric.GetGauge() != nil:
		return metric.GetGauge().GetValue()
	case metric.GetCounter() != nil:
		return metric.GetCounter().GetValue()
	default:
		return metric.GetUntyped().GetValue()
	}
}

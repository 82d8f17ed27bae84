package collector

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestReservedLabels holds that no label of ours is one that scrapers set on
// their targets: in a cluster, `container` of an alert would otherwise be the
// exporter's own container. What the server adds to the collectors' metrics is
// tested in cmd.
func TestReservedLabels(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("testdata/reserved_labels.txt")
	if err != nil {
		t.Fatal(err)
	}
	reserved := map[string]bool{}
	for name := range strings.FieldsSeq(string(list)) {
		reserved[name] = true
	}
	for _, host := range []*snapshots{infected(), hostile()} {
		families, err := gather(t, host.set()).Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range families {
			for _, metric := range family.Metric {
				for _, label := range metric.Label {
					if reserved[label.GetName()] {
						t.Fatalf("%s has the label %q, which scrapers set on targets", family.GetName(), label.GetName())
					}
				}
			}
		}
	}
}

// TestInfectedHostHasEveryMetric: what holds for the metrics of the infected host
// (names, labels, the table in docs/metrics.md) holds for all metrics of the collectors.
func TestInfectedHostHasEveryMetric(t *testing.T) {
	t.Parallel()
	for _, c := range infected().collectors() {
		metrics := make(chan prometheus.Metric, 10_000)
		if err := c.Update(metrics); err != nil {
			t.Fatal(c.Name(), err)
		}
		close(metrics)
		sent := map[uintptr]bool{}
		for metric := range metrics {
			sent[reflect.ValueOf(metric.Desc()).Pointer()] = true
		}
		eachDesc(reflect.ValueOf(c).Elem(), func(field string, desc uintptr) {
			if !sent[desc] {
				t.Errorf("%s: no series of %s", c.Name(), field)
			}
		})
	}
}

// eachDesc calls visit for each metric that a collector's struct holds, also in
// the collectors that are part of it.
func eachDesc(collector reflect.Value, visit func(field string, desc uintptr)) {
	for i := range collector.NumField() {
		field := collector.Field(i)
		switch field.Type() {
		case reflect.TypeFor[*prometheus.Desc]():
			visit(collector.Type().Field(i).Name, field.Pointer())
		case reflect.TypeFor[*suspects]():
			eachDesc(field.Elem(), visit)
		}
	}
}

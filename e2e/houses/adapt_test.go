package houses_test

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

// testFile is what promtool reads, as far as alerts/*.rules.test.yml use it.
type testFile struct {
	RuleFiles          []string `yaml:"rule_files"`
	EvaluationInterval string   `yaml:"evaluation_interval"`
	Tests              []*struct {
		Name     string `yaml:"name"`
		Interval string `yaml:"interval"`
		Series   []struct {
			Series string `yaml:"series"`
			Values string `yaml:"values"`
		} `yaml:"input_series"`
		Steps []*step `yaml:"alert_rule_test"`
	} `yaml:"tests"`
}

type step struct {
	Time   string     `yaml:"eval_time"`
	Alert  string     `yaml:"alertname"`
	Expect []expected `yaml:"exp_alerts"`
}

func (s *step) isOfFleet() bool {
	return slices.Contains([]string{"CryptojackSameSuspectOnManyHosts", "CryptojackWave", "CryptojackManyHostsOpened"}, s.Alert)
}

type expected struct {
	Labels      map[string]string `yaml:"exp_labels"`
	Annotations map[string]string `yaml:"exp_annotations"`
}

// adapt changes tests as the house changes the rules. With a label for clusters, every
// host is in two clusters, and each alert about a host is expected of both; alerts about
// the fleet count hosts, so theirs are in one. With a job, every series is there once
// more in a job of another team, of which nothing is expected.
func (h house) adapt(t *testing.T, file *testFile) {
	t.Helper()
	for _, test := range file.Tests {
		clusters := []string{""}
		if h.cluster {
			clusters = []string{"eu", "us"}
		}
		if h.cluster && slices.ContainsFunc(test.Steps, (*step).isOfFleet) {
			clusters = clusters[:1]
		}
		var hosts []string
		given := test.Series
		test.Series = nil
		for _, series := range given {
			name, labels := parse(t, series.Series)
			hosts = append(hosts, labels["instance"])
			for _, cluster := range clusters {
				mine := maps.Clone(labels)
				if cluster != "" {
					mine[clusterLabel] = cluster
				}
				series.Series = format(name, mine)
				test.Series = append(test.Series, series)
				if h.job {
					mine["job"], mine["instance"] = "of-another-team", "other-"+mine["instance"]
					series.Series = format(name, mine)
					test.Series = append(test.Series, series)
				}
			}
		}
		slices.Sort(hosts)
		for _, step := range test.Steps {
			given := step.Expect
			step.Expect = nil
			for _, alert := range given {
				for _, cluster := range clusters {
					step.Expect = append(step.Expect, h.expect(step.Alert, alert, cluster, slices.Compact(hosts)))
				}
			}
		}
	}
}

// expect is an alert as the house has it.
func (h house) expect(name string, alert expected, cluster string, hosts []string) expected {
	mine := expected{maps.Clone(alert.Labels), maps.Clone(alert.Annotations)}
	ofHost := mine.Labels["instance"] != ""
	mine.Labels["severity"] = h.severityOf(mine.Labels["severity"])
	if cluster != "" && ofHost {
		mine.Labels[clusterLabel] = cluster
	}
	if cluster != "" {
		for _, host := range hosts {
			// A short name of a host is a word, too: it is one before what follows a host.
			follows := `(\b|$)`
			if len(host) < 3 {
				follows = `(;| \(| as )`
			}
			mine.Annotations["description"] = regexp.MustCompile(`(^|[ ;])`+regexp.QuoteMeta(host)+follows).
				ReplaceAllString(mine.Annotations["description"], "${1}"+host+" in "+cluster+"$2")
		}
	}
	if h.runbook {
		mine.Annotations["runbook_url"] = "http://" + mine.Labels["instance"] + "/runbooks/" + name
	}
	if h.dashboard {
		address := dashboard + "/d/cryptojack-fleet"
		switch {
		case ofHost:
			address = dashboard + "/d/cryptojack-host?var-job=" + url.QueryEscape(mine.Labels["job"]) + "&var-instance=" + url.QueryEscape(mine.Labels["instance"])
			if h.cluster {
				address += "&var-cluster=" + cluster
			}
		case mine.Labels["suspect"] != "":
			address = dashboard + "/d/cryptojack-suspect?var-suspect=" + mine.Labels["suspect"]
		}
		mine.Annotations["dashboard_url"] = address
	}
	return mine
}

func parse(t *testing.T, series string) (name string, labels map[string]string) {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(series)
	if err != nil {
		t.Fatalf("%s: %v", series, err)
	}
	labels = map[string]string{}
	for _, matcher := range expr.(*parser.VectorSelector).LabelMatchers {
		labels[matcher.Name] = matcher.Value
	}
	name = labels["__name__"]
	delete(labels, "__name__")
	return name, labels
}

func format(name string, labels map[string]string) string {
	var all []string
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, label+`="`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(labels[label])+`"`)
	}
	return name + "{" + strings.Join(all, ",") + "}"
}

package e2e

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// sentAlert is an alert as it is posted to Alertmanager.
type sentAlert struct {
	Labels, Annotations labels
	EndsAt              time.Time
}

// alertsIn are the alerts of a file of rules, each with its severity.
func alertsIn(t *testing.T, rules string) []string {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert  string
				Labels labels
			}
		}
	}
	if err := yaml.Unmarshal([]byte(rules), &file); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if name := rule.Alert + " " + rule.Labels["severity"]; rule.Alert != "" && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	if len(all) < 20 {
		t.Fatalf("only %d alerts", len(all))
	}
	return all
}

// changes are alerts about what became different while the rules are evaluated.
func changes() []string {
	return []string{"CryptojackWave critical", "CryptojackManyHostsOpened warning"}
}

// firing are the alerts that fire now, by their labels, each as it was sent last.
func (e engine) firing() map[string]sentAlert {
	latest := map[string]sentAlert{}
	for _, message := range e.paged.Messages() {
		for _, alert := range message.Body {
			// vmalert tells the group; -disableAlertgroupLabel would leave it out.
			delete(alert.Labels, "alertgroup")
			latest[oneLine(alert.Labels)] = alert
		}
	}
	maps.DeleteFunc(latest, func(_ string, alert sentAlert) bool { return alert.EndsAt.Before(time.Now()) })
	return latest
}

// allFire returns an error unless each of these alerts but some fires in every engine.
func allFire(engines []engine, expected, but []string) error {
	var all error
	for _, e := range engines {
		names := map[string]bool{}
		for _, message := range e.paged.Messages() {
			for _, alert := range message.Body {
				names[alert.Labels["alertname"]+" "+alert.Labels["severity"]] = true
			}
		}
		for _, name := range expected {
			if !names[name] && !slices.Contains(but, name) {
				all = errors.Join(all, fmt.Errorf("%s: no %s", e.name, name))
			}
		}
	}
	return all
}

// sameAlerts returns an error unless the same alerts fire everywhere, with the same
// labels and texts.
func sameAlerts(engines []engine) error {
	var all error
	want := engines[0].firing()
	for _, e := range engines[1:] {
		got := e.firing()
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if said, fires := got[key]; !fires {
				all = errors.Join(all, fmt.Errorf("%s does not page for %s", e.name, key))
			} else if wanted, said := wording(want[key].Annotations), wording(said.Annotations); wanted != said {
				all = errors.Join(all, fmt.Errorf("%s words %s otherwise:\n%s\n%s", e.name, key, said, wanted))
			}
		}
		for _, key := range slices.Sorted(maps.Keys(got)) {
			if _, wanted := want[key]; !wanted {
				all = errors.Join(all, fmt.Errorf("%s also pages for %s", e.name, key))
			}
		}
	}
	return all
}

// wording is what an alert says, but for the order of what it lists, for how long ago
// something was, which grows while it is sent, and for how many hosts became respawning when
// rules were evaluated first: they count what another group of rules records.
func wording(annotations labels) string {
	said := regexp.MustCompile(`has not sampled for [\dms ]+|\d+ more hosts became respawning`).ReplaceAllString(oneLine(annotations), "...")
	items := regexp.MustCompile(`[;:] `).Split(said, -1)
	slices.Sort(items)
	return strings.Join(items, "; ")
}

// clustersStayApart holds that a text tells of the host of its own cluster alone, though
// the other cluster has one with the same address and the same miner.
func clustersStayApart(t *testing.T, e engine) {
	t.Helper()
	names := map[string][2]string{"a": {"/tmp/kdevtmpfsi (pid 177", "x9f3ka"}, "b": {"/tmp/x9f3ka (pid 277", "kdevtmpfsi"}}
	found := 0
	for _, alert := range e.firing() {
		if alert.Labels["instance"] != "10.0.0.1:10042" {
			continue
		}
		wanted, unwanted := names[alert.Labels["cluster"]][0], names[alert.Labels["cluster"]][1]
		text := alert.Annotations["description"]
		if strings.Contains(text, unwanted) {
			t.Errorf("%s tells of another cluster: %s", alert.Labels, text)
		}
		if alert.Labels["alertname"] == "CryptojackMinerFound" {
			found++
			if !strings.Contains(text, wanted) {
				t.Errorf("%s does not tell of %s: %s", alert.Labels, wanted, text)
			}
		}
	}
	if found != 2 {
		t.Errorf("%d alerts, one for each cluster is wanted", found)
	}
}

// sameAnswers returns an error unless a query has the same answer everywhere, and has one.
func sameAnswers(engines []engine, q shippedQuery, at time.Time) error {
	var want map[string]float64
	for i, e := range engines {
		got, err := e.answer(q.expr, at)
		switch {
		case err != nil:
		case i == 0:
			if want = got; len(want) == 0 {
				err = errors.New("no data")
			}
		default:
			err = differ(want, got)
		}
		if err != nil {
			return fmt.Errorf("%s: %s: %s: %w: %s", e.name, q.dashboard, q.where, err, q.expr)
		}
	}
	return nil
}

// answer is what a query gives at a time: values by their labels, without the name.
func (e engine) answer(query string, at time.Time) (map[string]float64, error) {
	rows, err := ask(e.queries, "query", url.Values{"query": {query}, "time": {strconv.FormatInt(at.Unix(), 10)}, "nocache": {"1"}})
	if err != nil {
		return nil, err
	}
	values := map[string]float64{}
	for _, row := range rows {
		// MetricsQL keeps the name where a function does not change what is measured.
		delete(row.Metric, "__name__")
		delete(row.Metric, "alertgroup")
		value, err := strconv.ParseFloat(row.last(), 64)
		if err != nil {
			return nil, err
		}
		values[oneLine(row.Metric)] = value
	}
	return values, nil
}

// differ says in what two answers differ. Sums may be rounded otherwise.
func differ(want, got map[string]float64) error {
	var all error
	for _, key := range slices.Sorted(maps.Keys(want)) {
		value, there := got[key]
		if !there {
			all = errors.Join(all, fmt.Errorf("no %s", key))
		} else if math.Abs(value-want[key]) > 1e-6*math.Max(1, math.Abs(want[key])) {
			all = errors.Join(all, fmt.Errorf("%s is %v, want %v", key, value, want[key]))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, wanted := want[key]; !wanted {
			all = errors.Join(all, fmt.Errorf("also %s", key))
		}
	}
	return all
}

// oneLine are labels or annotations in one order.
func oneLine(l labels) string { return fmt.Sprint(map[string]string(l)) }

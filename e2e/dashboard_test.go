package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// shippedDashboard is what is of interest of a dashboard's JSON.
type shippedDashboard struct {
	UID, Title, Description string
	Annotations             struct {
		List []struct{ Name, Expr string }
	}
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []shippedPanel
}

type shippedPanel struct {
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	Options                  struct{ Content string }
	Targets                  []struct {
		RefID, Expr, LegendFormat string
		Instant                   bool
	}
	FieldConfig struct {
		Defaults  map[string]any
		Overrides []struct {
			Matcher    struct{ ID, Options string }
			Properties []struct {
				ID    string
				Value any
			}
		}
	}
	Transformations []struct {
		ID      string
		Options struct {
			ExcludeByName map[string]bool
			IndexByName   map[string]int
			RenameByName  map[string]string
		}
	}
}

// shippedQuery is one query of a dashboard, and where it stands.
type shippedQuery struct {
	dashboard, where, expr string
	instant                bool
}

// mayBeEmpty are queries without an answer in the replayed incident, and why.
func mayBeEmpty() map[string]string {
	return map[string]string{
		"Read errors A":                                    "only where something could not be read",
		"What starts by itself A":                          "the replica leaves no crontab",
		"Changes to what starts by itself A":               "the same",
		"Hosts that need somebody D":                       "the replica of Flink gives no answer, so it is not known to let anybody in",
		"Hosts that need somebody E":                       "the same where its evidence is not enough for a warning",
		"Hosts that need somebody F":                       "the exporter sees all here",
		"Warnings":                                         "they wait for minutes before they fire",
		"Alerts about the fleet":                           "there is one host",
		"GPU by origin A":                                  "this machine has no GPU",
		"Suspects I":                                       "no suspect runs in a container",
		"Where it runs, what restarts it, how it got in I": "the same",
	}
}

// shipped reads every dashboard by its uid.
func shipped(t *testing.T) map[string]shippedDashboard {
	t.Helper()
	return shippedIn(t, "../dashboards")
}

// shippedIn reads every dashboard of a directory.
func shippedIn(t *testing.T, directory string) map[string]shippedDashboard {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(directory, "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	all := map[string]shippedDashboard{}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var d shippedDashboard
		if err := json.Unmarshal(content, &d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[d.UID] = d
	}
	return all
}

// queries are those of panels, annotations and variables, as Grafana sends them
// for one suspect.
func (d shippedDashboard) queries(suspect string) []shippedQuery {
	return d.queriesOf(suspect, "20s")
}

// queriesOf are these queries where Grafana's interval of rates, which is at least four
// times that of scrapes, is another.
func (d shippedDashboard) queriesOf(suspect, rateInterval string) []shippedQuery {
	fill := strings.NewReplacer("$__rate_interval", rateInterval, "$__range", "10m", "$job", ".+", "$instance", ".+", "$cluster", ".+", "$suspect", suspect)
	var all []shippedQuery
	add := func(where, expr string, instant bool) {
		all = append(all, shippedQuery{d.UID, where, fill.Replace(expr), instant})
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			add(p.Title+" "+target.RefID, target.Expr, target.Instant)
		}
	}
	for _, annotation := range d.Annotations.List {
		if annotation.Expr != "" {
			add(annotation.Name, annotation.Expr, false)
		}
	}
	for _, v := range d.Templating.List {
		// label_values is Grafana's own: the values of a label of some series.
		arguments, isCall := strings.CutPrefix(v.Definition, "label_values(")
		if cut := strings.LastIndex(arguments, ", "); isCall && cut > 0 {
			label := strings.TrimSuffix(arguments[cut+2:], ")")
			add("variable "+v.Name, "group by ("+label+") ("+arguments[:cut]+")", true)
		}
	}
	return all
}

// TestDashboardQueries holds that Prometheus' own parser takes every query, and
// that each selector is limited to the chosen hosts.
func TestDashboardQueries(t *testing.T) {
	for _, d := range shipped(t) {
		for _, q := range d.queries("0123456789ab") {
			expr, err := parser.NewParser(parser.Options{}).ParseExpr(q.expr)
			if err != nil {
				t.Errorf("%s: %s: %v in %s", q.dashboard, q.where, err, q.expr)
				continue
			}
			if strings.HasPrefix(q.where, "variable ") {
				continue // they are what the choice is made of
			}
			for _, selector := range selectors(expr) {
				limited := 0
				for _, matcher := range selector.LabelMatchers {
					if matcher.Name == "job" || matcher.Name == "instance" {
						limited++
					}
				}
				if limited != 2 && q.where != "Alerts about the fleet" {
					t.Errorf("%s: %s: %s is not limited to the chosen hosts", q.dashboard, q.where, selector)
				}
			}
		}
	}
}

func selectors(expr parser.Expr) []*parser.VectorSelector {
	var all []*parser.VectorSelector
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			all = append(all, selector)
		}
		return nil
	})
	return all
}

// dashboardsShowTheIncident runs every query of every shipped dashboard on the
// Prometheus that saw the incident: none fails, and none is empty.
func dashboardsShowTheIncident(t *testing.T, running *incident) {
	var open []shippedQuery
	for _, d := range shipped(t) {
		open = append(open, d.queries(running.suspect)...)
	}
	now := scrape(t, running.exporter.url)
	for _, q := range open {
		labelsExist(t, now, q)
	}
	// Some need a second scrape, and what is asked first has it last.
	eventually(t, 30*time.Second, "every query has an answer", func() error {
		var failed []shippedQuery
		var all error
		for _, q := range open {
			if err := q.answered(running.prometheus); err != nil {
				failed, all = append(failed, q), errors.Join(all, err)
			}
		}
		open = failed
		return all
	})
	for _, d := range shipped(t) {
		draw(t, running.prometheus, d, running.suspect, d.UID)
	}
}

// answered returns an error if the query fails, or finds nothing where it should.
func (q shippedQuery) answered(prometheus string) error {
	rows, err := q.run(prometheus)
	if _, may := mayBeEmpty()[q.where]; err == nil && len(rows) == 0 && !may {
		err = fmt.Errorf("no data: %s", q.expr)
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", q.dashboard, q.where, err)
	}
	return nil
}

// labelsExist holds that a query groups only by labels that its metrics have: a
// misspelt one would be an empty column.
func labelsExist(t *testing.T, now metrics, q shippedQuery) {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(q.expr)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"job": true, "instance": true, "alertname": true}
	for _, selector := range selectors(expr) {
		family := strings.TrimSuffix(strings.TrimSuffix(selector.Name, "_sum"), "_count")
		for _, metric := range now[family].GetMetric() {
			for _, label := range metric.GetLabel() {
				known[label.GetName()] = true
			}
		}
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if call, ok := node.(*parser.Call); ok && call.Func.Name == "label_replace" {
			known[call.Args[1].(*parser.StringLiteral).Val] = true
		}
		return nil
	})
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		var used []string
		switch n := node.(type) {
		case *parser.AggregateExpr:
			used = n.Grouping
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				used = append(used, n.VectorMatching.MatchingLabels...)
				used = append(used, n.VectorMatching.Include...)
			}
		}
		for _, label := range used {
			if !known[label] {
				if _, may := mayBeEmpty()[q.where]; !may {
					t.Errorf("%s: %s: no metric of it has the label %s: %s", q.dashboard, q.where, label, q.expr)
				}
			}
		}
		return nil
	})
}

// Package dashboards_test holds the dashboards to the rules of Grafana's
// dashboard-linter (grafana/dashboard-linter docs/rules), all of them, and to
// the metrics that the exporter has.
package dashboards_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/cryptojack-exporter/cryptojack_exporter/dashboards"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/assets"
)

type datasource struct{ Type, UID string }

type dashboard struct {
	UID           string
	Title         string
	Description   string
	Editable      bool
	SchemaVersion int
	Inputs        any `json:"__inputs"`
	Annotations   struct {
		List []struct{ Name, Expr, IconColor string }
	}
	Links []struct {
		Tags                  []string
		IncludeVars, KeepTime bool
	}
	Templating struct {
		List []struct {
			Name, Type, Definition, AllValue string
			Query                            any
			Datasource                       *datasource
			Refresh                          int
			Multi, IncludeAll                bool
		}
	}
	Panels []panel
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               *datasource
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct {
		Defaults  map[string]any
		Overrides []struct {
			Properties []struct {
				ID    string
				Value any
			}
		}
	}
	Options map[string]any
	Targets []struct {
		RefID, Expr string
		Datasource  *datasource
	}
	Transformations []struct {
		ID      string
		Options struct{ RenameByName, ExcludeByName map[string]any }
	}
}

const selector = `job=~"$job", instance=~"$instance"`

// load returns every dashboard by its file name.
func load(t *testing.T) map[string]dashboard {
	t.Helper()
	names, err := filepath.Glob("*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	all := map[string]dashboard{}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = decode(t, name, content)
	}
	return all
}

func decode(t *testing.T, name string, content []byte) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal(content, &d); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return d
}

// withClusters returns the dashboards of a house with a label for its clusters.
func withClusters(t *testing.T) map[string]dashboard {
	t.Helper()
	files, err := dashboards.Files(assets.House{
		Job: "kube-.+", ClusterLabel: "dc", RunbookURL: "https://wiki.example.org/%s", Severities: map[string]string{"critical": "page"},
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]dashboard{}
	for name, content := range files {
		if strings.HasSuffix(name, ".json") {
			all["clusters/"+name] = decode(t, name, content)
		}
	}
	return all
}

// both are those of the repository and those with clusters.
func both(t *testing.T) map[string]dashboard {
	t.Helper()
	all := load(t)
	maps.Copy(all, withClusters(t))
	return all
}

// eachPanel calls check for every panel that shows data.
func eachPanel(t *testing.T, check func(*testing.T, panel)) {
	t.Helper()
	for name, d := range both(t) {
		for _, p := range d.Panels {
			if p.Type == "row" || p.Type == "text" {
				continue
			}
			t.Run(name+"/"+p.Title, func(t *testing.T) { check(t, p) })
		}
	}
}

func TestDashboard(t *testing.T) {
	t.Parallel()
	all := load(t)
	if len(all) != 3 {
		t.Errorf("%d dashboards, want those of the fleet, a host and a suspect", len(all))
	}
	for name, d := range all {
		if d.UID+".json" != name {
			t.Errorf("%s: uid %q: links rest on it, and it is the file's name", name, d.UID)
		}
		if d.Title == "" || d.Description == "" || d.Editable || d.Inputs != nil {
			t.Errorf("%s: a title and a description, not editable, no __inputs (they fail when provisioned)", name)
		}
		if d.SchemaVersion < 36 || d.SchemaVersion > 39 {
			t.Errorf("%s: schemaVersion %d does not load in Grafana 9 to 13", name, d.SchemaVersion)
		}
		for _, annotation := range d.Annotations.List {
			// Alerts about the fleet have no instance.
			if annotation.Expr != "" && !strings.Contains(annotation.Expr, selector) && !strings.Contains(annotation.Expr, `instance=""`) {
				t.Errorf("%s: annotation %s shows other hosts' alerts", name, annotation.Name)
			}
		}
		ids, titles := map[int]bool{}, map[string]bool{}
		for i, p := range d.Panels {
			if ids[p.ID] || p.ID == 0 {
				t.Errorf("%s: panel %q has the id of another", name, p.Title)
			}
			if titles[p.Title] {
				t.Errorf("%s: two panels are called %q", name, p.Title)
			}
			ids[p.ID], titles[p.Title] = true, true
			if p.GridPos.X < 0 || p.GridPos.W <= 0 || p.GridPos.H <= 0 || p.GridPos.X+p.GridPos.W > 24 {
				t.Errorf("%s: panel %q does not fit: %+v", name, p.Title, p.GridPos)
			}
			for _, q := range d.Panels[:i] {
				a, b := p.GridPos, q.GridPos
				if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
					t.Errorf("%s: panels %q and %q overlap", name, p.Title, q.Title)
				}
			}
		}
	}
}

// TestVariables: template-datasource, template-job, template-instance,
// template-on-time-change-reload.
func TestVariables(t *testing.T) {
	t.Parallel()
	for name, d := range load(t) {
		var names []string
		for _, v := range d.Templating.List {
			names = append(names, v.Name)
			switch v.Type {
			case "datasource":
				if v.Query != "prometheus" {
					t.Errorf("%s: variable %s is not of type prometheus", name, v.Name)
				}
			case "query":
				many := v.Multi && v.IncludeAll && v.AllValue == ".+"
				if v.Refresh != 2 || !isOurs(v.Datasource) || !many && v.Name != "suspect" {
					t.Errorf("%s: variable %s: %+v", name, v.Name, v)
				}
			default:
				t.Errorf("%s: variable %s is of type %q", name, v.Name, v.Type)
			}
		}
		if want := []string{"datasource", "job", "instance"}; !slices.Equal(names[:min(3, len(names))], want) {
			t.Errorf("%s: variables %v, want first %v", name, names, want)
		}
	}
}

func isOurs(d *datasource) bool { return d != nil && *d == datasource{"prometheus", "${datasource}"} }

// TestPanels: panel-datasource, panel-title-description, panel-units,
// panel-no-targets.
func TestPanels(t *testing.T) {
	t.Parallel()
	eachPanel(t, func(t *testing.T, p panel) {
		if len(p.Title) < 4 || len(p.Description) < 40 {
			t.Errorf("title %q, description %q: they say what to do when it is red", p.Title, p.Description)
		}
		unit, _ := p.FieldConfig.Defaults["unit"].(string)
		if !isOurs(p.Datasource) || unit == "" || len(p.Targets) == 0 {
			t.Errorf("datasource %+v, unit %q, %d queries", p.Datasource, unit, len(p.Targets))
		}
	})
}

// TestQueries: target-job, target-instance, target-rate-interval,
// target-counter-agg. Prometheus parses and runs every query in e2e.
func TestQueries(t *testing.T) {
	t.Parallel()
	series := regexp.MustCompile(`cryptojack_[a-z_]+(\{[^}]*\})?`)
	window := regexp.MustCompile(`\}\[([^]]*)\]`)
	counter := regexp.MustCompile(`(\w*)\(cryptojack_[a-z_]+(_total|_sum|_count)\{`)
	anyCounter := regexp.MustCompile(`cryptojack_[a-z_]+(_total|_sum|_count)\{`)
	eachPanel(t, func(t *testing.T, p panel) {
		seen := map[string]bool{}
		for _, target := range p.Targets {
			if !isOurs(target.Datasource) || seen[target.RefID] {
				t.Errorf("query %s: datasource %+v, or its name is taken", target.RefID, target.Datasource)
			}
			seen[target.RefID] = true
			found := series.FindAllString(target.Expr, -1)
			if len(found) == 0 {
				t.Errorf("no metric of ours in %s", target.Expr)
			}
			for _, one := range found {
				if !strings.Contains(one, selector) {
					t.Errorf("%s is not limited to the chosen hosts", one)
				}
			}
			for _, match := range window.FindAllStringSubmatch(target.Expr, -1) {
				if match[1] != "$__rate_interval" && match[1] != "$__range" {
					t.Errorf("a fixed window, %s, in %s", match[0], target.Expr)
				}
			}
			inside := counter.FindAllStringSubmatch(target.Expr, -1)
			if len(inside) != len(anyCounter.FindAllString(target.Expr, -1)) {
				t.Errorf("a counter outside of a function: %s", target.Expr)
			}
			for _, match := range inside {
				if !slices.Contains([]string{"rate", "irate", "increase"}, match[1]) {
					t.Errorf("a counter in %s: %s", match[1], target.Expr)
				}
			}
		}
	})
}

// TestTables holds that a table renames and hides only columns that it has.
func TestTables(t *testing.T) {
	t.Parallel()
	labels := regexp.MustCompile(`by \(([^)]*)\)`)
	eachPanel(t, func(t *testing.T, p panel) {
		columns := map[string]bool{"Time": true}
		for _, target := range p.Targets {
			columns["Value #"+target.RefID] = len(p.Targets) > 1
			for _, match := range labels.FindAllStringSubmatch(target.Expr, -1) {
				for label := range strings.SplitSeq(match[1], ", ") {
					columns[label] = true
				}
			}
		}
		columns["Value"] = len(p.Targets) == 1
		for _, transformation := range p.Transformations {
			for _, names := range []map[string]any{transformation.Options.RenameByName, transformation.Options.ExcludeByName} {
				for column := range names {
					if !columns[column] {
						t.Errorf("there is no column %q", column)
					}
				}
			}
		}
	})
}

func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`cryptojack_[a-z_]+`)
	eachPanel(t, func(t *testing.T, p panel) {
		for _, target := range p.Targets {
			for _, name := range names.FindAllString(target.Expr, -1) {
				base := strings.TrimSuffix(strings.TrimSuffix(name, "_sum"), "_count")
				if !strings.Contains(string(page), "`"+base+"`") {
					t.Errorf("%s is not in docs/metrics.md", base)
				}
			}
		}
	})
}

func TestProvisioning(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("provisioning/*/*.yml")
	if err != nil || len(names) != 2 {
		t.Fatalf("%v, %v", names, err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			APIVersion int              `yaml:"apiVersion"`
			Providers  []map[string]any `yaml:"providers"`
			Sources    []map[string]any `yaml:"datasources"`
		}
		if err := yaml.Unmarshal(content, &file); err != nil || file.APIVersion != 1 || len(file.Providers)+len(file.Sources) != 1 {
			t.Errorf("%s: %+v, %v", name, file, err)
		}
	}
}

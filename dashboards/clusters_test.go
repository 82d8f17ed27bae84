package dashboards_test

import (
	"regexp"
	"strings"
	"testing"
)

// TestClusters: with a label for clusters every query is limited to those that were
// chosen, hosts of two clusters with one address are two, and links keep the cluster.
func TestClusters(t *testing.T) {
	t.Parallel()
	all := withClusters(t)
	if len(all) != 3 {
		t.Fatalf("%d dashboards", len(all))
	}
	ofHosts := regexp.MustCompile(`\b(?:by|on) \(([^)]*\binstance\b[^)]*)\)`)
	groups, links := 0, 0
	for name, d := range all {
		var variables []string
		for _, v := range d.Templating.List {
			variables = append(variables, v.Name+" "+v.Definition)
		}
		wants := []string{
			`job label_values(cryptojack_exporter_build_info{job=~"kube-.+"}, job)`,
			`cluster label_values(cryptojack_exporter_build_info{job=~"$job"}, dc)`,
			`instance label_values(cryptojack_exporter_build_info{job=~"$job", dc=~"$cluster"}, instance)`,
		}
		if got := strings.Join(variables, "\n"); !strings.Contains(got, strings.Join(wants, "\n")) {
			t.Errorf("%s: variables\n%s\nwant\n%s", name, got, strings.Join(wants, "\n"))
		}
		var queries []string
		for _, annotation := range d.Annotations.List {
			queries = append(queries, annotation.Expr)
			if strings.Contains(annotation.Expr, `severity="critical"`) && strings.Contains(annotation.Expr, "ALERTS") && !strings.Contains(annotation.Expr, "suspect_info") {
				t.Errorf("%s: critical is called page: %s", name, annotation.Expr)
			}
		}
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				queries = append(queries, target.Expr)
			}
			if content, _ := p.Options["content"].(string); strings.Contains(content, "github.com") {
				t.Errorf("%s: a runbook of another house: %s", name, content)
			}
		}
		for _, query := range queries {
			if strings.Count(query, selector) != strings.Count(query, selector+`, dc=~"$cluster"`) {
				t.Errorf("%s: not limited to the chosen clusters: %s", name, query)
			}
			for _, labels := range ofHosts.FindAllStringSubmatch(query, -1) {
				groups++
				if !strings.HasSuffix(labels[1], ", dc") {
					t.Errorf("%s: hosts of two clusters are taken for one: %s", name, query)
				}
			}
		}
		for _, link := range linksOf(d) {
			links++
			cluster := "&${cluster:queryparam}"
			if strings.Contains(link, "&var-instance=") {
				cluster = "&var-cluster=${__data.fields.Cluster}"
			}
			if !strings.Contains(link, cluster) {
				t.Errorf("%s: the link %s loses the cluster", name, link)
			}
		}
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				if p.Type == "table" && strings.Contains(target.Expr, "by (job, instance") {
					expectClusterColumn(t, name, p)
				}
			}
		}
	}
	if groups < 60 || links < 6 {
		t.Errorf("%d groups and %d links were looked at", groups, links)
	}
}

// expectClusterColumn wants the cluster beside the host.
func expectClusterColumn(t *testing.T, name string, p panel) {
	t.Helper()
	for _, transformation := range p.Transformations {
		if names := transformation.Options.RenameByName; names != nil && names["instance"] != nil && names["dc"] != "Cluster" {
			t.Errorf("%s: the table %q does not name the cluster", name, p.Title)
		}
	}
}

package dashboards_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDrillDown holds that the dashboards lead from the fleet over a host to a
// suspect, with the time and the data source, and that no link goes nowhere.
func TestDrillDown(t *testing.T) {
	t.Parallel()
	all := load(t)
	variables := map[string][]string{} // by uid
	for _, d := range all {
		for _, v := range d.Templating.List {
			variables[d.UID] = append(variables[d.UID], v.Name)
		}
	}
	url := regexp.MustCompile(`^/d/([a-z-]+)\?(.*)&var-([a-z]+)=\$\{__value\.raw\}$`)
	kept := regexp.MustCompile(`^\$\{([a-z]+):queryparam\}$`)
	leads := map[string]bool{}
	for _, d := range all {
		for _, one := range linksOf(d) {
			match := url.FindStringSubmatch(one)
			if match == nil {
				t.Errorf("%s: a link of another form: %s", d.UID, one)
				continue
			}
			to := match[1]
			leads[d.UID+" "+to] = true
			if !slices.Contains(variables[to], match[3]) {
				t.Errorf("%s: the link %s sets a variable that %s has not", d.UID, one, to)
			}
			given := strings.Split(match[2], "&")
			if !slices.Contains(given, "${__url_time_range}") || !slices.Contains(given, "${datasource:queryparam}") || !slices.Contains(given, "${job:queryparam}") {
				t.Errorf("%s: the link %s loses the time, the data source or the job", d.UID, one)
			}
			for _, name := range given[1:] {
				variable := kept.FindStringSubmatch(name)
				if variable == nil || !slices.Contains(variables[d.UID], variable[1]) || !slices.Contains(variables[to], variable[1]) {
					t.Errorf("%s: the link %s keeps %s, which one of the two has not", d.UID, one, name)
				}
			}
		}
		if len(d.Links) != 1 || !d.Links[0].IncludeVars || !d.Links[0].KeepTime || !slices.Equal(d.Links[0].Tags, []string{"cryptojack"}) {
			t.Errorf("%s: no links to the others: %+v", d.UID, d.Links)
		}
	}
	for _, want := range []string{
		"cryptojack-fleet cryptojack-host", "cryptojack-fleet cryptojack-suspect",
		"cryptojack-host cryptojack-suspect", "cryptojack-suspect cryptojack-host",
	} {
		if !leads[want] {
			t.Errorf("no link %s", want)
		}
	}
}

// linksOf returns the addresses of all data links.
func linksOf(d dashboard) []string {
	var all []string
	for _, p := range d.Panels {
		for _, override := range p.FieldConfig.Overrides {
			for _, property := range override.Properties {
				if property.ID != "links" {
					continue
				}
				for _, link := range property.Value.([]any) {
					all = append(all, link.(map[string]any)["url"].(string))
				}
			}
		}
	}
	return all
}

// TestVariablesExist: a query that names a variable which its dashboard has not
// is sent as it is, and finds nothing.
func TestVariablesExist(t *testing.T) {
	t.Parallel()
	used := regexp.MustCompile(`\$([a-z_]+)`)
	for name, d := range both(t) {
		known := []string{"__rate_interval", "__range"}
		for _, v := range d.Templating.List {
			known = append(known, v.Name)
		}
		texts := map[string]string{}
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				texts[p.Title+" "+target.RefID] = target.Expr
			}
			if content, ok := p.Options["content"].(string); ok {
				texts[p.Title] = content
			}
		}
		for _, v := range d.Templating.List {
			texts["variable "+v.Name] = v.Definition
		}
		for where, text := range texts {
			for _, match := range used.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(known, match[1]) {
					t.Errorf("%s: %s: no variable %s", name, where, match[1])
				}
			}
		}
	}
}

package dashboards_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const grey = "#808080"

// meaning of each colour: how bad it is. What is not visible is none of them.
func meaning() map[string]int {
	return map[string]int{"green": 0, "blue": 1, "orange": 2, "red": 3, grey: -1}
}

// TestThresholds: every scale begins with grey, the colour of null, and goes
// one way: from fine to worse, or from unseen to fine.
func TestThresholds(t *testing.T) {
	t.Parallel()
	eachPanel(t, func(t *testing.T, p panel) {
		for _, found := range find(p, "thresholds") {
			steps := found.(map[string]any)["steps"].([]any)
			var path []int
			for i, one := range steps {
				step := one.(map[string]any)
				color := step["color"].(string)
				level, ok := meaning()[color]
				if !ok || i == 0 && (color != grey || step["value"] != nil) {
					t.Errorf("step %d is %v: the first is grey, from null on, and all have a meaning", i, step)
				}
				if level >= 0 {
					path = append(path, level)
				}
			}
			down := slices.Clone(path)
			slices.Reverse(down)
			if len(steps) < 2 || !slices.IsSorted(path) && !slices.IsSorted(down) {
				t.Errorf("the colours go to and fro: %v", steps)
			}
		}
	})
}

// TestMappings: what has no data or cannot be seen is grey, and a word has one
// colour everywhere.
func TestMappings(t *testing.T) {
	t.Parallel()
	colorOf := map[string]string{"critical": "red", "Miner": "red", "warning": "orange", "Suspicious": "orange", "info": "blue", "Quiet": "green", "Blind": grey, "No data": grey}
	for name, d := range load(t) {
		for _, p := range d.Panels {
			for _, found := range find(p, "mappings") {
				for _, mapping := range found.([]any) {
					m := mapping.(map[string]any)
					options := m["options"].(map[string]any)
					if m["type"] == "special" {
						options = map[string]any{"null": options["result"]}
					}
					for _, result := range options {
						text, color := result.(map[string]any)["text"].(string), result.(map[string]any)["color"].(string)
						if want, ok := colorOf[text]; ok && color != want || m["type"] == "special" && color != grey {
							t.Errorf("%s: %q: %q is %s", name, p.Title, text, color)
						}
						colorOf[text] = color
					}
				}
			}
			// Grafana shows the steps of thresholds instead of words.
			if merged, _ := p.Options["mergeValues"].(bool); merged && strings.Contains(fmt.Sprint(p.FieldConfig.Defaults["mappings"]), "type:value") && strings.Contains(fmt.Sprint(p.FieldConfig.Defaults["color"]), "thresholds") {
				t.Errorf("%s: %q: its words are not shown", name, p.Title)
			}
			if p.Type == "stat" || p.Type == "state-timeline" || p.Type == "status-history" {
				if !strings.Contains(fmt.Sprint(p.FieldConfig.Defaults["mappings"]), "No data") {
					t.Errorf("%s: %q does not say that it has no data", name, p.Title)
				}
			}
		}
	}
}

// TestNoPalette: the classic palette paints any line red or green.
func TestNoPalette(t *testing.T) {
	t.Parallel()
	eachPanel(t, func(t *testing.T, p panel) {
		colors := find(p, "color")
		if len(colors) == 0 && p.Type != "table" {
			t.Error("it has the palette, in which red is any line")
		}
		for _, found := range colors {
			color, ok := found.(map[string]any)
			if !ok {
				continue // of a step or a mapping
			}
			if mode := color["mode"]; mode != "fixed" && mode != "thresholds" && mode != "continuous-BlPu" {
				t.Errorf("colours by %v mean nothing", mode)
			}
			if fixed, _ := color["fixedColor"].(string); strings.Contains(fixed, "green") || strings.Contains(fixed, "yellow") {
				t.Errorf("a line in %s: green is only what was judged to be fine", fixed)
			}
		}
	})
}

// TestDescriptionsTellColours: whoever sees a colour finds in the description
// what it means here and what to do.
func TestDescriptionsTellColours(t *testing.T) {
	t.Parallel()
	eachPanel(t, func(t *testing.T, p panel) {
		text := strings.ToLower(p.Description)
		for _, color := range []string{"red", "orange"} {
			if used := regexp.MustCompile(`\b` + color + `\b`); used.MatchString(fmt.Sprint(p.FieldConfig)) && !used.MatchString(text) {
				t.Errorf("it can be %s, and the description does not say what then: %q", color, p.Description)
			}
		}
		if p.Type == "stat" && !strings.Contains(text, "grey") && !strings.Contains(text, "no data") {
			t.Errorf("the description does not say what grey means: %q", p.Description)
		}
	})
}

// TestNoFalseZero: a 0 that does not come from an exporter is green without
// anything having been seen.
func TestNoFalseZero(t *testing.T) {
	t.Parallel()
	eachPanel(t, func(t *testing.T, p panel) {
		for _, target := range p.Targets {
			if strings.Contains(target.Expr, "vector(") || strings.Contains(target.Expr, "absent") {
				t.Errorf("it has a value without any data: %s", target.Expr)
			}
		}
	})
}

// find returns every value of a key in a panel's field configuration, be it a
// default, a property of an override, or within one of them.
func find(p panel, key string) []any {
	var found []any
	var walk func(any)
	walk = func(value any) {
		switch v := value.(type) {
		case map[string]any:
			for name, inner := range v {
				if name == key {
					found = append(found, inner)
				}
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(p.FieldConfig.Defaults)
	for _, override := range p.FieldConfig.Overrides {
		for _, property := range override.Properties {
			if property.ID == key {
				found = append(found, property.Value)
			}
			walk(property.Value)
		}
	}
	return found
}

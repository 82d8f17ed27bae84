package houses_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// query is an expression of a rule, or a question of its text.
type query struct {
	of, text string
	ofText   bool
}

// queries reads all of the rules. In the questions of texts, %s stands for the matchers
// of the host, or for a value.
func queries(t *testing.T, directory string) []query {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert       string            `yaml:"alert"`
				Record      string            `yaml:"record"`
				Expr        string            `yaml:"expr"`
				Annotations map[string]string `yaml:"annotations"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	decode(t, filepath.Join(directory, "alerts/cryptojack.rules.yml"), &file)
	question := regexp.MustCompile(`(?:printf|query) "([^"]*)"`)
	var all []query
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			of := rule.Alert + rule.Record
			all = append(all, query{of: of, text: rule.Expr})
			for _, found := range question.FindAllStringSubmatch(rule.Annotations["description"], -1) {
				text := found[1]
				if !strings.ContainsAny(text, "({") || strings.HasPrefix(text, "%") { // a format of numbers
					continue
				}
				text = strings.ReplaceAll(text, "'%s'", "'value'")
				all = append(all, query{of, strings.ReplaceAll(text, "%s", "instance='of the alert'"), true})
			}
		}
	}
	if len(all) < 80 {
		t.Fatalf("%d queries", len(all))
	}
	return all
}

// TestQueriesDifferInNothingElse: without the matchers for the job and the label for
// clusters, every query of every house is that of the house without flags; and each has
// them where it must.
func TestQueriesDifferInNothingElse(t *testing.T) {
	t.Parallel()
	plain := queries(t, house{}.assets(t))
	for _, h := range all()[1:] {
		t.Run(h.name(), func(t *testing.T) {
			t.Parallel()
			for i, q := range queries(t, h.assets(t)) {
				expr, err := parser.NewParser(parser.Options{}).ParseExpr(q.text)
				if err != nil {
					t.Errorf("%s: %v: %s", q.of, err, q.text)
					continue
				}
				h.strip(t, q, expr)
				want, err := parser.NewParser(parser.Options{}).ParseExpr(plain[i].text)
				if err != nil {
					t.Fatal(err)
				}
				if q.of != plain[i].of || expr.String() != want.String() {
					t.Errorf("%s asks\n%s\nand not as %s\n%s", q.of, expr, plain[i].of, want)
				}
			}
		})
	}
}

// strip takes out what the house put into a query, and tells where it is missing.
func (h house) strip(t *testing.T, q query, expr parser.Expr) {
	t.Helper()
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch node := node.(type) {
		case *parser.VectorSelector:
			before := len(node.LabelMatchers)
			isHost := slices.ContainsFunc(node.LabelMatchers, func(m *labels.Matcher) bool { return m.Value == "of the alert" })
			if h.job {
				node.LabelMatchers = slices.DeleteFunc(node.LabelMatchers, func(m *labels.Matcher) bool { return m.Name == "job" && m.Value == jobs })
			}
			name := node.Name
			// An exporter of another job at the address is one, too.
			ours := strings.HasPrefix(name, "cryptojack_") && name != "cryptojack_exporter_build_info"
			if h.job && ours && !isHost && len(node.LabelMatchers) == before {
				t.Errorf("%s: %s is not limited to the job", q.of, node)
			}
		case *parser.AggregateExpr:
			if !node.Without {
				node.Grouping = h.stripLabel(t, q, node.Grouping)
			}
		case *parser.BinaryExpr:
			if node.VectorMatching != nil && node.VectorMatching.On {
				node.VectorMatching.MatchingLabels = h.stripLabel(t, q, node.VectorMatching.MatchingLabels)
			}
		}
		return nil
	})
}

func (h house) stripLabel(t *testing.T, q query, names []string) []string {
	t.Helper()
	ofHosts := slices.ContainsFunc(names, func(name string) bool { return name == "instance" || name == "host" || name == "cryptojack_host" })
	has := slices.Contains(names, clusterLabel)
	if has != (h.cluster && ofHosts) {
		t.Errorf("%s: hosts are told apart by %v in %s", q.of, names, q.text)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == clusterLabel })
}

// Package alerts_test holds the alert rules to their promises.
package alerts_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

type ruleFile struct {
	Groups []struct {
		Rules []struct {
			Alert       string            `yaml:"alert"`
			Expr        string            `yaml:"expr"`
			Labels      map[string]string `yaml:"labels"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestEveryAlertIsComplete(t *testing.T) {
	t.Parallel()
	var file ruleFile
	if err := yaml.Unmarshal([]byte(read(t, "cryptojack.rules.yml")), &file); err != nil {
		t.Fatal(err)
	}
	tests := read(t, "cryptojack.rules.test.yml")
	count := 0
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			count++
			if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" || rule.Labels["severity"] == "" {
				t.Errorf("%s lacks a summary, a description or a severity", rule.Alert)
			}
			page := filepath.Join("runbooks", rule.Alert+".md")
			if !strings.HasSuffix(rule.Annotations["runbook_url"], page) || len(read(t, page)) < 300 {
				t.Errorf("%s: runbook %s", rule.Alert, rule.Annotations["runbook_url"])
			}
			for _, kind := range []string{" fires", " stays silent"} {
				if !strings.Contains(tests, "name: "+rule.Alert+kind+"\n") {
					t.Errorf("no test holds that %s%s", rule.Alert, kind)
				}
			}
		}
	}
	if count < 9 {
		t.Errorf("%d alerts, want at least 9", count)
	}
}

func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	readme := read(t, "../README.md")
	names := regexp.MustCompile(`cryptojack_[a-z_]+`).FindAllString(read(t, "cryptojack.rules.yml"), -1)
	if len(names) == 0 {
		t.Fatal("the rules name no metric")
	}
	for _, name := range names {
		if name != "cryptojack_exporter" && !strings.Contains(readme, "`"+name+"`") {
			t.Errorf("%s is not in the README's table", name)
		}
	}
}

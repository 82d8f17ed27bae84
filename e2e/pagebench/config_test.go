package main

import (
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestReceivers: of the shipped configuration only the receivers' targets change.
func TestReceivers(t *testing.T) {
	t.Parallel()
	shipped, err := os.ReadFile("../../alerts/alertmanager.yml")
	if err != nil {
		t.Fatal(err)
	}
	changed, err := withReceivers(shipped, "http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	var before, after map[string]any
	for content, into := range map[string]*map[string]any{string(shipped): &before, string(changed): &after} {
		if err := yaml.Unmarshal([]byte(content), into); err != nil {
			t.Fatal(err)
		}
	}
	was, is := before["receivers"].([]any), after["receivers"].([]any)
	delete(before, "receivers")
	delete(after, "receivers")
	same(t, "all but the receivers", before, after)
	if len(was) != len(is) {
		t.Fatalf("%d receivers, were %d", len(is), len(was))
	}
	for i := range was {
		old := was[i].(map[string]any)
		want := map[string]any{"name": old["name"]}
		if len(old) > 1 {
			want["webhook_configs"] = []any{map[string]any{"url": "http://127.0.0.1:1"}}
		}
		same(t, "a receiver", want, is[i])
	}
	if _, err := withReceivers([]byte("route: {}\n"), "x"); err == nil || !strings.Contains(err.Error(), "no receivers") {
		t.Errorf("without receivers the error is %v", err)
	}
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	wanted, _ := yaml.Marshal(want)
	is, _ := yaml.Marshal(got)
	if string(wanted) != string(is) {
		t.Errorf("%s: want\n%s\ngot\n%s", what, wanted, is)
	}
}

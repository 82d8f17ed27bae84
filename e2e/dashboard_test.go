package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mayBeEmpty are the panels that have nothing to show on a host where nothing
// goes wrong.
func mayBeEmpty() map[string]bool {
	return map[string]bool{"Read errors": true, "Suspicious entries": true, "Changes to what starts by itself": true}
}

// dashboardsShowTheIncident runs every query of every shipped dashboard on the
// Prometheus that saw the incident: none fails, and no panel is empty.
func dashboardsShowTheIncident(t *testing.T, running *incident) {
	names, err := filepath.Glob("../dashboards/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	variables := strings.NewReplacer("$__rate_interval", "1m", "$__range", "10m", "$job", ".+", "$instance", ".+")
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var dashboard struct {
			Panels []struct {
				Title   string
				Targets []struct{ RefID, Expr string }
			}
		}
		if err := json.Unmarshal(content, &dashboard); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, panel := range dashboard.Panels {
			for _, target := range panel.Targets {
				eventually(t, 30*time.Second, fmt.Sprintf("query %s of %q in %s has an answer", target.RefID, panel.Title, name), func() error {
					rows, err := query(running.prometheus, variables.Replace(target.Expr))
					if err == nil && rows == 0 && !mayBeEmpty()[panel.Title] {
						err = fmt.Errorf("no data: %s", target.Expr)
					}
					return err
				})
			}
		}
	}
}

// query returns how many series Prometheus answers with.
func query(prometheus, expression string) (int, error) {
	response, err := http.Get(prometheus + "/api/v1/query?query=" + url.QueryEscape(expression))
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	var answer struct {
		Error string
		Data  struct{ Result []any }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return 0, fmt.Errorf("query %s: %s: %w", expression, response.Status, err)
	}
	if answer.Error != "" {
		return 0, fmt.Errorf("query %s: %s", expression, answer.Error)
	}
	return len(answer.Data.Result), nil
}

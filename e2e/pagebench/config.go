package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// configureAlertmanager makes a configuration of the shipped example that sends
// everything to the pager, and returns its path.
func configureAlertmanager(directory, pagerURL string) (string, error) {
	shipped, err := os.ReadFile(filepath.Join(directory, "alerts", "alertmanager.yml"))
	if err != nil {
		return "", err
	}
	routed, err := withReceivers(shipped, pagerURL)
	if err != nil {
		return "", fmt.Errorf("alertmanager.yml: %w", err)
	}
	// Beside the shipped one, so that the templates are found.
	path := filepath.Join(directory, "alerts", "pagebench.yml")
	return path, os.WriteFile(path, routed, 0o600)
}

// configurePrometheus makes a configuration with the shipped rules, and returns
// its path.
func configurePrometheus(directory, exporter, alertmanager string) (string, error) {
	path := filepath.Join(directory, "prometheus.yml")
	return path, os.WriteFile(path, fmt.Appendf(nil, `
global: {scrape_interval: %[1]s, evaluation_interval: %[1]s}
rule_files: [alerts/*.rules.yml]
scrape_configs:
  - job_name: cryptojack
    static_configs: [{targets: [%[2]q]}]
alerting:
  alertmanagers:
    - static_configs: [{targets: [%[3]q]}]
`, period, exporter, alertmanager), 0o600)
}

// withReceivers sends what the receivers of a configuration would send to the
// pager instead. Routes, times and inhibition stay.
func withReceivers(config []byte, pagerURL string) ([]byte, error) {
	var whole map[string]any
	if err := yaml.Unmarshal(config, &whole); err != nil {
		return nil, err
	}
	receivers, ok := whole["receivers"].([]any)
	if !ok {
		return nil, errors.New("it has no receivers")
	}
	for i := range receivers {
		receiver, ok := receivers[i].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("receiver %d is no mapping", i)
		}
		replacement := map[string]any{"name": receiver["name"]}
		for key := range receiver {
			if strings.HasSuffix(key, "_configs") {
				replacement["webhook_configs"] = []any{map[string]any{"url": pagerURL}}
			}
		}
		receivers[i] = replacement
	}
	return yaml.Marshal(whole)
}

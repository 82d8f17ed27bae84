package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// writeConfigs has the exporter write its assets into the directory, and makes
// the configurations of Prometheus and Alertmanager of them.
func writeConfigs(ctx context.Context, set settings, directory string, target, alertmanager, hookURL string) error {
	output, err := exec.CommandContext(ctx, set.exporter, "assets", directory).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s assets: %w: %s", set.exporter, err, output)
	}
	shipped, err := os.ReadFile(filepath.Join(directory, "alerts", "alertmanager.yml"))
	if err != nil {
		return err
	}
	routed, err := withReceivers(shipped, hookURL)
	if err != nil {
		return fmt.Errorf("alertmanager.yml: %w", err)
	}
	prometheus := fmt.Sprintf(`
global: {scrape_interval: %[1]s, evaluation_interval: %[1]s}
rule_files: [alerts/*.rules.yml]
scrape_configs:
  - job_name: cryptojack
    static_configs: [{targets: [%[2]q]}]
alerting:
  alertmanagers:
    - static_configs: [{targets: [%[3]q]}]
`, period, target, alertmanager)
	return errors.Join(
		os.WriteFile(filepath.Join(directory, "prometheus.yml"), []byte(prometheus), 0o600),
		// Beside the shipped one, so that the templates are found.
		os.WriteFile(filepath.Join(directory, "alerts", "pagebench.yml"), routed, 0o600),
	)
}

// withReceivers sends what the receivers of a configuration would send to the
// hook instead. Routes, times and inhibition stay.
func withReceivers(config []byte, hookURL string) ([]byte, error) {
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
				replacement["webhook_configs"] = []any{map[string]any{"url": hookURL}}
			}
		}
		receivers[i] = replacement
	}
	return yaml.Marshal(whole)
}

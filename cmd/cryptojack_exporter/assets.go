package main

import (
	"fmt"
	"io"

	"github.com/cryptojack-exporter/cryptojack_exporter/alerts"
	"github.com/cryptojack-exporter/cryptojack_exporter/dashboards"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/assets"
)

// writeAssets writes what Prometheus, Alertmanager and Grafana need.
func writeAssets(o *options, stdout, stderr io.Writer) int {
	folders := []assets.Folder{{Name: "alerts", Files: alerts.Files()}, {Name: "dashboards", Files: dashboards.Files()}}
	if err := assets.Write(o.assetsDirectory, folders, stdout); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", programName, err)
		return exitFailure
	}
	return exitOK
}

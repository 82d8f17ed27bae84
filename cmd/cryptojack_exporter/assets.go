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
	folders, err := assetFolders(o.house)
	if err == nil {
		err = assets.Write(o.assetsDirectory, folders, stdout)
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", programName, err)
		return exitFailure
	}
	return exitOK
}

func assetFolders(house assets.House) ([]assets.Folder, error) {
	rules, err := alerts.Files(house)
	if err != nil {
		return nil, err
	}
	boards, err := dashboards.Files(house)
	if err != nil {
		return nil, err
	}
	mixin, err := alerts.Mixin()
	if err != nil {
		return nil, err
	}
	return []assets.Folder{{Name: "alerts", Files: rules}, {Name: "dashboards", Files: boards}, {Name: ".", Files: mixin}}, nil
}

package main

import (
	"fmt"
	"io"

	"github.com/cryptojack-exporter/cryptojack_exporter/alerts"
	"github.com/cryptojack-exporter/cryptojack_exporter/dashboards"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/assets"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/sigma"
)

// writeAssets writes what Prometheus, Alertmanager, Grafana and collectors of events need.
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
	events, err := sigma.Files()
	if err != nil {
		return nil, err
	}
	return []assets.Folder{{Name: "alerts/sigma", Files: events}, {Name: "alerts", Files: rules}, {Name: "dashboards", Files: boards}, {Name: ".", Files: mixin}}, nil
}

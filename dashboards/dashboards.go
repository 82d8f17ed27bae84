// Package dashboards holds Grafana's dashboards and provisioning, so that the
// program can write those that fit its version.
package dashboards

import (
	"embed"
	"io/fs"
)

//go:embed *.json provisioning
var files embed.FS

// Files are those of this folder that a user needs.
func Files() fs.FS { return files }

// Package alerts holds the alert rules, their runbooks and the example for
// Alertmanager, so that the program can write those that fit its version.
package alerts

import (
	"embed"
	"io/fs"
)

//go:embed *.rules.yml alertmanager.yml templates/*.tmpl runbooks/*.md
var files embed.FS

// Files are those of this folder that a user needs, without their tests.
func Files() fs.FS { return files }

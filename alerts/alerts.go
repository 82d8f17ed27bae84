// Package alerts holds the alert rules, their runbooks and the example for
// Alertmanager, so that the program can write those that fit its version and a house.
package alerts

import (
	"embed"
	"io/fs"
	"path"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/assets"
)

//go:embed source runbooks/*.md
var files embed.FS

// Files are those of this folder that a user needs, without their tests: what lies in
// source with the house put in, and the runbooks.
func Files(house assets.House) (map[string][]byte, error) {
	all, err := house.Render(files, "source")
	if err != nil {
		return nil, err
	}
	pages, err := fs.Glob(files, "runbooks/*.md")
	if err != nil {
		return nil, err
	}
	for _, page := range pages {
		if all[path.Join("runbooks", path.Base(page))], err = files.ReadFile(page); err != nil {
			return nil, err
		}
	}
	return all, nil
}

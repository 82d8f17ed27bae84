// Package dashboards holds Grafana's dashboards and provisioning, so that the
// program can write those that fit its version and a house.
package dashboards

import (
	"embed"
	"io/fs"

	"github.com/cryptojack-exporter/cryptojack_exporter/dashboards/generate"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/assets"
)

//go:embed provisioning
var files embed.FS

// Files are those of this folder that a user needs.
func Files(house assets.House) (map[string][]byte, error) {
	if err := house.Check(); err != nil {
		return nil, err
	}
	all, err := generate.Files(house)
	if err != nil {
		return nil, err
	}
	err = fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		all[name], err = files.ReadFile(name)
		return err
	})
	return all, err
}

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
func Files() (map[string][]byte, error) {
	all := map[string][]byte{}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		all[name], err = files.ReadFile(name)
		return err
	})
	return all, err
}

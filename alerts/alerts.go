// Package alerts holds the alert rules, their runbooks and the example for
// Alertmanager, so that the program can write those that fit its version and a house.
package alerts

import (
	"embed"
	"io/fs"
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/assets"
)

// mixinName is the only file of source that belongs above this folder.
const mixinName = "mixin.libsonnet"

//go:embed source runbooks/*.md
var files embed.FS

// Files are those of this folder that a user needs, without their tests: what lies in
// source with the house put in, and the runbooks.
func Files(house assets.House) (map[string][]byte, error) {
	all, err := house.Render(files, "source")
	if err != nil {
		return nil, err
	}
	delete(all, mixinName)
	pages, err := Runbooks()
	if err != nil {
		return nil, err
	}
	for alert, text := range pages {
		all["runbooks/"+alert+".md"] = text
	}
	return all, nil
}

// Runbooks are the texts in Markdown by the names of their alerts.
func Runbooks() (map[string][]byte, error) {
	names, err := fs.Glob(files, "runbooks/*.md")
	if err != nil {
		return nil, err
	}
	texts := map[string][]byte{}
	for _, name := range names {
		alert := strings.TrimSuffix(path.Base(name), ".md")
		if texts[alert], err = files.ReadFile(name); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// Mixin is a file for the directory above: it gives rules and dashboards to jsonnet.
func Mixin() (map[string][]byte, error) {
	content, err := files.ReadFile(path.Join("source", mixinName))
	return map[string][]byte{mixinName: content}, err
}

// Package generate makes Grafana's dashboards. They are written as code because the
// three share most of what they are made of, and because houses differ.
package generate

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/assets"
)

// Files are the dashboards by their names, for a house that has been checked.
func Files(h assets.House) (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, d := range (house{h}).dashboards() {
		content, err := d.encode()
		if err != nil {
			return nil, err
		}
		all[d.UID+".json"] = content
	}
	return all, nil
}

// dashboards are in the order in which a person follows them.
func (h house) dashboards() []dashboard { return []dashboard{h.fleet(), h.oneHost(), h.suspect()} }

// encode returns the file's content: the same for the same dashboard.
func (d dashboard) encode() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false) // queries compare
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d); err != nil {
		return nil, fmt.Errorf("%s: %w", d.UID, err)
	}
	return out.Bytes(), nil
}

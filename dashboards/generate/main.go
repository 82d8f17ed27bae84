// Command generate writes Grafana's dashboards into a directory. They are
// written as code because the three share most of what they are made of.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate DIRECTORY")
		os.Exit(2)
	}
	for _, d := range dashboards() {
		content, err := d.encode()
		if err == nil {
			err = os.WriteFile(filepath.Join(os.Args[1], d.UID+".json"), content, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// dashboards are in the order in which a person follows them.
func dashboards() []dashboard { return []dashboard{fleet(), oneHost(), suspect()} }

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

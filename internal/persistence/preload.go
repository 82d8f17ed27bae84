package persistence

import (
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/persistence/shell"
)

// preload parses /etc/ld.so.preload (ld.so(8)): libraries that are put into every
// program. Hardly a host has any.
func preload(d document) parsed {
	p := parsed{}
	for number, line := range eachLine(d.text, "#") {
		line, _, _ = strings.Cut(line, "#")
		for _, library := range strings.FieldsFunc(line, shell.IsLibrarySeparator) {
			c := d.context("")
			c.Dialect = shell.Library
			v := shell.Analyze(library, c)
			v.Suspect(shell.Suspicion{Reason: model.PersistencePreloaded, Evidence: library})
			p.add(d, library, entry(number, "", library, v))
		}
	}
	return p
}

// modules parses modules-load.d(5): a kernel module in each line.
func modules(d document) parsed {
	p := parsed{}
	for number, line := range eachLine(d.text, "#;") {
		p.add(d, line, model.PersistenceEntry{Line: number, Command: line})
	}
	return p
}

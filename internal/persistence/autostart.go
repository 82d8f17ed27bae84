package persistence

import (
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// desktopEntry parses an XDG autostart file: Exec= of its main group.
func desktopEntry(d document) parsed {
	p := parsed{}
	group := ""
	e := model.PersistenceEntry{User: d.home.user}
	for number, line := range eachLine(d.text, "#") {
		if strings.HasPrefix(line, "[") {
			group = line
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if group != "[Desktop Entry]" || !ok || strings.TrimSpace(name) != "Exec" {
			continue
		}
		value = strings.TrimSpace(value)
		// A string is escaped twice in the file; %f and its like are no arguments.
		command := strings.ReplaceAll(value, `\\`, `\`)
		e = entry(number, d.home.user, value, d.analyze(command, d.home.user))
	}
	p.add(d, d.text, e)
	return p
}

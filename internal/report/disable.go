package report

import (
	"fmt"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// disable names what switches off entries that start programs by themselves. A
// line is made a comment, so that it can be looked at later; a unit is stopped; a
// file that is one entry as a whole is moved away.
func disable(findings []*model.Finding, severity model.Severity) []string {
	var commands []string
	for _, finding := range findings {
		if finding.Severity != severity {
			continue
		}
		entry := finding.Persistence
		switch {
		case entry.Unit != "":
			option := ""
			if strings.HasPrefix(entry.Unit, "-") {
				option = "-- "
			}
			commands = appendNew(commands, "systemctl disable --now "+option+shellWord(entry.Unit))
		case entry.Kind == model.PersistencePreload:
			commands = appendNew(commands, fmt.Sprintf("sed -i %dd %s", entry.Line, shellQuote(entry.Path))) // it knows no comments
		case entry.Line > 0:
			commands = appendNew(commands, fmt.Sprintf("sed -i '%ds/^/# /' %s", entry.Line, shellQuote(entry.Path)))
		default:
			commands = appendNew(commands, "mv -- "+shellQuote(entry.Path)+" ./evidence-"+string(entry.Kind))
		}
	}
	return commands
}

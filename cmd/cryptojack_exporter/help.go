package main

import (
	"strings"

	"github.com/alecthomas/kingpin/v2"
)

// flagGroup is what --help shows together.
type flagGroup struct {
	Title string
	Flags []*kingpin.FlagModel
}

// flagGroups sorts flags into groups by the beginnings of their names, in the order in which one needs them.
func flagGroups(flags []*kingpin.FlagModel) []flagGroup {
	groups := []flagGroup{
		{Title: "Flags"}, // of the command, and those of no group
		{Title: "Configuration and log"},
		{Title: "Web"},
		{Title: "What is looked at"},
		{Title: "How it is looked at"},
	}
	beginnings := [][]string{nil, {"config.", "log.", "findings.", "state."}, {"web."}, {"collector.", "path."}, {"source.", "process.", "respawn.", "files.", "sockets.", "persistence."}}
	for _, flag := range flags {
		in := 0
		for i, all := range beginnings {
			for _, beginning := range all {
				if strings.HasPrefix(flag.Name, beginning) {
					in = i
				}
			}
		}
		groups[in].Flags = append(groups[in].Flags, flag)
	}
	return groups
}

// groupedUsage is kingpin's own template for --help, but that flags are shown in groups.
func groupedUsage() string {
	const flat = "Flags:\n{{.Context.Flags|FlagsToTwoColumns|FormatTwoColumns}}"
	const grouped = "{{range .Context.Flags|FlagGroups}}{{if .Flags}}{{.Title}}:\n{{.Flags|FlagsToTwoColumns|FormatTwoColumns}}\n{{end}}{{end -}}"
	return strings.Replace(kingpin.DefaultUsageTemplate, flat, grouped, 1)
}

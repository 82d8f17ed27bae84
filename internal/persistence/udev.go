package persistence

import (
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/persistence/shell"
)

// udevRules parses the rules of udev(7) that run a program.
func udevRules(d document) parsed {
	p := parsed{}
	for number, line := range eachJoinedLine(d.text, "#", "") {
		commands := udevCommands(line)
		if len(commands) == 0 {
			continue
		}
		v := shell.Verdict{}
		for _, command := range commands {
			v.Merge(d.analyze(command, "root"))
		}
		p.add(d, line, entry(number, "root", strings.Join(commands, "\n"), v))
	}
	return p
}

// udevCommands takes the programs out of a rule.
func udevCommands(line string) []string {
	var commands []string
	for line != "" {
		at := strings.IndexByte(line, '"')
		if at < 0 {
			break
		}
		key := strings.TrimRight(line[:at], "=+:!- \te")
		end, rest := quoted(line[at+1:])
		key = key[strings.LastIndexAny(key, ", \t")+1:]
		switch key {
		case "RUN", "RUN{program}", "PROGRAM", "IMPORT{program}":
			if strings.TrimSpace(end) != "" {
				commands = append(commands, end)
			}
		}
		line = rest
	}
	return commands
}

// quoted reads a value up to its quote.
func quoted(text string) (value, rest string) {
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
		} else if text[i] == '"' {
			return strings.ReplaceAll(text[:i], `\"`, `"`), text[i+1:]
		}
	}
	return text, ""
}

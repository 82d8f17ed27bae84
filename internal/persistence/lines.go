package persistence

import (
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// preload understands /etc/ld.so.preload (ld.so(8)): libraries that are put into
// every program, separated by spaces or colons. Hardly a host has any.
func preload(d document) parsed {
	p := parsed{}
	number := 0
	for line := range strings.Lines(d.text) {
		number++
		line, _, _ = strings.Cut(line, "#")
		for _, library := range strings.FieldsFunc(line, isPreloadSeparator) {
			v := verdict{}
			j := newJudge(library, scope{known: d.known}, &v, &budget{})
			j.line, j.command = number, library
			j.file(target{word: word{text: library}, bare: true}, nil)
			v.suspect(suspicion{reason: model.PersistencePreloaded, evidence: library, line: number})
			p.add(d, library, entry(number, "", library, v))
		}
	}
	return p
}

// modules understands modules-load.d(5): a kernel module in each line.
func modules(d document) parsed {
	p := parsed{}
	number := 0
	for line := range strings.Lines(d.text) {
		number++
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' && line[0] != ';' {
			p.add(d, line, model.PersistenceEntry{Line: number, Command: line})
		}
	}
	return p
}

// authorizedKeys understands the keys of sshd(8). No part of a key or of its
// options is kept, only its type and comment: what counts is the change.
func authorizedKeys(d document) parsed {
	p := parsed{}
	number := 0
	for line := range strings.Lines(d.text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		p.add(d, line, model.PersistenceEntry{Line: number, User: d.home.user, Command: describeKey(line)})
	}
	return p
}

// describeKey is the type and the comment of a key.
func describeKey(line string) string {
	fields := strings.Fields(line)
	for i, f := range fields {
		if !isKeyType(f) || i+1 >= len(fields) || !isKeyData(fields[i+1]) {
			continue
		}
		return strings.Join(append([]string{f}, fields[i+2:]...), " ")
	}
	return ""
}

func isKeyType(text string) bool {
	return strings.HasPrefix(text, "ssh-") || strings.HasPrefix(text, "ecdsa-") || strings.HasPrefix(text, "sk-")
}

// isKeyData holds for the base64 that every key begins with: the length of the
// name of its type.
func isKeyData(text string) bool { return strings.HasPrefix(text, "AAAA") }

// desktopEntry understands an XDG autostart file: Exec= of its main group.
func desktopEntry(d document) parsed {
	p := parsed{}
	number, group := 0, ""
	e := model.PersistenceEntry{User: d.home.user}
	for line := range strings.Lines(d.text) {
		number++
		line = strings.TrimSpace(line)
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
		e = entry(number, d.home.user, value, d.judge(command, d.home.user))
	}
	p.add(d, d.text, e)
	return p
}

// udevRules understands the rules of udev(7) that run a program.
func udevRules(d document) parsed {
	p := parsed{}
	number, begun, pending := 0, 0, ""
	for line := range strings.Lines(d.text) {
		number++
		line = strings.TrimSpace(line)
		if pending == "" {
			begun = number
		}
		if before, ok := strings.CutSuffix(line, `\`); ok && len(pending) < maxFileBytes {
			pending += before
			continue
		}
		line, pending = pending+line, ""
		if line == "" || line[0] == '#' {
			continue
		}
		commands := udevCommands(line)
		if len(commands) == 0 {
			continue
		}
		v := verdict{}
		for _, command := range commands {
			v.merge(d.judge(command, "root"))
		}
		p.add(d, line, entry(begun, "root", strings.Join(commands, "\n"), v))
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

package persistence

import (
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/persistence/shell"
)

// systemCrontab parses crontab(5) with a user in each line.
func systemCrontab(d document) parsed { return crontab(d, true, "") }

// userCrontab parses crontab(5) of one user, after whom the file is named.
func userCrontab(d document) parsed { return crontab(d, false, d.base()) }

func crontab(d document, withUser bool, user string) parsed {
	p := parsed{}
	for number, line := range eachLine(d.text, "#") {
		if name, value, ok := setting(line); ok {
			p.addSetting(d, number, line, user, name, value)
			continue
		}
		rest, ok := cutSchedule(line)
		if !ok {
			p.broken++
			continue
		}
		whole, owner := rest, user
		if withUser {
			owner, rest, ok = cutField(rest)
			if !ok {
				p.broken++
			}
		}
		c := d.context(owner)
		command, input := splitInput(rest)
		c.Input = input
		v := shell.Analyze(command, c)
		// A line without the user starts nothing, but what it is meant to run counts.
		if withUser && v.Strongest().Reason == "" {
			v.Merge(d.analyze(whole, ""))
		}
		if rest == "" {
			rest = whole
		}
		p.add(d, line, entry(number, owner, rest, v))
	}
	return p
}

// setting is an environment line, NAME = value.
func setting(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, "=")
	name = strings.Trim(strings.TrimSpace(name), `"'`)
	if !ok || name == "" || strings.ContainsAny(name, " \t*/,@") || name[0] >= '0' && name[0] <= '9' {
		return "", "", false
	}
	return name, strings.Trim(strings.TrimSpace(value), `"'`), true
}

// addSetting adds a setting that runs a program of its own, if that is suspicious:
// cron runs every command with SHELL, and bash reads BASH_ENV.
func (p *parsed) addSetting(d document, number int, line, user, name, value string) {
	command := ""
	switch name {
	case "SHELL", "BASH_ENV", "ENV":
		command = value
	case "LD_PRELOAD":
		command = line
	default:
		return
	}
	if v := d.analyze(command, user); v.Strongest().Reason != "" {
		p.add(d, line, entry(number, user, line, v))
	}
}

// cutSchedule takes the time of a line away: @reboot and its like, or five fields.
func cutSchedule(line string) (rest string, ok bool) {
	if line[0] == '@' {
		_, rest, ok = cutField(line)
		return rest, ok
	}
	rest = strings.TrimPrefix(line, "-") // cronie: do not log
	for range 5 {
		var one string
		if one, rest, ok = cutField(rest); !ok || !isTime(one) {
			return "", false
		}
	}
	return rest, true
}

// cutField takes the first word away; ok if something follows.
func cutField(line string) (first, rest string, ok bool) {
	end := strings.IndexAny(line, " \t")
	if end < 0 {
		return line, "", false
	}
	rest = strings.TrimLeft(line[end:], " \t")
	return line[:end], rest, rest != ""
}

// isTime holds for what may stand in one of the five fields.
func isTime(text string) bool {
	for i := range len(text) {
		c := text[i]
		isWord := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !isWord && strings.IndexByte("*/,-~?#", c) < 0 {
			return false
		}
	}
	return text != ""
}

// splitInput splits a command at the first % that has no backslash: what follows
// is its standard input, in which a further % is a line end.
func splitInput(command string) (rest, input string) {
	var b strings.Builder
	for i := 0; i < len(command); i++ {
		switch {
		case command[i] == '\\' && i+1 < len(command) && command[i+1] == '%':
			i++
			b.WriteByte('%')
		case command[i] == '%':
			return b.String(), strings.ReplaceAll(command[i+1:], "%", "\n")
		default:
			b.WriteByte(command[i])
		}
	}
	return b.String(), ""
}

// anacrontab parses anacrontab(5): period, delay, name of the job, command.
func anacrontab(d document) parsed {
	p := parsed{}
	for number, line := range eachLine(d.text, "#") {
		if name, value, ok := setting(line); ok {
			p.addSetting(d, number, line, "root", name, value)
			continue
		}
		rest, ok := line, strings.IndexByte("@0123456789", line[0]) >= 0
		for range 3 {
			if ok {
				_, rest, ok = cutField(rest)
			}
		}
		if !ok {
			p.broken++
			continue
		}
		p.add(d, line, entry(number, "root", rest, d.analyze(rest, "root")))
	}
	return p
}

// inittab parses inittab(5): id, runlevels, action, process.
func inittab(d document) parsed {
	p := parsed{}
	for number, line := range eachLine(d.text, "#") {
		fields := strings.SplitN(line, ":", 4)
		if len(fields) < 4 {
			p.broken++
			continue
		}
		if command := strings.TrimPrefix(fields[3], "+"); command != "" {
			p.add(d, line, entry(number, "root", command, d.analyze(command, "root")))
		}
	}
	return p
}

// atJob parses a job of at(1): a script that begins with the environment and names
// the user in a comment.
func atJob(d document) parsed {
	user := ""
	for line := range strings.Lines(d.text) {
		if !strings.HasPrefix(line, "#") {
			break
		}
		if rest, ok := strings.CutPrefix(line, "# mail "); ok {
			user, _, _ = strings.Cut(strings.TrimSpace(rest), " ")
		}
	}
	return scriptOf(d, user)
}

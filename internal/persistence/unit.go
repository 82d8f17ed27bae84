package persistence

import (
	"encoding/hex"
	"path"
	"strings"

	"github.com/coreos/go-systemd/v22/unit"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/persistence/shell"
)

// unitFile parses a unit file or drop-in (systemd.unit(5)). It is one
// entry, whatever the number of its commands.
func unitFile(d document) parsed {
	p := parsed{}
	name, system := d.unit, d.home.user == "" && !strings.Contains(d.path, "/systemd/user/")
	if name == "" {
		name = d.base()
	}
	options, broken := unitOptions(d.text)
	p.broken += broken
	user := d.home.user
	if system && d.kind == model.PersistenceSystemdService && d.unit == "" {
		user = "root"
	}
	for _, o := range options {
		if o.Section == "Service" && o.Name == "User" && o.Value != "" && system {
			user = o.Value
		}
	}
	e := model.PersistenceEntry{User: user}
	switch typeOfUnit(name) {
	case ".mount":
		e = d.mount(options, user)
	case ".service":
		e = d.commands(options, "Service", user)
	default:
		starts := started(options, name)
		if typeOfUnit(name) == ".socket" {
			if system && user == "" {
				user = "root"
			}
			e = d.commands(options, "Socket", user)
		}
		e.Starts = starts
		if e.Command == "" {
			e.Command, e.User = starts, d.home.user
		}
	}
	e.Unit = name
	p.add(d, d.text, e)
	return p
}

// typeOfUnit is the end of a unit's name, with its dot. Drop-ins for all units of a type
// have nothing else.
func typeOfUnit(name string) string {
	if path.Ext(name) == "" {
		return "." + name
	}
	return path.Ext(name)
}

// started is the unit that a timer, path or socket starts: the one that it names, else
// the service of the same name (systemd.timer(5), systemd.path(5), systemd.socket(5));
// and the mount of an automount (systemd.automount(5)).
func started(options []*unit.UnitOption, name string) string {
	base := strings.TrimSuffix(name, path.Ext(name))
	switch {
	case path.Ext(name) == "": // drop-ins for all units of a type
		return ""
	case path.Ext(name) == ".automount":
		return base + ".mount"
	}
	instance := ""
	for _, o := range options {
		switch {
		case o.Value == "":
		case o.Name == "Unit" && (o.Section == "Timer" || o.Section == "Path"), o.Name == "Service" && o.Section == "Socket":
			return o.Value
		case o.Name == "Accept" && o.Section == "Socket" && isTrue(o.Value) && !strings.Contains(base, "@"):
			instance = "@"
		}
	}
	return base + instance + ".service"
}

// isTrue reads a boolean of systemd.syntax(7).
func isTrue(value string) bool {
	switch strings.ToLower(value) {
	case "1", "yes", "true", "on", "y", "t":
		return true
	}
	return false
}

// commands gathers those of a service or socket (systemd.service(5), systemd.socket(5)).
// The most suspicious one stands for it, else the first.
func (d document) commands(options []*unit.UnitOption, section, user string) model.PersistenceEntry {
	all := shell.Verdict{}
	command := ""
	for _, o := range options {
		if o.Section != section {
			continue
		}
		switch {
		case strings.HasPrefix(o.Name, "Exec"):
		case o.Name == "Environment" && strings.Contains(o.Value, "LD_PRELOAD="):
		default:
			continue
		}
		one := d.execution(o, user)
		v := d.analyze(one, user)
		if v.Strongest().Reason.Rank() < all.Strongest().Reason.Rank() {
			command = one
		}
		all.Merge(v)
		if command == "" && o.Name != "Environment" {
			command = one
		}
	}
	return entry(0, user, command, all)
}

// execution turns the value of an option into a command of a shell: without the
// prefixes of the program, specifiers and escapes resolved.
func (d document) execution(o *unit.UnitOption, user string) string {
	value := strings.ReplaceAll(o.Value, "\\\n", " ")
	if o.Name == "Environment" {
		return strings.NewReplacer(`"`, " ", `'`, " ").Replace(value)
	}
	value = strings.TrimSpace(value)
	program := strings.TrimLeft(value, "@-:+!|")
	if strings.Contains(value[:len(value)-len(program)], "@") {
		// The second word is the name that the program is given.
		first, rest, _ := cutField(program)
		_, rest, _ = cutField(rest)
		program = first + " " + rest
	}
	return d.resolved(strings.ReplaceAll(program, "$$", "$"), user)
}

// resolved puts in the specifiers of systemd.unit(5) that stand for a directory, and
// decodes escapes.
func (d document) resolved(text, user string) string {
	directory := d.homeOf(user)
	if directory == "" {
		directory = "~"
	}
	return unescapeHex(strings.NewReplacer("%%", "%", "%h", directory, "%T", "/tmp", "%V", "/var/tmp").Replace(text))
}

// unescapeHex decodes \xHH, which systemd does before it runs a command.
func unescapeHex(text string) string {
	if !strings.Contains(text, `\x`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) && text[i+1] == 'x' {
			if decoded, err := hex.DecodeString(text[i+2 : i+4]); err == nil && decoded[0] > ' ' {
				b.WriteByte(decoded[0])
				i += 3
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// unitOptions reads a unit file. The library refuses a whole file for a line
// that systemd only warns about; such a file is read line by line, so that no
// such line hides the others.
func unitOptions(text string) (options []*unit.UnitOption, broken int) {
	options, err := unit.DeserializeOptions(strings.NewReader(text))
	if err == nil {
		return options, 0
	}
	section := ""
	options = nil
	for _, line := range eachJoinedLine(text, "#;", " ") {
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
			section = line[1 : len(line)-1]
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			broken++
			continue
		}
		options = append(options, unit.NewUnitOption(section, strings.TrimSpace(name), strings.TrimSpace(value)))
	}
	return options, broken
}

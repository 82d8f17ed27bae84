// Package ecs writes what happens to findings in the names of the Elastic Common Schema, for whoever collects events. It
// reads nothing and writes nothing but what it returns.
package ecs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/events"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/secrets"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// Version is that of the schema whose names are used.
const Version = "9.4.0"

const (
	program = "cryptojack_exporter"
	dataset = "cryptojack.findings"

	// maxCommandLine keeps a command line in what a keyword of Elasticsearch takes in (32,766 bytes), after escaping.
	maxCommandLine = 8192
)

// Host is where the exporter runs.
type Host struct {
	Name         string
	Architecture string // as uname(2) calls it
	Kernel       string // its release
	Version      string // of the exporter
}

// Document is one event: names with dots are objects in each other.
type Document map[string]any

// New makes the document of an event. detail is the finding as /api/v1/findings has it, which holds whatever the schema has no
// name for; it becomes `cryptojack.finding`. Text that somebody else chose is escaped, and passwords in arguments are masked.
// What is not known is left out.
func New(e *events.Event, host Host, detail any) Document {
	d := Document{}
	d.set("@timestamp", moment(e.Time))
	d.set("ecs.version", Version)
	d.set("message", message(e))
	d.set("agent.type", program)
	d.set("agent.version", text.Escape(host.Version))
	d.set("host.name", text.Escape(host.Name))
	d.set("host.hostname", text.Escape(host.Name))
	d.set("host.architecture", text.Escape(host.Architecture))
	d.set("host.os.type", "linux")
	d.set("host.os.kernel", text.Escape(host.Kernel))
	d.set("host.boot.id", text.Escape(e.BootID))
	d.event(e)
	d.rule(&e.Finding)
	d.threat(&e.Finding)
	f := &e.Finding
	switch {
	case f.Suspect != nil:
		d.suspect(e)
	case f.File != nil:
		d.file(f.File)
	case f.Exposure != nil:
		d.exposure(f.Exposure)
	case f.Persistence != nil:
		d.persistence(f.Persistence)
	}
	d.set("cryptojack.action", string(e.Action))
	d.set("cryptojack.changes", e.Changes)
	d.set("cryptojack.severity", string(f.Severity))
	d.set("cryptojack.severity_before", string(e.Before))
	d.set("cryptojack.finding", detail)
	return d
}

// set writes a value, unless it says nothing.
func (d Document) set(name string, value any) {
	if v := reflect.ValueOf(value); !v.IsValid() || v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 {
		return
	}
	at := map[string]any(d)
	parts := strings.Split(name, ".")
	for _, part := range parts[:len(parts)-1] {
		object, ok := at[part].(map[string]any)
		if !ok {
			object = map[string]any{}
			at[part] = object
		}
		at = object
	}
	at[parts[len(parts)-1]] = value
}

// Get returns what a name with dots stands for, or nil.
func (d Document) Get(name string) any {
	var at any = map[string]any(d)
	for part := range strings.SplitSeq(name, ".") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[part]
	}
	return at
}

// message is one sentence for people.
func message(e *events.Event) string {
	title := text.Escape(e.Finding.Title)
	switch e.Action {
	case events.Raised:
		return strings.ToUpper(string(e.Finding.Severity)) + ": " + title
	case events.Ended:
		return "ended: " + title
	default:
		words := make([]string, 0, len(e.Changes))
		for _, aspect := range e.Changes {
			words = append(words, string(aspect))
		}
		return fmt.Sprintf("changed (%s): %s", strings.Join(words, ", "), title)
	}
}

// severityNumber is on the scale of 0 to 100 that detection rules of Elastic use.
func severityNumber(s model.Severity) int {
	switch s {
	case model.Critical:
		return 99
	case model.Warning:
		return 47
	default:
		return 21
	}
}

func (d Document) event(e *events.Event) {
	f := &e.Finding
	kind := "alert"
	if e.Action == events.Ended || f.Severity == model.Info {
		kind = "event"
	}
	d.set("event.kind", kind)
	d.set("event.category", categories(f))
	d.set("event.type", []string{"info"}) // the one type that each of the categories allows
	d.set("event.action", "finding-"+string(e.Action))
	d.set("event.id", hash(f.ID, string(e.Action), moment(f.FirstSeen), moment(e.Time)))
	d.set("event.severity", severityNumber(f.Severity))
	d.set("event.module", "cryptojack")
	d.set("event.dataset", dataset)
	d.set("event.provider", program)
	d.set("event.created", moment(e.Time))
	d.set("event.start", moment(f.FirstSeen))
	evidence := make([]string, 0, len(f.Evidence))
	for _, sentence := range f.Evidence {
		evidence = append(evidence, text.Escape(sentence))
	}
	d.set("event.reason", strings.Join(evidence, " "))
	if e.Action == events.Ended {
		d.set("event.end", moment(f.LastSeen))
		d.set("event.duration", max(0, f.LastSeen.Sub(f.FirstSeen).Nanoseconds()))
	}
}

// categories are those of the schema's closed list.
func categories(f *model.Finding) []string {
	switch {
	case f.Suspect != nil:
		return []string{"malware", "process"}
	case f.File != nil:
		return []string{"malware", "file"}
	case f.Exposure != nil:
		return []string{"network", "vulnerability"}
	case f.Persistence != nil:
		return []string{"malware", "configuration"}
	default:
		return []string{"host"}
	}
}

func (d Document) rule(f *model.Finding) {
	d.set("rule.name", f.Rule)
	d.set("rule.ruleset", program)
	for _, rule := range rules.All() {
		if rule.Name == f.Rule {
			d.set("rule.description", rule.Meaning)
			d.set("rule.category", string(rule.Family))
		}
	}
}

// threat names the techniques of the finding and of all its evidence.
func (d Document) threat(f *model.Finding) {
	ids := []string{f.Technique}
	if f.Suspect != nil {
		for _, signal := range f.Suspect.Signals {
			ids = append(ids, signal.Technique)
		}
	}
	var technique, names, sub, subNames, links []string
	for _, id := range ids {
		if id == "" {
			continue
		}
		if whole := parent(id); !slices.Contains(technique, whole) {
			technique, names = append(technique, whole), append(names, TechniqueName(whole))
			links = append(links, "https://attack.mitre.org/techniques/"+whole+"/")
		}
		if id != parent(id) && !slices.Contains(sub, id) {
			sub, subNames = append(sub, id), append(subNames, TechniqueName(id))
		}
	}
	if len(technique) == 0 {
		return
	}
	d.set("threat.framework", "MITRE ATT&CK")
	d.set("threat.technique.id", technique)
	d.set("threat.technique.name", names)
	d.set("threat.technique.reference", links)
	d.set("threat.technique.subtechnique.id", sub)
	d.set("threat.technique.subtechnique.name", subNames)
}

func (d Document) suspect(e *events.Event) {
	s := e.Finding.Suspect
	p := &s.Process
	d.set("process.pid", p.PID)
	d.set("process.entity_id", entity(e.BootID, p.Identity))
	d.set("process.executable", text.Escape(p.Exe))
	d.set("process.name", text.Escape(p.Comm))
	d.set("process.hash.sha256", p.SHA256)
	d.set("process.start", moment(p.Started))
	d.set("process.interactive", p.TTY != 0)
	arguments := make([]string, 0, len(p.Argv))
	for _, argument := range secrets.Arguments(p.Argv) {
		arguments = append(arguments, text.Escape(argument))
	}
	d.set("process.args", arguments)
	d.set("process.args_count", len(arguments))
	d.set("process.command_line", cut(strings.Join(arguments, " "), maxCommandLine))
	if p.User != "" { // else the number is not known either
		for _, whose := range []string{"user", "process.user"} {
			d.set(whose+".name", text.Escape(p.User))
			d.set(whose+".id", strconv.FormatUint(uint64(p.UID), 10))
		}
	}
	d.container(p.ContainerID, p.Container)
	d.set("package.name", text.Escape(s.Package.Name))
	a := p.Parent
	if len(p.Ancestors) > 0 {
		a = &p.Ancestors[0]
	}
	if a != nil {
		d.set("process.parent.pid", a.PID)
		d.set("process.parent.entity_id", entity(e.BootID, a.Identity))
		d.set("process.parent.executable", text.Escape(a.Exe))
		d.set("process.parent.name", text.Escape(a.Comm))
		d.set("process.parent.start", moment(a.Started))
		d.set("process.parent.user.name", text.Escape(a.User))
	}
	d.connections(s, e.Connections)
}

// isPool tells whether the evidence names a connection as one to a pool.
func isPool(s *model.Suspect, c model.Connection) bool {
	return slices.ContainsFunc(s.Signals, func(signal model.Signal) bool {
		return signal.Rule == rules.PoolConnection && strings.Contains(signal.Evidence, " "+c.Remote.String()+",")
	})
}

// connections writes that to a pool, else the first, by the schema's names, which have room for one, and all of them by ours.
func (d Document) connections(s *model.Suspect, all []model.Connection) {
	list := make([]map[string]any, 0, len(all))
	for i := range all {
		c := &all[i]
		list = append(list, map[string]any{
			"pid": c.Owner.PID, "local": c.Local.String(), "remote": c.Remote.String(), "since": moment(c.Since),
		})
	}
	d.set("cryptojack.connections", list)
	if len(all) == 0 {
		return
	}
	first := &all[max(0, slices.IndexFunc(all, func(c model.Connection) bool { return isPool(s, c) }))]
	d.set("network.transport", "tcp")
	d.set("network.direction", "egress")
	d.set("source.ip", first.Local.Addr().Unmap().WithZone("").String())
	d.set("source.port", int(first.Local.Port()))
	d.set("destination.ip", first.Remote.Addr().Unmap().WithZone("").String())
	d.set("destination.port", int(first.Remote.Port()))
	d.set("destination.address", first.Remote.Addr().Unmap().WithZone("").String())
}

func (d Document) file(f *model.File) {
	d.filePath(f.Path)
	d.set("file.type", "file")
	d.set("file.owner", text.Escape(f.User))
	d.set("file.size", f.SizeBytes)
	d.set("file.mode", fmt.Sprintf("%04o", f.Mode&0o7777))
	d.set("file.mtime", moment(f.Modified))
	d.set("file.hash.sha256", f.SHA256)
	if container := f.Container; len(container) == 12 { // else it is a mount namespace
		d.set("container.id", text.Escape(container))
	}
}

// container is by its whole id, where that is known: then it can be joined with what its runtime logs.
func (d Document) container(id string, c *model.Container) {
	if c == nil {
		d.set("container.id", text.Escape(id))
		return
	}
	d.set("container.id", text.Escape(c.ID))
	d.set("container.name", text.Escape(c.Name))
	d.set("container.image.name", text.Escape(c.Image))
	d.set("container.runtime", string(c.Runtime))
	if c.KubePod != "" {
		d.set("orchestrator.type", "kubernetes")
		d.set("orchestrator.namespace", text.Escape(c.KubeNamespace))
		d.set("orchestrator.resource.type", "pod")
		d.set("orchestrator.resource.name", text.Escape(c.KubePod))
	}
}

func (d Document) filePath(name string) {
	d.set("file.path", text.Escape(name))
	d.set("file.name", text.Escape(path.Base(name)))
	d.set("file.directory", text.Escape(path.Dir(name)))
}

func (d Document) exposure(e *model.Exposure) {
	socket := &e.Socket
	d.set("service.type", text.Escape(e.App))
	d.set("service.name", text.Escape(e.App))
	if e.Answer != nil {
		d.set("service.version", text.Escape(e.Answer.Version))
	}
	d.set("network.transport", string(socket.Protocol))
	d.set("server.address", text.Escape(socket.Address))
	d.set("server.ip", text.Escape(socket.Address))
	d.set("server.port", int(socket.Port))
	d.set("process.pid", socket.Owner.PID)
	d.set("process.name", text.Escape(socket.OwnerComm))
	d.set("process.executable", text.Escape(socket.OwnerExe))
	d.set("user.name", text.Escape(e.User))
	d.container(e.ContainerID, e.Container)
}

func (d Document) persistence(p *model.PersistenceEntry) {
	d.filePath(p.Path)
	d.set("file.owner", text.Escape(p.Owner))
	d.set("user.name", text.Escape(p.User))
	d.set("service.name", text.Escape(p.Unit))
}

// entity names one process of one boot, so that events about it can be joined.
func entity(bootID string, id model.Identity) string {
	return hash(bootID, strconv.Itoa(id.PID), strconv.FormatUint(id.StartTime, 10))
}

func hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// moment is a time as the schema has it, or "". The year has four digits: the time of a file may be anything.
func moment(at time.Time) string {
	at = at.UTC()
	if at.IsZero() || at.Year() < 1 || at.Year() > 9999 {
		return ""
	}
	return at.Format(time.RFC3339Nano)
}

// cut shortens on a character.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}

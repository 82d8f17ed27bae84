package ecs

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/events"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 123456789, time.UTC)

// fields are the published ones, with their types.
func fields(t *testing.T) map[string]string {
	t.Helper()
	file, err := os.Open("testdata/fields.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	known := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, kind, ok := strings.Cut(lines.Text(), " "); ok && name != "#" {
			known[name] = kind
		}
	}
	if len(known) < 600 {
		t.Fatalf("%d fields", len(known))
	}
	return known
}

func container() *model.Container {
	return &model.Container{
		ID: strings.Repeat("0123456789ab", 6)[:64], Runtime: model.RuntimeContainerd, Name: "taskmanager", Image: "flink:1.20", KubeNamespace: "data", KubePod: "flink-0", HostRuntime: true,
	}
}

func suspectEvent(action events.Action) *events.Event {
	kinsing := model.Ancestor{Identity: model.Identity{PID: 812, StartTime: 8}, Comm: "kinsing", Exe: "/var/tmp/kinsing", User: "flink", Started: noon.Add(-time.Hour)}
	owner := model.Identity{PID: 4711, StartTime: 9}
	return &events.Event{
		Action: action, Time: noon, BootID: "9f4e", Before: model.Warning, Changes: []events.Aspect{events.Severity},
		Finding: model.Finding{
			ID: "suspect/6e25ad03103a", Rule: rules.KnownMinerName, Severity: model.Critical, Technique: "T1496.001",
			Title: "/tmp/kdevtmpfsi (pid 4711, user flink) is a miner or belongs to one", Evidence: []string{"It is called kdevtmpfsi.", "It runs from /tmp."},
			FirstSeen: noon.Add(-time.Minute), LastSeen: noon,
			Suspect: &model.Suspect{
				ID: "6e25ad03103a", Running: true, PIDs: []int{4711}, Package: model.PackageFact{},
				Signals: []model.Signal{
					{Rule: rules.KnownMinerName, Technique: "T1496.001"},
					{Rule: rules.RunsFromTemp, Technique: "T1059.004"},
					{Rule: rules.HiddenProcess, Technique: "T1014"},
					{Rule: rules.PoolConnection, Technique: "T1496.001", Evidence: "It is connected to 198.51.100.7:3333, a port that mining pools use."},
				},
				Process: model.Process{
					Identity: owner, Comm: "kdevtmpfsi", Exe: "/tmp/kdevtmpfsi", Argv: []string{"/tmp/kdevtmpfsi", "-p", "hunter2", "--password=hunter2"},
					UID: 1000, User: "flink", SHA256: strings.Repeat("6e", 32), ContainerID: "0123456789ab", Container: container(), Started: noon.Add(-time.Hour), Ancestors: []model.Ancestor{kinsing}, TTY: 3,
				},
			},
		},
		Connections: []model.Connection{
			{Owner: owner, Local: netip.MustParseAddrPort("192.0.2.4:40000"), Remote: netip.MustParseAddrPort("192.0.2.53:443"), Since: noon},
			{Owner: owner, Local: netip.MustParseAddrPort("192.0.2.4:40001"), Remote: netip.MustParseAddrPort("198.51.100.7:3333"), Since: noon},
		},
	}
}

func otherEvents() []*events.Event {
	finding := func(change func(*model.Finding)) *events.Event {
		f := model.Finding{ID: "x", Severity: model.Warning, Technique: "T1190", Title: "a title", FirstSeen: noon, LastSeen: noon}
		change(&f)
		return &events.Event{Action: events.Raised, Time: noon, Finding: f}
	}
	return []*events.Event{
		finding(func(f *model.Finding) {
			f.Rule, f.File = rules.SuspiciousFile, &model.File{Path: "/tmp/.x/y", Container: "0123456789ab", User: "bob", SHA256: "ab", Modified: noon, SizeBytes: 12, Mode: 0o4755}
		}),
		finding(func(f *model.Finding) {
			f.Rule = rules.ExposedService
			f.Exposure = &model.Exposure{
				App: "flink", User: "flink", ContainerID: "0123456789ab", Answer: &model.Answer{Version: "1.20"},
				Socket: model.Socket{Protocol: model.TCP, Address: "0.0.0.0", Port: 8081, Owner: model.Identity{PID: 3}, OwnerComm: "java", OwnerExe: "/usr/bin/java"},
			}
		}),
		finding(func(f *model.Finding) {
			f.Rule = rules.PersistenceEntry
			f.Persistence = &model.PersistenceEntry{Kind: model.PersistenceCrontab, Path: "/etc/cron.d/x", Line: 3, Owner: "bob", User: "root", Unit: "x.service"}
		}),
		finding(func(f *model.Finding) { f.Rule, f.Technique = rules.AllowListExpired, "" }),
	}
}

// walk calls a function for each value that is no object, with its name.
func walk(at any, name string, visit func(name string, value any)) {
	object, ok := at.(map[string]any)
	if !ok {
		visit(name, at)
		return
	}
	for key, value := range object {
		walk(value, strings.TrimPrefix(name+"."+key, "."), visit)
	}
}

// decoded is what a reader of the line gets.
func decoded(t *testing.T, d Document) map[string]any {
	t.Helper()
	line, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(line, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// check holds the names and types of a document to the published ones. Ours lie below `cryptojack`.
func check(t *testing.T, d Document, known map[string]string, seen map[string]bool) {
	t.Helper()
	walk(decoded(t, d), "", func(name string, value any) {
		if strings.HasPrefix(name, "cryptojack.") {
			return
		}
		seen[name] = true
		kind := known[name]
		ok := false
		switch v := value.(type) {
		case string:
			ok = kind == "string" || kind == "strings"
		case float64:
			ok = kind == "number"
		case bool:
			ok = kind == "boolean"
		case []any:
			ok = kind == "strings" && !slices.ContainsFunc(v, func(element any) bool { _, isText := element.(string); return !isText })
		}
		if !ok {
			t.Errorf("%s: %T is not the %q of the schema", name, value, kind)
		}
	})
}

// TestSchema: every name is one of the published ones, has its type, and is on the page for users.
func TestSchema(t *testing.T) {
	t.Parallel()
	known, seen := fields(t), map[string]bool{}
	host := Host{Name: "worker-3", Architecture: "x86_64", Kernel: "6.18.0", Version: "0.1.0"}
	all := otherEvents()
	for _, action := range events.Actions() {
		all = append(all, suspectEvent(action))
	}
	for _, e := range all {
		check(t, New(e, host, map[string]any{"id": e.Finding.ID}), known, seen)
	}
	page, err := os.ReadFile("../../docs/siem.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, match := range regexp.MustCompile("(?m)^\\| `([a-z@_.0-9]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		if !strings.HasPrefix(match[1], "cryptojack.") {
			documented[match[1]] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(seen)), slices.Sorted(maps.Keys(documented))); diff != "" {
		t.Errorf("docs/siem.md lists other fields than are written (-written +listed):\n%s", diff)
	}
}

func TestSuspect(t *testing.T) {
	t.Parallel()
	d := New(suspectEvent(events.Raised), Host{Name: "worker-3"}, nil)
	for name, want := range map[string]any{
		"@timestamp": "2026-11-23T12:00:00.123456789Z", "ecs.version": Version, "message": "CRITICAL: /tmp/kdevtmpfsi (pid 4711, user flink) is a miner or belongs to one",
		"event.kind": "alert", "event.action": "finding-raised", "event.severity": 99, "event.reason": "It is called kdevtmpfsi. It runs from /tmp.",
		"process.pid": 4711, "process.parent.pid": 812, "process.parent.executable": "/var/tmp/kinsing", "process.interactive": true,
		"process.command_line": "/tmp/kdevtmpfsi -p *** --password=***", "user.id": "1000", "container.id": container().ID, "container.name": "taskmanager", "orchestrator.resource.name": "flink-0", "container.image.name": "flink:1.20",
		"destination.ip": "198.51.100.7", "destination.port": 3333, "source.port": 40001, "network.direction": "egress",
	} {
		if diff := cmp.Diff(want, d.Get(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if diff := cmp.Diff([]string{"T1496", "T1059", "T1014"}, d.Get("threat.technique.id")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Resource Hijacking", "Command and Scripting Interpreter", "Rootkit"}, d.Get("threat.technique.name")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"T1496.001", "T1059.004"}, d.Get("threat.technique.subtechnique.id")); diff != "" {
		t.Error(diff)
	}
	ended := New(suspectEvent(events.Ended), Host{}, nil)
	if ended.Get("event.kind") != "event" || ended.Get("event.duration") != time.Minute.Nanoseconds() || ended.Get("event.end") == nil {
		t.Errorf("%v", ended["event"])
	}
	if ended.Get("process.entity_id") != d.Get("process.entity_id") || ended.Get("event.id") == d.Get("event.id") {
		t.Error("events of one process cannot be joined, or told apart")
	}
}

// TestTechniques: every technique that our code names has a name.
func TestTechniques(t *testing.T) {
	t.Parallel()
	for _, rule := range rules.All() {
		if id := rule.Technique; id != "" && (TechniqueName(id) == "" || TechniqueName(parent(id)) == "") {
			t.Errorf("%s has no name", id)
		}
	}
	source, err := os.ReadDir("../findings")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range source {
		content, err := os.ReadFile("../findings/" + file.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`"(T1\d{3}(?:\.\d{3})?)"`).FindAllStringSubmatch(string(content), -1) {
			if TechniqueName(match[1]) == "" || TechniqueName(parent(match[1])) == "" {
				t.Errorf("%s has no name", match[1])
			}
		}
	}
}

// FuzzDocument: whatever somebody calls his program, the line is one line of valid JSON whose text is fit to be shown, with the schema's types.
func FuzzDocument(f *testing.F) {
	f.Add("/tmp/x", "comm", "bob", "--password=x", "\x00\xff\n\u202e", int64(0))
	f.Add("", "", "", "", "", int64(1)<<62)
	f.Fuzz(func(t *testing.T, exe, comm, user, argument, title string, at int64) {
		known := fields(t)
		e := suspectEvent(events.Changed)
		p := &e.Finding.Suspect.Process
		p.Exe, p.Comm, p.User, p.Argv, p.SHA256, p.ContainerID = exe, comm, user, []string{argument, exe}, "", ""
		p.Started, e.Finding.Title, e.Finding.Evidence, e.BootID = time.Unix(at, 0), title, []string{title}, comm
		all := append(otherEvents(), e)
		all[0].Finding.File.Path, all[0].Finding.File.User = exe, user
		all[1].Finding.Exposure.Socket.OwnerExe, all[1].Finding.Exposure.Answer.Version = exe, title
		all[2].Finding.Persistence.Path, all[2].Finding.Persistence.Unit = exe, comm
		for _, e := range all {
			d := New(e, Host{Name: user, Kernel: comm}, nil)
			line, err := json.Marshal(d)
			if err != nil || strings.ContainsAny(string(line), "\n\r") || !utf8.Valid(line) {
				t.Fatalf("%v: %q", err, line)
			}
			check(t, d, known, map[string]bool{})
			walk(decoded(t, d), "", func(name string, value any) {
				if shown := fmt.Sprint(value); text.Escape(shown) != shown {
					t.Errorf("%s: %q can mislead", name, shown)
				}
			})
		}
	})
}

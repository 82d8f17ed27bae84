package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func hashOf(pid int) string { return fmt.Sprintf("%012x%052x", pid, pid) }

// host has an idle program in /tmp, a known miner, a busy program in a home, a hidden
// file, and a program in a directory of its own.
func host() *model.Snapshot {
	process := func(pid int, exe string, origin model.Origin, cores float64) *model.Process {
		return &model.Process{
			Identity: model.Identity{PID: pid, StartTime: uint64(pid)}, Exe: exe, Comm: "x", Argv: []string{exe}, UID: 1000, User: "alice", Origin: origin,
			Isolation: model.IsolationHost, SHA256: hashOf(pid), Started: noon.Add(-time.Hour), Cores: cores, CoresSpan: time.Minute,
		}
	}
	return &model.Snapshot{
		Time: noon,
		Processes: &model.ProcessSnapshot{Processes: []*model.Process{
			process(10, "/tmp/x", model.OriginTemp, 0), process(11, "/opt/mine/xmrig", model.OriginLocal, 0), process(12, "/home/alice/fold", model.OriginHome, 3),
		}},
		Files: &model.FileSnapshot{Files: []model.File{
			{Path: "/tmp/.h", Directory: "/tmp", Reason: model.FileHidden, Hidden: true, User: "bob"},
			{Path: "/data/tool", Directory: "/data", Reason: model.FileELF, User: "bob", SHA256: strings.Repeat("ab", 32)},
		}},
	}
}

func TestComparison(t *testing.T) {
	t.Parallel()
	const defaults = ""
	for name, test := range map[string]struct {
		old, new string
		want     []string // word, before, after and what did it
		same     int
	}{
		"nothing": {defaults, "directories: [/tmp, /var/tmp, /dev/shm]", nil, 4},
		"an entry of the allow list": {defaults, "allow:\n- {user: bob}\n- {path: /opt/mine/*, reason: bench}", []string{
			"lowered critical -> info: line 3 of new.yml: allow: path /opt/mine/*",
		}, 3},
		"an entry that is taken out": {"allow:\n- {path: /opt/mine/*}", defaults, []string{
			"raised info -> critical: line 2 of old.yml, which new.yml does not have: allow: path /opt/mine/*",
		}, 3},
		"an entry that has ended": {"allow:\n- {path: /opt/mine/*}", "allow:\n- {path: /opt/mine/*, until: 2026-11-25}", []string{
			"raised info -> critical: line 2 of old.yml, which new.yml does not have: allow: path /opt/mine/*",
			"new  -> warning: line 2 of new.yml: allow: path /opt/mine/*, until 2026-11-25",
		}, 3},
		"two entries for one": {defaults, "allow: [{path: /opt/mine/*}, {path: /opt/**}]", []string{
			"lowered critical -> info: several lines, none of them alone",
		}, 3},
		"a rule that is off": {defaults, "rules:\n  suspicious_file: off\n  runs_from_temp: off", []string{
			"gone warning -> : line 2 of new.yml: rules: suspicious_file: off",
			"gone warning -> : line 3 of new.yml: rules: runs_from_temp: off",
		}, 2},
		"a rule's limit": {"rules:\n  runs_from_temp: info", "rules:\n  runs_from_temp: warning", []string{
			"raised info -> warning: line 2 of old.yml, which new.yml does not have: rules: runs_from_temp: info",
		}, 3},
		"a limit for a limit": {"rules:\n  known_miner_name: warning", "rules:\n  known_miner_name: info", []string{
			"lowered warning -> info: line 2 of new.yml: rules: known_miner_name: info; line 2 of old.yml, which new.yml does not have: rules: known_miner_name: warning",
		}, 3},
		"a hash": {defaults, "known_miner_sha256:\n- " + hashOf(12), []string{
			"raised info -> critical: line 2 of new.yml: known_miner_sha256: " + hashOf(12),
		}, 3},
		"directories": {defaults, "directories:\n- /data", []string{
			"gone warning -> : old.yml, which new.yml does not have: directories: /tmp",
			"new  -> info: line 2 of new.yml: directories: /data",
		}, 3},
		"a directory and a file's hash": {"directories: [/data]", "directories: [/data]\nknown_miner_sha256:\n- " + strings.Repeat("ab", 32), []string{
			"raised info -> warning: line 3 of new.yml: known_miner_sha256: " + strings.Repeat("ab", 32),
		}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c Comparison
			var err error
			if c.Old, err = Load(write(t, test.old)); err != nil {
				t.Fatal(err)
			}
			if c.New, err = Load(write(t, test.new)); err != nil {
				t.Fatal(err)
			}
			c.OldName, c.NewName = "old.yml", "new.yml"
			changes, same := c.Changes(host())
			var got []string
			for _, change := range changes {
				got = append(got, fmt.Sprintf("%s %s -> %s: %s", change.Word(), severityOf(change.Before), severityOf(change.After), strings.Join(change.Because, "; ")))
			}
			if diff := cmp.Diff(test.want, got); diff != "" || same != test.same {
				t.Errorf("%d stay, want %d; (-want +got):\n%s", same, test.same, diff)
			}
			if len(c.Notes()) != 0 {
				t.Errorf("%q", c.Notes())
			}
		})
	}
}

// TestLook: both can judge what was seen by it.
func TestLook(t *testing.T) {
	t.Parallel()
	hash := func(digit string) string { return strings.Repeat(digit, 64) }
	load := func(content string) *Config {
		config, err := Load(write(t, content))
		if err != nil {
			t.Fatal(err)
		}
		return config
	}
	c := Comparison{
		Old: load("directories: [/tmp, /a]\nknown_miner_sha256: [" + hash("1") + ", " + hash("2") + "]\nprobe: false"),
		New: load("directories: [/b, /tmp]\nknown_miner_sha256: [" + hash("2") + ", " + hash("3") + "]\n" +
			"services: [{app: mine, ports: [9876], executables: [mine], harm: x, remedy: y}]"),
		NewName: "new.yml",
	}
	look := c.Look()
	if diff := cmp.Diff([]string{"/b", "/tmp", "/a"}, look.Directories); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]bool{hash("2"): true}, look.Policy.Hashes); diff != "" {
		t.Error(diff)
	}
	if len(c.New.Policy.Hashes) != 2 || len(c.New.Directories) != 2 {
		t.Error("to look has changed the configuration")
	}
	if _, ok := look.Catalogue.Service("mine"); !ok || !look.Probe {
		t.Error("services are not looked at as the new one says")
	}
	if notes := strings.Join(c.Notes(), "\n"); len(c.Notes()) != 2 || !strings.Contains(notes, "`probe` differs") || !strings.Contains(notes, "`services` differs") {
		t.Errorf("%q", notes)
	}
}

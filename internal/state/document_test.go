package state

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/history"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// known has something of each part.
func known() Saved {
	miner := model.Finding{
		ID: "suspect:6e25ad03103a", Rule: rules.KnownMinerName, Severity: model.Critical, Technique: "T1496.001", Title: "/tmp/kdevtmpfsi is a miner", Evidence: []string{"Its name."},
		FirstSeen: noon.Add(-time.Hour), LastSeen: noon,
		Suspect: &model.Suspect{
			ID: "6e25ad03103a", Respawns: 7, CPUSeconds: 31400, Signals: []model.Signal{{Rule: rules.KnownMinerName, Family: model.FamilyIndicator, Evidence: "Its name."}},
			Guardian: &model.Guardian{Relation: model.RelationParent, PID: 812, Exe: "/var/tmp/kinsing"}, Entry: &model.Entry{App: "flink", Address: "0.0.0.0", Port: 8081},
			Process: model.Process{
				Identity: model.Identity{PID: 4711, StartTime: 9}, Exe: "/tmp/kdevtmpfsi", User: "flink", Container: &model.Container{Name: "web"},
				Ancestors: []model.Ancestor{{Identity: model.Identity{PID: 812}, Exe: "/var/tmp/kinsing"}},
			},
		},
	}
	file := model.Finding{ID: "file:/tmp/x", Rule: rules.SuspiciousFile, Severity: model.Warning, FirstSeen: noon, LastSeen: noon, File: &model.File{Path: "/tmp/x"}}
	miner, file = history.Compact(&miner), history.Compact(&file)
	return Saved{
		Active:  []model.Remembered{{ID: miner.ID, FirstSeen: miner.FirstSeen, LastSeen: noon, Respawns: 7, Finding: &miner}, {ID: "note", FirstSeen: noon, LastSeen: noon}},
		History: []model.Ended{{Finding: file, At: noon, Times: 2}},
		Persistence: &model.PersistenceBaseline{
			Key: []byte("0123456789abcdef"), Version: 1, System: true, AllUsers: true,
			Files: []model.PersistenceKnown{
				{Kind: model.PersistenceCrontab, Path: "/etc/cron.d/\xff\"<", Directory: "/etc/cron.d", Entries: []uint64{3}},
				{Kind: model.PersistenceCrontab, Path: "/etc/cron.d/a", Directory: "/etc/cron.d", Entries: []uint64{1, 2}},
				{Kind: model.PersistenceCrontab, Path: "/etc/crontab", Directory: "/etc"},
				{Kind: model.PersistenceProfile, Path: "/home/eve/.bashrc", Directory: "/home/eve", Home: "/home/eve", Owner: "eve", Entries: []uint64{4}},
			},
		},
	}
}

// TestFormat: a version reads what the one before has written. Whoever changes the form of what is kept raises `version`.
func TestFormat(t *testing.T) {
	t.Parallel()
	content, err := Encode(known())
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, content, "", "  "); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", fmt.Sprintf("version-%d.json.golden", version))
	if *update {
		if err := os.WriteFile(file, indented.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := Decode(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(known(), saved, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(model.Process{})); diff != "" {
		t.Errorf("%s is read as (-want +got):\n%s", file, diff)
	}
}

// TestBounded: whatever there is to keep, a file has its size, and says of what it is not all.
func TestBounded(t *testing.T) {
	t.Parallel()
	s := known()
	for i := range 5000 {
		f := *s.Active[0].Finding
		f.ID = fmt.Sprint(strings.Repeat("<\"", 200), i)
		f.Evidence = []string{strings.Repeat("<&\"", 150), strings.Repeat("<&\"", 150)}
		s.Active = append(s.Active, model.Remembered{ID: f.ID, FirstSeen: noon, LastSeen: noon, Finding: &f})
		s.History = append(s.History, model.Ended{Finding: f, At: noon, Times: 1})
		s.Persistence.Files = append(s.Persistence.Files, model.PersistenceKnown{
			Kind: model.PersistenceAutostart, Path: fmt.Sprintf("/home/eve/.config/autostart/%s%d\xff<", strings.Repeat("\x01\"", 20), i), Directory: "/home/eve/.config/autostart",
			Home: "/home/eve", Owner: "eve", Entries: make([]uint64, i%50),
		})
	}
	s.Persistence.Files = append(s.Persistence.Files, model.PersistenceKnown{Kind: model.PersistenceCrontab, Path: "/etc/cron.d/last", Directory: "/etc/cron.d", Entries: []uint64{9}})
	content, err := Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(content) > maxBytes || len(content) < maxBytes/2 {
		t.Errorf("%d bytes", len(content))
	}
	saved, err := Decode(content)
	if err != nil {
		t.Fatal(err)
	}
	if saved.Active[0].ID != known().Active[0].ID || len(saved.Active) < 10 || len(saved.History) < 10 {
		t.Errorf("%d active, %d ended", len(saved.Active), len(saved.History))
	}
	p := saved.Persistence
	last := false
	for i := range p.Files {
		last = last || p.Files[i].Path == "/etc/cron.d/last"
	}
	if !p.System || p.AllUsers || !last {
		t.Errorf("complete: system %v, users %v; the system's last file: %v", p.System, p.AllUsers, last)
	}
	// Where not even the system's fit, it is said.
	for i := range s.Persistence.Files {
		s.Persistence.Files[i].Owner = ""
	}
	if content, err = Encode(s); err != nil {
		t.Fatal(err)
	}
	if saved, err = Decode(content); err != nil || saved.Persistence.System || saved.Persistence.AllUsers {
		t.Errorf("%v: %v", err, saved.Persistence)
	}
}

// FuzzDecode: whatever content somebody gives a file with a checksum that is right, what is taken over is within its bounds, can be shown
// and be written again.
func FuzzDecode(f *testing.F) {
	content, err := Encode(known())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	for _, seed := range []string{
		"", "null", "[]", `{"active":[1,null,{},"x"],"history":[{"Finding":{"Suspect":{"CPUSeconds":1e400}}},{"Finding":{"ID":"a","Rule":"known_miner_name","Severity":"critical",` +
			`"FirstSeen":"9999-12-31T23:59:59Z","LastSeen":"9999-12-31T23:59:59Z","Suspect":{"Respawns":18446744073709551615,"CPUSeconds":1e308}}}]}`,
		`{"persistence":{"key":"MDEyMzQ1Njc4OWFiY2RlZg==","version":1,"places":[{"kind":"crontab","directory":"/","files":{"a":"AAAA","b":"AAAAAAAAAAA=","\\x":"","":""}},{"kind":"x"}]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		saved, err := Decode(content)
		if err != nil {
			return
		}
		if p := saved.Persistence; p != nil {
			if len(p.Key) != keyBytes || len(p.Files) > maxFiles {
				t.Errorf("a key of %d bytes, %d files", len(p.Key), len(p.Files))
			}
			for i := range p.Files {
				if !filepath.IsAbs(p.Files[i].Path) {
					t.Errorf("%+v", p.Files[i])
				}
			}
		}
		keeper := history.New()
		keeper.Restore(saved.Active, saved.History, noon, time.Minute)
		for _, over := range keeper.Ended() {
			if over.At.After(noon) || over.Finding.FirstSeen.After(over.Finding.LastSeen) || over.Finding.LastSeen.After(over.At) || rules.Meaning(over.Finding.Rule) == "" {
				t.Errorf("%+v", over)
			}
		}
		again := Saved{Persistence: saved.Persistence}
		again.Active, again.History = keeper.Kept(nil)
		out, err := Encode(again)
		if err != nil || len(out) > maxBytes {
			t.Fatalf("%d bytes, %v", len(out), err)
		}
		if _, err := Decode(out); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzWhole: of any file either all is right, or it is refused.
func FuzzWhole(f *testing.F) {
	directory := f.TempDir()
	if err := writeSlot(filepath.Join(directory, "x"), header{Version: version, Sequence: 3}, []byte("{}")); err != nil {
		f.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(directory, "x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		h, content, err := whole(file)
		if err == nil && (h.sum(content) != h.SHA256 || len(content) != h.Length || h.Version != version) {
			t.Errorf("%+v with %q", h, content)
		}
	})
}

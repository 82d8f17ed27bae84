package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]Report{"idle": idle(), "incident": incident(), "warning": warned(), "unknown": unknown(), "public": toPublic(incident()), "night": quietAgain()} {
		for kind, write := range map[string]func(io.Writer, Report) error{
			"text": func(w io.Writer, r Report) error { return Text(w, r, false) },
			"json": JSON,
			"html": writePage,
		} {
			t.Run(name+"."+kind, func(t *testing.T) {
				t.Parallel()
				var out bytes.Buffer
				if err := write(&out, r); err != nil {
					t.Fatal(err)
				}
				compareGolden(t, name+"."+kind, out.String())
			})
		}
	}
}

// compareGolden compares with a file of testdata, or writes it.
func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; go test -update rewrites it):\n%s", file, diff)
	}
}

func writePage(w io.Writer, r Report) error {
	r.Watched = 0
	response := get(NewPage(servedTo(r.Audience, func() Report { return r }), "/metrics"), "GET", "/")
	if response.Code != 200 {
		return fmt.Errorf("status %d", response.Code)
	}
	_, err := w.Write(response.Body.Bytes())
	return err
}

func TestFirstLineAndExitCode(t *testing.T) {
	t.Parallel()
	noProcesses, noSensor := idle(), incident()
	noProcesses.Snapshot.Processes.Processes = nil
	noSensor.Snapshot.Processes = nil
	noted := incident()
	noted.Findings.Active = noted.Findings.Active[3:]
	blind := idle()
	blind.Blind = []string{"2 of 3 processes hide which program they run."}
	unprivileged, contained, foundUnprivileged := idle(), idle(), warned()
	for _, r := range []*Report{&unprivileged, &foundUnprivileged} {
		r.Snapshot.Processes.Visibility[model.AspectExe] = model.Share{Readable: 1, Total: 3}
	}
	contained.Snapshot.Self.Contained = true
	guardianOnly := incident()
	guardianOnly.Findings.Active = guardianOnly.Findings.Active[1:]
	gone := incident()
	gone.Findings.Active[0].Suspect.Running = false
	for name, test := range map[string]struct {
		report Report
		code   int
		line   string
	}{
		"incident":      {incident(), 2, "CRITICAL: a miner runs here: /tmp/kdevtmpfsi (pid 4711, user flink, 5.8 cores), kept alive by /var/tmp/kinsing (pid 812)"},
		"guardian only": {guardianOnly, 2, "CRITICAL: /var/tmp/kinsing (pid 812, user flink) keeps a miner alive"},
		"gone":          {gone, 2, "CRITICAL: a miner was here: /tmp/kdevtmpfsi (user flink) does not run now, kept alive by /var/tmp/kinsing (pid 812)"},
		"warning":       {warned(), 1, "WARNING: A hidden program lies in /tmp"},
		"idle":          {idle(), 0, "OK: nothing suspicious found on worker-3 (3 processes, 3 directories, 14 listening sockets, looked at for 10 s)"},
		"notes only":    {noted, 0, "OK: nothing suspicious found on worker-3 (5 processes, 3 directories, 14 listening sockets, looked at for 10 s)"},
		"blind":         {blind, 0, "OK: nothing suspicious found on worker-3 (3 processes, 3 directories, 14 listening sockets, looked at for 10 s); not everything could be seen, see below"},
		"unprivileged":  {unprivileged, 3, "UNKNOWN: nothing suspicious found, but 2 of 3 processes cannot be seen; run it as root"},
		"contained":     {contained, 3, "UNKNOWN: nothing suspicious found, but the processes of the host cannot be seen from this container"},
		"and found":     {foundUnprivileged, 1, "WARNING: A hidden program lies in /tmp"},
		"no findings":   {unknown(), 3, "UNKNOWN: nothing was looked at yet: the first sample is not finished"},
		"empty proc":    {noProcesses, 3, "UNKNOWN: no process can be seen: is --path.procfs the /proc of the host?"},
		"no processes":  {noSensor, 3, "UNKNOWN: no process was looked at: the process collector is off, or its first sample is not finished"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := ExitCode(test.report); got != test.code {
				t.Errorf("exit code %d, want %d", got, test.code)
			}
			var out bytes.Buffer
			if err := Text(&out, test.report, false); err != nil {
				t.Fatal(err)
			}
			line, _, _ := strings.Cut(out.String(), "\n")
			if diff := cmp.Diff(test.line, line); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestJSONHasNoNull(t *testing.T) {
	t.Parallel()
	bare := idle()
	bare.Findings.Active = []model.Finding{{Severity: model.Critical, Suspect: &model.Suspect{}}, {Severity: model.Warning, File: &model.File{Modified: time.Unix(1<<60, 0)}}}
	for _, r := range []Report{idle(), incident(), warned(), unknown(), bare, {}} {
		var out bytes.Buffer
		if err := JSON(&out, r); err != nil {
			t.Fatal(err)
		}
		var read document
		if err := json.Unmarshal(out.Bytes(), &read); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "null") {
			t.Errorf("a null in\n%s", out.String())
		}
	}
}

// TestJSONFields holds the fields that users rest on.
func TestJSONFields(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := JSON(&out, incident()); err != nil {
		t.Fatal(err)
	}
	var read struct {
		SchemaVersion int              `json:"schema_version"`
		Findings      []map[string]any `json:"findings"`
		Files         []map[string]any `json:"files"`
		Exposed       []map[string]any `json:"exposed_services"`
		Coverage      map[string]any   `json:"coverage"`
	}
	if err := json.Unmarshal(out.Bytes(), &read); err != nil {
		t.Fatal(err)
	}
	if read.SchemaVersion != 1 || len(read.Files) != 3 || len(read.Exposed) != 1 || read.Exposed[0]["app"] != "flink" {
		t.Errorf("version %d, files %v, exposed %v", read.SchemaVersion, read.Files, read.Exposed)
	}
	if sensors, aspects := read.Coverage["sensors"].([]any), read.Coverage["aspects"].([]any); len(sensors) != 6 || len(aspects) != 9 {
		t.Errorf("coverage %v", read.Coverage)
	}
	suspect := read.Findings[0]["suspect"].(map[string]any)
	for _, field := range []string{
		"id", "pids", "comm", "exe", "argv", "user", "uid", "unit", "container", "origin", "sha256", "started", "cores", "rss_bytes",
		"respawns", "guardian", "entry", "signals",
	} {
		if _, ok := suspect[field]; !ok {
			t.Errorf("a suspect has no %s", field)
		}
	}
	if signals := suspect["signals"].([]any); len(signals) != 3 || signals[0].(map[string]any)["rule"] != "known_miner_name" {
		t.Errorf("signals %v", signals)
	}
}

// hostile is an incident in which every name that somebody else chooses is bad.
func hostile(name string) Report {
	r := incident()
	for i := range r.Findings.Active {
		f := &r.Findings.Active[i]
		f.Title, f.Evidence = text.Label(name), []string{text.Label(name)}
		if f.File != nil {
			f.Severity, f.File.Hidden, f.File.Path, f.File.User = model.Warning, true, "/tmp/"+name, name
		}
		if s := f.Suspect; s != nil {
			s.Process.Exe, s.Process.Comm, s.Process.User, s.Process.Cgroup = "/tmp/"+name, name, name, name
			s.Process.Unit, s.Process.ContainerID, s.Process.Argv = name, "", []string{name, name}
			s.Process.Ancestors = []model.Ancestor{{Identity: model.Identity{PID: 100}, Comm: name, User: name}}
			s.Guardian = &model.Guardian{Relation: model.RelationUnit, PID: 1, Comm: name, Exe: name, User: name, Unit: name}
			s.Entry = &model.Entry{Process: name, PID: 100, Address: "0.0.0.0", Port: 1}
		}
	}
	r.Snapshot.Files.Files = []model.File{{Path: "/tmp/" + name, User: name}}
	exposure := model.Exposure{
		App: name, Scope: model.ScopeAny, Socket: model.Socket{App: name, OwnerExe: name, OwnerComm: name}, Endpoints: []string{text.Label(name)},
		Unit: name, Answer: &model.Answer{Version: name, Failure: name},
		Log: &model.SubmissionLog{Path: name, Failure: name, Recent: []model.Submission{{Text: name}}},
	}
	r.Findings.Exposures = []model.Exposure{exposure}
	r.Findings.Active = append(r.Findings.Active, model.Finding{
		Severity: model.Warning, Exposure: &exposure, Title: text.Label(name), Evidence: []string{text.Label(name)},
	})
	r.Hostname = name
	return r
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	for label, name := range map[string]string{
		"escape": "a\x1b[31mred\x1b]0;title\a", "newline": "a\nCRITICAL: b\r", "bidi": "safe\u202egpj", "not UTF-8": "a\xff\xfeb",
		"html": `<script>alert(1)</script>"><img src=x onerror='x'>`, "quotes": `a'b"c$(id)` + "`id`", "long": strings.Repeat("<\x1b", 2048),
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			var terminal, asJSON, page bytes.Buffer
			r := hostile(name)
			for _, err := range []error{Text(&terminal, r, false), JSON(&asJSON, r), writePage(&page, r)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			for kind, out := range map[string]string{"text": terminal.String(), "json": asJSON.String(), "page": page.String()} {
				for line := range strings.SplitSeq(out, "\n") {
					if !utf8.ValidString(line) || text.Escape(line) != line {
						t.Errorf("%s: unsafe line %q", kind, line)
					}
				}
			}
			if strings.Count(terminal.String(), "\nCRITICAL: ") > 0 {
				t.Error("a name made a verdict of its own")
			}
			if html := page.String(); strings.Contains(html, "<script") || strings.Contains(html, "<img") {
				t.Errorf("a name became HTML:\n%s", html)
			}
		})
	}
}

func TestColourOnlyIfAsked(t *testing.T) {
	t.Parallel()
	var plain, colour bytes.Buffer
	if err := Text(&plain, incident(), false); err != nil {
		t.Fatal(err)
	}
	if err := Text(&colour, incident(), true); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(plain.String(), "\x1b") || !strings.HasPrefix(colour.String(), "\x1b[1;31mCRITICAL\x1b[0m: ") {
		t.Errorf("plain %q\ncolour %q", plain.String()[:40], colour.String()[:40])
	}
}

func TestTextIsBounded(t *testing.T) {
	t.Parallel()
	r := idle()
	for i := range 1000 {
		r.Findings.Active = append(r.Findings.Active, model.Finding{Severity: model.Warning, Rule: rules.RunsFromTemp, Title: "t", Suspect: &model.Suspect{
			ID: fmt.Sprintf("%012d", i), Running: true, PIDs: []int{1000 + i}, Process: model.Process{Exe: fmt.Sprintf("/tmp/%d", i)},
		}})
	}
	for range 30 {
		r.Findings.Active = append(r.Findings.Active, model.Finding{Severity: model.Info, Title: "a note"})
	}
	var out bytes.Buffer
	if err := Text(&out, r, false); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(out.String(), "\n"); lines > 400 {
		t.Errorf("%d lines", lines)
	}
	for _, want := range []string{"And 980 more suspects", "and 20 more\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing", want)
		}
	}
}

func TestCommandLineIsCut(t *testing.T) {
	t.Parallel()
	if got := commandLine([]string{strings.Repeat("é", 400)}); utf8.RuneCountInString(got) != maxCommandLine || !strings.HasSuffix(got, "...") {
		t.Errorf("%d characters: %s", utf8.RuneCountInString(got), got)
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := NewProgress(&out, 10*time.Second)
	r := incident()
	r.Watched = 4900 * time.Millisecond
	p.Show(r)
	p.Clear()
	p.Clear()
	line := "looking: 4 of 10 s, 5 processes, 2 suspects"
	if diff := cmp.Diff("\r"+line+"\r"+strings.Repeat(" ", len(line))+"\r", out.String()); diff != "" {
		t.Error(diff)
	}
}

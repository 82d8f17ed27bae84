package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// lookBack is what these tests read of /api/v1/findings about the time before now.
type lookBack struct {
	Findings []pastFinding
	History  []struct {
		Finding pastFinding
		Ended   time.Time
	}
	HistoryNote string `json:"history_note"`
}

type pastFinding struct {
	Severity  string
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	Suspect   *struct{ Exe string }
}

func lookBackAt(t *testing.T, url string) (all lookBack) {
	t.Helper()
	if err := programs.Get(context.Background(), url+"/api/v1/findings", &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// active is the finding about a suspect that runs the executable, or nil.
func (l lookBack) active(exe string) *pastFinding {
	for i := range l.Findings {
		if f := &l.Findings[i]; f.Suspect != nil && f.Suspect.Exe == exe {
			return f
		}
	}
	return nil
}

// over is the same among what has ended.
func (l lookBack) over(exe string) *pastFinding {
	for i := range l.History {
		if f := &l.History[i].Finding; f.Suspect != nil && f.Suspect.Exe == exe {
			return f
		}
	}
	return nil
}

// TestRestart: a miner that runs on was first seen before the restart, one that has ended is still told of, what was changed meanwhile is
// said; all that as the user that root becomes, which opens no file for writing. A corrupt file and a directory that cannot be written
// to are said, and hinder nothing.
func TestRestart(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "state")
	const staying, going = "/tmp/cryptojack-e2e-staying/kdevtmpfsi", "/tmp/cryptojack-e2e-going/kinsing"
	var running []*process
	for _, exe := range []string{staying, going} {
		if err := os.Mkdir(filepath.Dir(exe), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Remove(filepath.Dir(exe)) }) // copyProgram says what is left
		copyProgram(t, program(t, "replica"), exe, exe)
		running = append(running, startAsNobody(t, []string{"REPLICA_MODE=burner", "REPLICA_DUTY=0.1"}, exe))
	}
	start := func() *server { return startExporter(t, "--state.dir="+directory) }

	first := start()
	var before lookBack
	eventually(t, 30*time.Second, "both are found", func() error {
		if before = lookBackAt(t, first.url); before.active(staying) == nil || before.active(going) == nil {
			return fmt.Errorf("%+v", before.Findings)
		}
		return nil
	})
	running[1].stop(t)
	eventually(t, time.Minute, "one has ended", func() error {
		if lookBackAt(t, first.url).over(going) == nil {
			return fmt.Errorf("it has not")
		}
		return nil
	})
	first.stop(t)
	for _, name := range []string{"state-a.json", "state-b.json"} {
		stat, err := os.Stat(filepath.Join(directory, name))
		if err != nil {
			t.Fatal(err)
		}
		if owner := stat.Sys().(*syscall.Stat_t).Uid; owner == 0 || stat.Mode().Perm() != 0o600 {
			t.Errorf("%s is of user %d, mode %v", name, owner, stat.Mode())
		}
	}
	const crontab = "/etc/cron.d/cryptojack-e2e-restart"
	t.Cleanup(func() { _ = os.Remove(crontab) })
	if err := os.MkdirAll(filepath.Dir(crontab), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Dir(crontab), filepath.Base(crontab), "@yearly root /bin/true\n")

	check := func(s *server, when string) {
		t.Helper()
		eventually(t, 30*time.Second, when, func() error {
			now := lookBackAt(t, s.url)
			switch f, over := now.active(staying), now.over(going); {
			case f == nil || !f.FirstSeen.Equal(before.active(staying).FirstSeen):
				return fmt.Errorf("first seen: %+v, was %+v", f, before.active(staying))
			case over == nil || over.Severity != "critical" || !over.FirstSeen.Equal(before.active(going).FirstSeen):
				return fmt.Errorf("over: %+v, was %+v", over, before.active(going))
			case now.HistoryNote != "":
				return fmt.Errorf("note %q", now.HistoryNote)
			}
			return nil
		})
	}
	second := start()
	check(second, "after the restart")
	seen, _ := scrape(t, second.url).mustOne(t, "cryptojack_suspect_first_seen_timestamp_seconds", labels{"suspect": suspectID(t, second.url, staying)})
	if want := before.active(staying).FirstSeen; time.Unix(0, int64(seen*1e9)).Sub(want).Abs() > time.Millisecond {
		t.Errorf("the metric says %v, was %v", seen, want)
	}
	if !strings.Contains(second.output.String(), "what starts programs was changed while the exporter did not run") {
		t.Errorf("the crontab is not noticed")
	}
	// Without a word before: what was written last is used.
	if err := syscall.Kill(second.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-second.Done()
	third := start()
	check(third, "after it was killed")
	third.stop(t)

	for _, name := range []string{"state-a.json", "state-b.json"} {
		writeFile(t, directory, name, "{}")
	}
	fourth := start()
	note := lookBackAt(t, fourth.url).HistoryNote
	if !strings.Contains(note, "state-a.json.corrupt") || !strings.Contains(note, "state-b.json.corrupt") || !strings.Contains(fourth.output.String(), "was set aside as state-a.json.corrupt") {
		t.Errorf("note %q", note)
	}
	fourth.stop(t)
	fifth := startExporter(t, "--state.dir=/proc/self/task") // nobody can make a file there
	if note := lookBackAt(t, fifth.url).HistoryNote; !strings.Contains(note, "nothing is kept over a restart") {
		t.Errorf("note %q", note)
	}
}

// suspectID is that of the finding about an executable.
func suspectID(t *testing.T, url, exe string) string {
	t.Helper()
	f, err := suspectFinding(url, exe)
	if err != nil {
		t.Fatal(err)
	}
	return f.Suspect.ID
}

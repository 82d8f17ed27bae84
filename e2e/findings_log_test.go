package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// loggedEvent is what these tests read of a line of --findings.log.
type loggedEvent struct {
	Event   struct{ Action string }
	Process struct {
		PID        int
		Executable string
		Args       []string
	}
	Host       struct{ Name string }
	Cryptojack struct {
		Finding struct {
			Remedy  []string
			Suspect struct{ Ancestors []struct{ PID int } }
		}
	}
}

// logged returns the events of a file about a program.
func logged(file, exe, action string) (found []loggedEvent, err error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(content)) {
		var e loggedEvent
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return nil, fmt.Errorf("%w: %s", err, line)
		}
		if e.Process.Executable == exe && e.Event.Action == "finding-"+action {
			found = append(found, e)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has no %s event of %s", file, action, exe)
	}
	return found, nil
}

// TestFindingsLog: an attack is one line; logrotate(8) makes a new file, and the exporter goes on in that although it is no longer root and
// has given up to open files for writing.
func TestFindingsLog(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "findings.log")
	watching := startExporter(t, "--findings.log="+file)
	const first, second = "/tmp/cryptojack-e2e-logged-1/kdevtmpfsi", "/tmp/cryptojack-e2e-logged-2/kdevtmpfsi"
	attack := func(exe string) *process {
		if err := os.Mkdir(filepath.Dir(exe), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Remove(filepath.Dir(exe)) }) // copyProgram says what is left
		copyProgram(t, program(t, "replica"), exe, exe)
		return startAsNobody(t, []string{"REPLICA_MODE=burner", "REPLICA_DUTY=0.1"}, exe, "--password=hunter2")
	}
	running := attack(first)
	var raised []loggedEvent
	eventually(t, 30*time.Second, "the first attack's line", func() (err error) {
		raised, err = logged(file, first, "raised")
		return err
	})
	e := raised[0]
	if len(raised) != 1 || e.Process.PID != running.PID || e.Host.Name == "" || len(e.Cryptojack.Finding.Remedy) == 0 {
		t.Errorf("%d lines: %+v", len(raised), raised)
	}
	if arguments := strings.Join(e.Process.Args, " "); !strings.Contains(arguments, "--password=***") || strings.Contains(arguments, "hunter2") {
		t.Errorf("arguments: %s", arguments)
	}
	stat, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if owner := stat.Sys().(*syscall.Stat_t).Uid; owner == 0 || stat.Mode().Perm() != 0o600 {
		t.Errorf("the file is of user %d, mode %v", owner, stat.Mode())
	}

	rotated := exec.Command("logrotate", "--force", "--state", filepath.Join(directory, "state"), writeFile(t, directory, "logrotate.conf",
		fmt.Sprintf("%s {\n rotate 3\n create\n su root root\n postrotate\n kill -HUP %d\n endscript\n}\n", file, watching.PID)))
	if output, err := rotated.CombinedOutput(); errors.Is(err, exec.ErrNotFound) {
		t.Fatal("logrotate is missing: run scripts/install-test-packages")
	} else if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	running.stop(t)
	running = attack(second)
	eventually(t, 30*time.Second, "the second attack's line, in the new file", func() error {
		_, err := logged(file, second, "raised")
		return err
	})
	if _, err := logged(file+".1", second, "raised"); err == nil {
		t.Error("the old file is still written to")
	}
	running.stop(t)
	eventually(t, time.Minute, "the end of both", func() error {
		_, err := logged(file, first, "ended")
		_, err2 := logged(file, second, "ended")
		return errors.Join(err, err2)
	})
	if lost, _ := scrape(t, watching.url).mustOne(t, "cryptojack_findings_log_lost_total", nil); lost != 0 {
		t.Errorf("%v events are lost", lost)
	}
}

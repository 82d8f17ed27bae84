package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/webhook"
)

// TestDrill follows what `drill` prints, as the user nobody: to the webhook, through a kill that does not help, and back to quiet.
func TestDrill(t *testing.T) {
	exporter := startExporter(t)
	pager, _ := startMonitoring(t, exporter)
	text, err := exec.Command(program(t, "cryptojack_exporter"), "drill").Output()
	if err != nil {
		t.Fatal(err)
	}
	steps := stepsOf(string(text))
	t.Cleanup(func() { // whatever happens to the test
		_, _ = asNobody(t, steps["4"])
		waitUntilGone(t, burnerPath, guardianPath)
	})

	if said, err := asNobody(t, steps["1"]); err != nil {
		t.Fatalf("step 1: %v: %s", err, said)
	}
	var alert webhook.Alert
	took := eventually(t, time.Minute, "the alert of the drill at the webhook", func() (err error) {
		if alert, err = pager.last("CryptojackMinerFound", "firing"); err != nil {
			return err
		}
		return namesBurner(alert)
	})
	t.Logf("the alert needed %s: %s", took.Round(time.Millisecond), alert.Annotations["description"])

	before, err := processByExe(burnerPath)
	if err != nil {
		t.Fatal(err)
	}
	said, err := asNobody(t, steps["3"])
	if after, wrong := strconv.Atoi(strings.TrimSpace(said)); err != nil || wrong != nil || after == before {
		t.Errorf("step 3: it should be back under another pid than %d: %q, %v", before, said, err)
	}

	if said, err := asNobody(t, steps["4"]); err != nil {
		t.Errorf("step 4: %v: %s", err, said)
	}
	eventually(t, 10*time.Second, "nothing is left", func() error {
		for _, path := range []string{burnerPath, guardianPath} {
			if pid, err := processByExe(path); err == nil {
				return fmt.Errorf("%s is pid %d", path, pid)
			}
			if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("%s is there: %w", path, err)
			}
		}
		return nil
	})
	eventually(t, 2*time.Minute, "the alert is resolved", func() error {
		_, err := pager.last("CryptojackMinerFound", "resolved")
		return err
	})
}

var stepBegins = regexp.MustCompile(`^(\d)\. `)

// stepsOf returns the commands of each step: what is indented by five spaces.
func stepsOf(text string) map[string]string {
	steps, step := map[string]string{}, ""
	for line := range strings.SplitSeq(text, "\n") {
		if match := stepBegins.FindStringSubmatch(line); match != nil {
			step = match[1]
		}
		if command, ok := strings.CutPrefix(line, "     "); ok {
			steps[step] += command + "\n"
		}
	}
	return steps
}

// asNobody has a shell of the user nobody run commands.
func asNobody(t *testing.T, commands string) (string, error) {
	t.Helper()
	if strings.TrimSpace(commands) == "" {
		return "", errors.New("the drill has no such step")
	}
	shell := exec.Command("sh", "-c", commands)
	shell.Dir = "/"
	programs.AsNobody(shell)
	said, err := shell.CombinedOutput()
	return string(said), err
}

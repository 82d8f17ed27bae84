package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/webhook"
)

// The real names of the incident.
const (
	burnerPath     = "/tmp/kdevtmpfsi"
	renamedPath    = "/tmp/x9f3ka"
	guardianPath   = "/var/tmp/kinsing"
	servicePath    = installDirectory + "cryptojack-e2e-flink"
	controlPath    = "/usr/local/share/cryptojack-e2e-control"
	serviceAddress = "0.0.0.0:8081"
	// flinkEvidence is the class by which a Flink cluster is recognised.
	flinkEvidence = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
)

// incident is the replica at work, and all that watches it.
type incident struct {
	whole      *testing.T // outlives the parts
	exporter   *server
	before     metrics // before it began
	pager      pager
	prometheus string // its address
	service    *process
	suspect    string // id of the burner
}

// TestIncident replays the infection on this host, with harmless programs under
// the real names, and follows it until the alert resolves. Its parts build on
// each other, so the first that fails ends it.
func TestIncident(t *testing.T) {
	running := exporterAndReplica(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *incident)
	}{
		{"alert reaches the webhook", alertReachesWebhook},
		{"metrics say who, what and how", metricsSayAll},
		{"scan names both and exits 2", scanNamesBoth},
		{"status page names the suspect", pageNamesSuspect},
		{"respawn after a kill is one suspect", respawnIsOneSuspect},
		{"dashboards show it", dashboardsShowTheIncident},
		{"another name is the same suspect", renameIsOneSuspect},
		{"all stopped resolves", stoppedResolves},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.run(t, running) }) {
			t.Logf("the exporter said:\n%s", tail(running.exporter.output.String(), 4000))
			return
		}
	}
}

// exporterAndReplica starts the watchers and then the replica.
func exporterAndReplica(t *testing.T) *incident {
	t.Helper()
	running := &incident{whole: t, exporter: startExporter(t)}
	running.pager, running.prometheus = startMonitoring(t, running.exporter)
	running.before = scrape(t, running.exporter.url)

	// The service lies where services lie. A copy in a temporary directory would
	// be a third suspect.
	replica := program(t, "replica")
	copyProgram(t, replica, servicePath, "service")
	copyProgram(t, replica, guardianPath, "guardian")
	copyProgram(t, replica, burnerPath, "burner")
	setControl(t, burnerPath)
	t.Cleanup(func() { _ = os.Remove(controlPath) })
	running.service = startAsNobody(t, []string{
		"REPLICA_MODE=listener",
		"REPLICA_LISTEN=" + serviceAddress,
		"REPLICA_GUARDIAN=" + guardianPath,
		"REPLICA_CONTROL=" + controlPath,
		"REPLICA_DUTY=1",
	}, servicePath, flinkEvidence)
	t.Cleanup(func() {
		running.service.stop(t) // the guardian ends when it is gone, then the burner
		waitUntilGone(t, burnerPath, renamedPath, guardianPath)
	})
	return running
}

// setControl says what the guardian starts from now on.
func setControl(t *testing.T, burner string) {
	t.Helper()
	if err := os.WriteFile(controlPath, []byte(burner), 0o644); err != nil {
		t.Fatal(err)
	}
}

func alertReachesWebhook(t *testing.T, running *incident) {
	var alert webhook.Alert
	took := eventually(t, time.Minute, "CryptojackMinerFound at the webhook", func() (err error) {
		if running.service.Ended() != nil {
			return fmt.Errorf("the listener has ended: %s", running.service.output)
		}
		alert, err = running.pager.last("CryptojackMinerFound", "firing")
		if err != nil {
			return err
		}
		return namesBurner(alert)
	})
	t.Logf("the alert needed %s: %s", took.Round(time.Millisecond), alert.Annotations["description"])
	if alert.Labels["severity"] != "critical" {
		t.Errorf("severity is %q, want critical", alert.Labels["severity"])
	}
}

// namesBurner returns an error unless the alert is about the burner, in full.
func namesBurner(alert webhook.Alert) error {
	pid, err := processByExe(burnerPath)
	if err != nil {
		return err
	}
	description := alert.Annotations["description"]
	for _, wanted := range []string{strconv.Itoa(pid), burnerPath, guardianPath} {
		if !strings.Contains(description, wanted) {
			return fmt.Errorf("the description does not name %s: %q", wanted, description)
		}
	}
	return nil
}

func metricsSayAll(t *testing.T, running *incident) {
	url := running.exporter.url
	eventually(t, 30*time.Second, "every fact is a metric", func() error {
		now, err := tryScrape(url)
		if err != nil {
			return err
		}
		_, suspect, err := now.one("cryptojack_suspect_info", labels{"comm": "kdevtmpfsi", "exe": burnerPath})
		if err != nil {
			return err
		}
		running.suspect = suspect["suspect"]
		for _, wanted := range []struct {
			name   string
			labels labels
			value  float64
		}{
			{"cryptojack_suspect_info", labels{"comm": "kinsing", "exe": guardianPath}, 1},
			{"cryptojack_suspect_guardian_info", labels{"suspect": running.suspect, "comm": "kinsing", "exe": guardianPath, "relation": "parent"}, 1},
			{"cryptojack_suspect_entry_info", labels{"suspect": running.suspect, "app": "flink", "port": "8081"}, 1},
			{"cryptojack_exposed_services", labels{"app": "flink", "scope": "any", "auth": "unknown"}, 1},
			{"cryptojack_suspicious_file_info", labels{"path": burnerPath, "reason": "running"}, 1},
			{"cryptojack_suspicious_file_info", labels{"path": guardianPath, "reason": "running"}, 1},
		} {
			number, _, err := now.one(wanted.name, wanted.labels)
			if err != nil {
				return err
			}
			if number != wanted.value {
				return fmt.Errorf("%s%v is %v, want %v", wanted.name, wanted.labels, number, wanted.value)
			}
		}
		// Other programs may run from /tmp here, such as a test of Go itself, and start
		// meanwhile.
		inTemp := labels{"directory": "/tmp", "reason": "running"}
		before, _, err := running.before.one("cryptojack_suspicious_files", inTemp)
		if err != nil {
			return err
		}
		files, _, err := now.one("cryptojack_suspicious_files", inTemp)
		if err != nil {
			return err
		}
		if files < before+1 {
			return fmt.Errorf("cryptojack_suspicious_files%v is %v, want more than %v", inTemp, files, before)
		}
		return samePID(now, running.suspect, burnerPath)
	})
}

// samePID compares the pid that the exporter gives with the kernel's.
func samePID(now metrics, suspect, exe string) error {
	pid, err := processByExe(exe)
	if err != nil {
		return err
	}
	reported, _, err := now.one("cryptojack_suspect_pid", labels{"suspect": suspect})
	if err != nil {
		return err
	}
	if int(reported) != pid {
		return fmt.Errorf("cryptojack_suspect_pid is %v, want %d", reported, pid)
	}
	return nil
}

func scanNamesBoth(t *testing.T, _ *incident) {
	scan := runToEnd(t, program(t, "cryptojack_exporter"), "scan", "--for=3s", askNobody(t))
	if scan.code != 2 {
		t.Errorf("exit code %d, want 2 (critical); it wrote:\n%s%s", scan.code, scan.stdout, scan.stderr)
	}
	first, _, _ := strings.Cut(scan.stdout, "\n")
	if !strings.Contains(strings.ToLower(first), "critical") {
		t.Errorf("the first line is no verdict: %q", first)
	}
	for _, wanted := range []string{burnerPath, guardianPath, "8081"} {
		if !strings.Contains(scan.stdout, wanted) {
			t.Errorf("the report does not name %s:\n%s", wanted, scan.stdout)
		}
	}
}

func respawnIsOneSuspect(t *testing.T, running *incident) {
	url := running.exporter.url
	before := scrape(t, url)
	respawned := before.sum("cryptojack_suspect_respawns_total", labels{"suspect": running.suspect})
	fromTemp := before.sum("cryptojack_origin_respawns_total", labels{"origin": "temp"})

	killBurner(t, burnerPath)
	eventually(t, 15*time.Second, "the respawn is counted", func() error {
		now, err := tryScrape(url)
		if err != nil {
			return err
		}
		count, _, err := now.one("cryptojack_suspect_respawns_total", labels{"suspect": running.suspect})
		if err != nil {
			return err
		}
		if count < respawned+1 {
			return fmt.Errorf("cryptojack_suspect_respawns_total is %v, was %v", count, respawned)
		}
		if sum := now.sum("cryptojack_origin_respawns_total", labels{"origin": "temp"}); sum < fromTemp+1 {
			return fmt.Errorf("cryptojack_origin_respawns_total{origin=temp} is %v, was %v", sum, fromTemp)
		}
		_, suspect, err := now.one("cryptojack_suspect_info", labels{"comm": "kdevtmpfsi"})
		if err != nil {
			return err
		}
		if suspect["suspect"] != running.suspect {
			return fmt.Errorf("the suspect is %s, was %s", suspect["suspect"], running.suspect)
		}
		return samePID(now, running.suspect, burnerPath)
	})
}

func renameIsOneSuspect(t *testing.T, running *incident) {
	url := running.exporter.url
	copyProgram(running.whole, program(t, "replica"), renamedPath, "burner")
	setControl(t, renamedPath)
	respawned := scrape(t, url).sum("cryptojack_suspect_respawns_total", labels{"suspect": running.suspect})
	killBurner(t, burnerPath)
	if err := os.Remove(burnerPath); err != nil {
		t.Fatal(err)
	}
	eventually(t, 15*time.Second, "the same suspect runs under another name", func() error {
		now, err := tryScrape(url)
		if err != nil {
			return err
		}
		if _, _, err := now.one("cryptojack_suspect_info", labels{"suspect": running.suspect, "exe": renamedPath}); err != nil {
			return err
		}
		if found := now.find("cryptojack_suspect_info", labels{"exe": burnerPath}); len(found) != 0 {
			return fmt.Errorf("there is a second suspect: %v", found)
		}
		count, _, err := now.one("cryptojack_suspect_respawns_total", labels{"suspect": running.suspect})
		if err != nil {
			return err
		}
		if count < respawned+1 {
			return fmt.Errorf("cryptojack_suspect_respawns_total is %v, was %v", count, respawned)
		}
		return samePID(now, running.suspect, renamedPath)
	})
}

func stoppedResolves(t *testing.T, running *incident) {
	running.service.stop(t) // the guardian ends when it is gone, then the burner
	waitUntilGone(t, burnerPath, renamedPath, guardianPath)
	for _, path := range []string{renamedPath, guardianPath} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	took := eventually(t, resolveLimit, "CryptojackMinerFound resolves", func() error {
		_, err := running.pager.last("CryptojackMinerFound", "resolved")
		return err
	})
	t.Logf("resolved after %s", took.Round(time.Second))
	now := scrape(t, running.exporter.url)
	for _, name := range []string{"kdevtmpfsi", "x9f3ka", "kinsing"} {
		if found := now.find("cryptojack_suspect_info", labels{"comm": name}); len(found) != 0 {
			t.Errorf("still a suspect: %v", found)
		}
	}
	if got, _ := now.mustOne(t, "cryptojack_exposed_services", labels{"app": "flink", "scope": "any", "auth": "unknown"}); got != 0 {
		t.Errorf("cryptojack_exposed_services{app=flink} is %v, want 0", got)
	}
}

// resolveLimit is longer than the rules' windows and the exporter's hold.
const resolveLimit = 5 * time.Minute

// killBurner ends the burner the way that an administrator would try first.
func killBurner(t *testing.T, exe string) {
	t.Helper()
	pid, err := processByExe(exe)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// waitUntilGone waits until the replica has ended by itself, and kills by its
// pid what has not after 10 s.
func waitUntilGone(t *testing.T, paths ...string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for _, path := range paths {
		for {
			pid, err := processByExe(path)
			if err != nil {
				break
			}
			if time.Now().After(deadline) {
				t.Errorf("%s (pid %d) outlived its guardian", path, pid)
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					break
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// picturesDirectory is where pictures go: E2E_PICTURES, to look at them later.
func picturesDirectory(t *testing.T) string {
	t.Helper()
	directory := os.Getenv("E2E_PICTURES")
	if directory == "" {
		return t.TempDir()
	}
	absolute, err := filepath.Abs(directory)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(absolute, 0o755); err != nil {
		t.Fatal(err)
	}
	return absolute
}

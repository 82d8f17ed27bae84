package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What is expected of a service that only this host reaches, for it listens to
// everybody within its namespace.
const (
	exposedScope     = "any"
	openSeverity     = "critical" // anybody may run anything
	loweredSeverity  = "warning"  // Flink without submission from the web
	submissionIsOpen = "can upload a jar and run it"
)

// jarWasRun is the evidence that ties the suspect to a submission.
var jarWasRun = regexp.MustCompile(`jar was run through REST at .+, (\d+ s|less than a second) before this process tree appeared; connected to it about then: 10\.200\.`)

// brokenInto is a real Flink, and all that watches it.
type brokenInto struct {
	whole    *testing.T // outlives the parts
	flink    *flink
	exporter *server
	pager    pager
}

// TestExposedFlink breaks into a real Flink the way that the incident began, with
// the harmless replica as its prey, and then closes it in two ways. Its
// parts build on each other, so the first that fails ends it.
func TestExposedFlink(t *testing.T) {
	in := addNamespace(t, "flink")
	running := &brokenInto{whole: t, flink: installFlink(t, in)}
	running.flink.start(t, "rest.bind-address: 0.0.0.0")
	running.exporter = startProbingExporter(t)
	running.pager, _ = startMonitoring(t, running.exporter)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *brokenInto)
	}{
		{"open service is reported", openServiceIsReported},
		{"break-in is counted", breakInIsCounted},
		{"suspect has its entry", suspectHasItsEntry},
		{"alert names the entry", alertNamesEntry},
		{"bound to loopback is no finding", loopbackIsNoFinding},
		{"without web submission is lowered", withoutSubmissionIsLowered},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.run(t, running) }) {
			t.Logf("the exporter said:\n%s", tail(running.exporter.output.String(), 4000))
			return
		}
	}
}

func openServiceIsReported(t *testing.T, running *brokenInto) {
	version := running.flink.version(t)
	eventually(t, time.Minute, "the open Flink is reported", func() error {
		if err := exposed(running.exporter.url, "flink", "none", 1); err != nil {
			return err
		}
		reported, err := exposedFinding(running.exporter.url, "flink")
		if err != nil {
			return err
		}
		if reported.Severity != openSeverity || reported.Socket.Port != flinkPort {
			return fmt.Errorf("severity %s, port %d", reported.Severity, reported.Socket.Port)
		}
		for _, wanted := range []string{version, submissionIsOpen} {
			if !strings.Contains(reported.says(), wanted) {
				return fmt.Errorf("the evidence does not say %q: %s", wanted, reported.says())
			}
		}
		return nil
	})
}

// exposed returns an error unless so many services of the app are exposed.
func exposed(url, app, auth string, wanted float64) error {
	now, err := tryScrape(url)
	if err != nil {
		return err
	}
	number := now.sum("cryptojack_exposed_services", labels{"app": app, "scope": exposedScope, "auth": auth})
	if number != wanted {
		return fmt.Errorf("%v exposed with auth=%q, want %v: %v", number, auth, wanted, now.find("cryptojack_exposed_services", labels{"app": app}))
	}
	return nil
}

// notExposed returns an error if anything is reported of an exposed app.
func notExposed(url, app string) error {
	now, err := tryScrape(url)
	if err != nil {
		return err
	}
	if number := now.sum("cryptojack_exposed_services", labels{"app": app}); number != 0 {
		return fmt.Errorf("%v exposed %s", number, app)
	}
	reported, err := exposedFindings(url, app)
	if err == nil && len(reported) != 0 {
		err = fmt.Errorf("findings: %v", reported)
	}
	return err
}

func breakInIsCounted(t *testing.T, running *brokenInto) {
	url := running.exporter.url
	happens := func(event string, action func()) {
		t.Helper()
		wanted := scrape(t, url).sum("cryptojack_flink_log_events_total", labels{"event": event}) + 1
		action()
		eventually(t, 30*time.Second, event+" is counted", func() error {
			now, err := tryScrape(url)
			if err != nil {
				return err
			}
			number, _, err := now.one("cryptojack_flink_log_events_total", labels{"event": event})
			if err == nil && number != wanted {
				err = fmt.Errorf("%s is %v, want %v", event, number, wanted)
			}
			return err
		})
	}
	happens("rest_exception", func() { running.flink.resetConnection(t) })
	var jar string
	happens("jar_upload", func() { jar = running.flink.upload(t, program(t, "submitted.jar")) })
	happens("jar_run", func() { breakIn(running.whole, running.flink, jar) })
}

// breakIn has Flink run the replica's guardian.
func breakIn(t *testing.T, into *flink, jar string) {
	t.Helper()
	replica := program(t, "replica")
	copyProgram(t, replica, guardianPath, "guardian")
	copyProgram(t, replica, burnerPath, "burner")
	setControl(t, burnerPath)
	t.Cleanup(func() { _ = os.Remove(controlPath) })
	t.Cleanup(func() {
		into.stop(t) // the guardian ends when its JVM is gone, then the burner
		waitUntilGone(t, burnerPath, guardianPath)
	})
	into.run(t, jar, fmt.Sprintf("REPLICA_MODE=guardian REPLICA_CONTROL=%s REPLICA_DUTY=1 exec %s", controlPath, guardianPath))
	eventually(t, 10*time.Second, "the burner runs", func() error {
		_, err := processByExe(burnerPath)
		return err
	})
}

func suspectHasItsEntry(t *testing.T, running *brokenInto) {
	url := running.exporter.url
	eventually(t, time.Minute, "the suspect has its entry", func() error {
		now, err := tryScrape(url)
		if err != nil {
			return err
		}
		_, suspect, err := now.one("cryptojack_suspect_info", labels{"comm": "kdevtmpfsi", "exe": burnerPath, "severity": "critical"})
		if err != nil {
			return err
		}
		if _, _, err := now.one("cryptojack_suspect_entry_info", labels{
			"suspect": suspect["suspect"], "app": "flink", "port": fmt.Sprint(flinkPort),
		}); err != nil {
			return err
		}
		reported, err := suspectFinding(url, burnerPath)
		if err != nil {
			return err
		}
		if !jarWasRun.MatchString(reported.says()) {
			return fmt.Errorf("the evidence does not name the jar: %s", reported.says())
		}
		for _, ancestor := range reported.Suspect.Ancestors {
			if ancestor.PID == running.flink.jobManager.PID && ancestor.Comm == "java" {
				return nil
			}
		}
		return fmt.Errorf("the JobManager %d is not among the ancestors %v", running.flink.jobManager.PID, reported.Suspect.Ancestors)
	})
}

func alertNamesEntry(t *testing.T, running *brokenInto) {
	eventually(t, time.Minute, "CryptojackMinerFound names the entry", func() error {
		alert, err := running.pager.last("CryptojackMinerFound", "firing")
		if err != nil {
			return err
		}
		description := alert.Annotations["description"]
		for _, wanted := range []string{burnerPath, guardianPath, "flink", fmt.Sprint(flinkPort)} {
			if !strings.Contains(description, wanted) {
				return fmt.Errorf("the description does not name %s: %q", wanted, description)
			}
		}
		return nil
	})
}

func loopbackIsNoFinding(t *testing.T, running *brokenInto) {
	url := running.exporter.url
	running.flink.stop(t)
	waitUntilGone(t, burnerPath, guardianPath)
	for _, path := range []string{burnerPath, guardianPath} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	running.flink.start(running.whole, "rest.bind-address: localhost")
	closed := func() error { return notExposed(url, "flink") }
	eventually(t, time.Minute, "Flink on loopback is seen, and no finding", func() error {
		if err := listens(url, flinkPort, "loopback", "flink"); err != nil {
			return err
		}
		return closed()
	})
	stays(t, 10*time.Second, "Flink on loopback", closed)
}

// listens returns an error unless a socket is reported as that of the app.
func listens(url string, port int, scope, app string) error {
	now, err := tryScrape(url)
	if err != nil {
		return err
	}
	_, _, err = now.one("cryptojack_listening_socket_info", labels{"port": fmt.Sprint(port), "scope": scope, "app": app})
	return err
}

func withoutSubmissionIsLowered(t *testing.T, running *brokenInto) {
	url := running.exporter.url
	running.flink.stop(t)
	running.flink.start(running.whole, "rest.bind-address: 0.0.0.0", "web.submit.enable: false")
	lowered := func() error {
		if err := exposed(url, "flink", "none", 1); err != nil {
			return err
		}
		reported, err := exposedFinding(url, "flink")
		if err == nil && reported.Severity != loweredSeverity {
			err = fmt.Errorf("severity %s, want %s: %s", reported.Severity, loweredSeverity, reported.says())
		}
		return err
	}
	eventually(t, time.Minute, "Flink without submission is a lower finding", lowered)
	stays(t, 10*time.Second, "Flink without submission", lowered)
}

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/webhook"
)

// benignPeriod is longer than the replica needs to be found.
const benignPeriod = 25 * time.Second

// TestBenign runs what a busy but healthy machine runs: an installed training
// program and a script, both at full speed. Nobody may be woken by that. What
// the host has already, such as a program that runs from memory, stays out.
func TestBenign(t *testing.T) {
	watching := startExporter(t)
	paged, prometheus := startMonitoring(t, watching)
	before := suspects(scrape(t, watching.url))

	trainer := installDirectory + "trainer"
	copyProgram(t, program(t, "replica"), trainer, "trainer")
	startAsNobody(t, []string{"REPLICA_MODE=burner", "REPLICA_DUTY=1"}, trainer)
	startAsNobody(t, nil, "/usr/bin/perl", "-e", "1 while time < $^T + 60")

	for deadline := time.Now().Add(benignPeriod); time.Now().Before(deadline); time.Sleep(time.Second) {
		now := scrape(t, watching.url)
		for suspect := range suspects(now) {
			if !before[suspect] {
				t.Fatalf("%s became a suspect:\n%s", suspect, now.describe("cryptojack_suspect_info"))
			}
		}
	}
	for _, alert := range append(firingAlerts(t, prometheus), paged.alerts()...) {
		said := fmt.Sprint(alert)
		if len(before) == 0 || strings.Contains(said, "trainer") || strings.Contains(said, "perl") {
			t.Errorf("an alert fires: %s", said)
		}
	}
	// It was really looking at them.
	for _, busy := range []string{"trainer", "perl"} {
		used := scrape(t, watching.url).sum("cryptojack_process_cpu_seconds_total", labels{"process": busy})
		if used < 1 {
			t.Errorf("the CPU use of %s is %v seconds, want more than 1", busy, used)
		}
	}
}

// suspects are those of severity warning or above.
func suspects(now metrics) map[string]bool {
	found := map[string]bool{}
	for _, severity := range []string{"critical", "warning"} {
		for _, metric := range now.find("cryptojack_suspect_info", labels{"severity": severity}) {
			for _, pair := range metric.GetLabel() {
				if pair.GetName() == "suspect" {
					found[pair.GetValue()] = true
				}
			}
		}
	}
	return found
}

// firingAlerts asks Prometheus for the alerts that fire now.
func firingAlerts(t *testing.T, prometheus string) []webhook.Alert {
	t.Helper()
	var answer struct {
		Data struct {
			Alerts []struct {
				webhook.Alert

				State string `json:"state"`
			} `json:"alerts"`
		} `json:"data"`
	}
	if err := programs.Get(t.Context(), prometheus+"/api/v1/alerts", &answer); err != nil {
		t.Fatal(err)
	}
	var firing []webhook.Alert
	for _, alert := range answer.Data.Alerts {
		if alert.State == "firing" {
			firing = append(firing, alert.Alert)
		}
	}
	return firing
}

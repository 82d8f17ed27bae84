package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/webhook"
)

// rulesFile is what the product ships.
const rulesFile = "../alerts/cryptojack.rules.yml"

// startExporter starts the exporter with short intervals and waits until it has
// looked at everything once. It asks no service: what else listens on this host is
// left alone.
func startExporter(t *testing.T, arguments ...string) *server {
	t.Helper()
	return startProbingExporter(t, append([]string{askNobody(t)}, arguments...)...)
}

// askNobody is the flag with which the exporter does not ask services.
func askNobody(t *testing.T) string {
	t.Helper()
	return "--config.file=" + writeFile(t, t.TempDir(), "quiet.yml", "probe: false\n")
}

// startProbingExporter is startExporter with services asked, for tests in which
// all that listens was started by them.
func startProbingExporter(t *testing.T, arguments ...string) *server {
	t.Helper()
	return startServer(t, exec.Command(program(t, "cryptojack_exporter"), append([]string{
		"--findings.hold=10s",
		"--process.interval=1s",
		"--files.interval=5s",
		"--sockets.interval=2s",
	}, arguments...)...))
}

// pager is a webhook that Alertmanager sends to.
type pager struct {
	*webhook.Receiver[webhook.Notification]
}

func startPager(t *testing.T) pager {
	t.Helper()
	return pager{receive[webhook.Notification](t)}
}

// receive starts a webhook that takes messages of a form.
func receive[Body any](t *testing.T) *webhook.Receiver[Body] {
	t.Helper()
	receiver, err := webhook.Start[Body]()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { receiver.Close() })
	return receiver
}

// alerts are all that were sent so far, the oldest first.
func (p pager) alerts() []webhook.Alert {
	var all []webhook.Alert
	for _, message := range p.Messages() {
		all = append(all, message.Body.Alerts...)
	}
	return all
}

// last returns the newest alert of a name in a status.
func (p pager) last(name, status string) (webhook.Alert, error) {
	all := p.alerts()
	for _, alert := range slices.Backward(all) {
		if alert.Labels["alertname"] == name && alert.Status == status {
			return alert, nil
		}
	}
	return webhook.Alert{}, fmt.Errorf("%s was not sent as %s; what was sent: %v", name, status, all)
}

// startMonitoring starts Prometheus 3 with the shipped rules on the exporter,
// Alertmanager behind it, and a webhook behind that. It also returns the address
// of Prometheus.
func startMonitoring(t *testing.T, scraped *server) (pager, string) {
	t.Helper()
	paged := startPager(t)
	alertmanager := startAlertmanager(t, writeFile(t, t.TempDir(), "alertmanager.yml", fmt.Sprintf(`
route:
  receiver: test
  group_by: [alertname]
  group_wait: 1s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: test
    webhook_configs:
      - url: %s
        send_resolved: true
`, paged.URL)))
	return paged, startPrometheus(t, scraped, alertmanager)
}

func startAlertmanager(t *testing.T, config string) *server {
	t.Helper()
	return startServer(t, programs.Alertmanager(installed(t, "prometheus-alertmanager"), config))
}

// installed is the path of a program of Debian's.
func installed(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: `make test-tools` at the root of the repository installs it", err)
	}
	return path
}

func startPrometheus(t *testing.T, exporter, alertmanager *server) string {
	t.Helper()
	shipped, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	// How long an alert fires on is left to promtool's tests: it is minutes here.
	hasty := regexp.MustCompile(`keep_firing_for: \w+`).ReplaceAllLiteralString(string(shipped), "keep_firing_for: 5s")
	config := writeFile(t, directory, "prometheus.yml", fmt.Sprintf(`
global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files: [%q]
scrape_configs:
  - job_name: cryptojack
    static_configs:
      - targets: [%q]
alerting:
  alertmanagers:
    - static_configs:
        - targets: [%q]
`, writeFile(t, directory, "cryptojack.rules.yml", hasty), exporter.address, alertmanager.address))
	return startServer(t, programs.Prometheus(program(t, "prometheus"), config)).url
}

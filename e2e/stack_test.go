package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"
)

// rulesFile is what the product ships.
const rulesFile = "../alerts/cryptojack.rules.yml"

// exporter is a running cryptojack_exporter.
type exporter struct {
	*process
	url string
}

// startExporter starts the exporter with short intervals and waits until it has
// looked at everything once. It asks no service: what else listens on this host is
// left alone.
func startExporter(t *testing.T, arguments ...string) exporter {
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
func startProbingExporter(t *testing.T, arguments ...string) exporter {
	t.Helper()
	address := freeAddress(t)
	arguments = append([]string{
		"--web.listen-address=" + address,
		"--findings.hold=10s",
		"--process.interval=1s",
		"--files.interval=5s",
		"--sockets.interval=2s",
	}, arguments...)
	started := exporter{
		process: startProcess(t, nil, program(t, "cryptojack_exporter"), arguments...),
		url:     "http://" + address,
	}
	eventually(t, 30*time.Second, "the exporter is ready", func() error {
		return expectStatus(started.process, http.DefaultClient, started.url+"/-/ready", http.StatusOK)
	})
	return started
}

// expectStatus returns an error unless the address answers with the status.
func expectStatus(server *process, client *http.Client, url string, status int) error {
	if server.hasEnded() {
		return fmt.Errorf("%s has ended: %s: %s", server.name, server.state, tail(server.output.String(), 1000))
	}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != status {
		return fmt.Errorf("GET %s: %s, want %d", url, response.Status, status)
	}
	return nil
}

// notification is one alert as Alertmanager's webhook sends it.
type notification struct {
	Status      string            `json:"status"` // firing or resolved
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// webhook gathers what Alertmanager sends.
type webhook struct {
	mutex    sync.Mutex
	received []notification
}

// ServeHTTP takes one message of Alertmanager.
func (w *webhook) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	var message struct {
		Alerts []notification `json:"alerts"`
	}
	if err := json.NewDecoder(request.Body).Decode(&message); err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.received = append(w.received, message.Alerts...)
}

// last returns the newest notification of an alert in a status.
func (w *webhook) last(alert, status string) (notification, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for i := len(w.received) - 1; i >= 0; i-- {
		if n := w.received[i]; n.Labels["alertname"] == alert && n.Status == status {
			return n, nil
		}
	}
	return notification{}, fmt.Errorf("no %s notification of %s among %v", status, alert, w.names())
}

// all returns what arrived so far.
func (w *webhook) all() []notification {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return append([]notification(nil), w.received...)
}

func (w *webhook) names() []string {
	var names []string
	for _, n := range w.received {
		names = append(names, n.Labels["alertname"]+" "+n.Status)
	}
	return names
}

// startMonitoring starts Prometheus 3 with the shipped rules on the exporter,
// Alertmanager behind it, and a webhook behind that. It also returns the address
// of Prometheus.
func startMonitoring(t *testing.T, scraped exporter) (*webhook, string) {
	t.Helper()
	hook := &webhook{}
	server := httptest.NewServer(hook)
	t.Cleanup(server.Close)

	alertmanager := startAlertmanager(t, server.URL)
	prometheus := startPrometheus(t, scraped.url, alertmanager)
	return hook, prometheus
}

func startAlertmanager(t *testing.T, webhookURL string) string {
	t.Helper()
	binary, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		t.Fatalf("%v: install Debian's package prometheus-alertmanager, `make test-tools` does", err)
	}
	directory, address := t.TempDir(), freeAddress(t)
	config := writeFile(t, directory, "alertmanager.yml", fmt.Sprintf(`
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
`, webhookURL))
	started := startProcess(t, nil, binary,
		"--config.file="+config, "--storage.path="+filepath.Join(directory, "data"),
		"--web.listen-address="+address, "--cluster.listen-address=")
	eventually(t, 30*time.Second, "Alertmanager is ready", func() error {
		return expectStatus(started, http.DefaultClient, "http://"+address+"/-/ready", http.StatusOK)
	})
	return address
}

func startPrometheus(t *testing.T, exporterURL, alertmanager string) string {
	t.Helper()
	rules, err := filepath.Abs(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := os.ReadFile(rules)
	if err != nil {
		t.Fatal(err)
	}
	directory, address := t.TempDir(), freeAddress(t)
	// How long an alert fires on is left to promtool's tests: it is minutes here.
	hasty := regexp.MustCompile(`keep_firing_for: \w+`).ReplaceAll(shipped, []byte("keep_firing_for: 5s"))
	rules = writeFile(t, directory, "cryptojack.rules.yml", string(hasty))
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
`, rules, exporterURL[len("http://"):], alertmanager))
	started := startProcess(t, nil, program(t, "prometheus"),
		"--config.file="+config, "--storage.tsdb.path="+filepath.Join(directory, "data"),
		"--web.listen-address="+address)
	eventually(t, 60*time.Second, "Prometheus is ready", func() error {
		return expectStatus(started, http.DefaultClient, "http://"+address+"/-/ready", http.StatusOK)
	})
	return "http://" + address
}

package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// startEngine starts a server that is told its address by a flag of its own, and waits until
// it is ready.
func startEngine(t *testing.T, name, addressFlag, readyPath string, arguments ...string) *server {
	t.Helper()
	return startEngineAt(t, freeAddress(t), name, addressFlag, readyPath, arguments...)
}

func startEngineAt(t *testing.T, address, name, addressFlag, readyPath string, arguments ...string) *server {
	t.Helper()
	s := &server{startProcess(t, nil, program(t, name), append(arguments, addressFlag+"="+address)...), address, "http://" + address}
	eventually(t, time.Minute, name+" is ready", func() error {
		if err := s.Ended(); err != nil {
			t.Fatalf("%v; its output:\n%s", err, tail(s.output.String(), 4000))
		}
		return programs.Get(t.Context(), s.url+readyPath, nil)
	})
	return s
}

// startReceiver starts a Prometheus that is written to.
func startReceiver(t *testing.T, config string, arguments ...string) *server {
	t.Helper()
	command := programs.Prometheus(program(t, "prometheus"), writeFile(t, t.TempDir(), "prometheus.yml", config))
	command.Args = append(append(command.Args, "--web.enable-remote-write-receiver"), arguments...)
	return startServer(t, command)
}

// startWithRules starts a Prometheus that is written to, and evaluates rules once they are
// given to it.
func startWithRules(t *testing.T) (e engine, giveRules func(rules string)) {
	t.Helper()
	paged := receive[[]sentAlert](t)
	file := filepath.Join(t.TempDir(), "cryptojack.rules.yml")
	// Rules are loaded later: what they record would be newer than the past, and a
	// Prometheus takes nothing that is much older than what it has.
	s := startReceiver(t, fmt.Sprintf(`
rule_files: [%q]
alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}
`, file+"*", addressIn(t, paged.URL)), "--web.enable-lifecycle", "--rules.alert.resend-delay=5s")
	return engine{"Prometheus", s.url, paged}, func(rules string) {
		if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
			t.Fatal(err)
		}
		response, err := http.Post(s.url+"/-/reload", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if response.Body.Close(); response.StatusCode != http.StatusOK {
			t.Fatalf("Prometheus does not take the rules: %s", response.Status)
		}
	}
}

func addressIn(t *testing.T, where string) string {
	t.Helper()
	parsed, err := url.Parse(where)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Host
}

// startThanos starts a sidecar at each Prometheus, Query over them and Rule over Query,
// whose series Query has too.
func startThanos(t *testing.T, prometheus []string, hosts int, rules string) engine {
	t.Helper()
	paged := receive[[]sentAlert](t)
	directory := t.TempDir()
	ofRule := freeAddress(t)
	arguments := []string{"query", "--grpc-address=" + freeAddress(t), "--endpoint=" + ofRule}
	for _, one := range prometheus {
		grpc := freeAddress(t)
		startEngine(t, "thanos", "--http-address", "/-/ready", "sidecar", "--prometheus.url="+one, "--tsdb.path="+t.TempDir(), "--grpc-address="+grpc)
		arguments = append(arguments, "--endpoint="+grpc)
	}
	query := startEngine(t, "thanos", "--http-address", "/-/ready", arguments...)
	e := engine{"Thanos", query.url, paged}
	e.hasHosts(t, hosts)
	startEngine(t, "thanos", "--http-address", "/-/ready", "rule", "--grpc-address="+ofRule, "--query="+query.url, "--data-dir="+directory,
		"--rule-file="+writeFile(t, directory, "cryptojack.rules.yml", rules), "--alertmanagers.url="+paged.URL, "--eval-interval=1s", "--resend-delay=5s")
	return e
}

func startVictoriaMetrics(t *testing.T) *server {
	t.Helper()
	return startEngine(t, "victoria-metrics", "-httpListenAddr", "/health", "-storageDataPath="+t.TempDir(), "-search.latencyOffset=1s")
}

func startVMAlert(t *testing.T, victoriaMetrics, rules string) engine {
	t.Helper()
	e := engine{"VictoriaMetrics", victoriaMetrics, receive[[]sentAlert](t)}
	startEngine(t, "vmalert", "-httpListenAddr", "/health", "-datasource.url="+e.queries, "-remoteWrite.url="+e.queries, "-remoteRead.url="+e.queries,
		"-notifier.url="+e.paged.URL, "-rule="+writeFile(t, t.TempDir(), "cryptojack.rules.yml", rules), "-evaluationInterval=1s", "-rule.evalDelay=1s")
	return e
}

// hasHosts waits until an engine sees so many. Rules that were evaluated before would
// count them as new.
func (e engine) hasHosts(t *testing.T, count int) {
	t.Helper()
	eventually(t, time.Minute, e.name+" has all hosts", func() error {
		rows, err := ask(e.queries, "query", url.Values{"query": {fmt.Sprintf("count(cryptojack_exporter_build_info) == %d", count)}})
		if err == nil && len(rows) != 1 {
			err = fmt.Errorf("%d rows", len(rows))
		}
		return err
	})
}

// assetsFor are the shipped rules and dashboards, as they are written for this house.
func assetsFor(t *testing.T, flags ...string) string {
	t.Helper()
	directory := t.TempDir()
	command := exec.Command(program(t, "cryptojack_exporter"), append([]string{"assets", directory}, flags...)...)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, output)
	}
	return directory
}

// hasty are the same rules evaluated more often, whose alerts wait and fire on for a second.
// How long these do is left to promtool's tests.
func hasty(t *testing.T, rules string) string {
	t.Helper()
	content, err := os.ReadFile(rules)
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`(?m)^( +(?:keep_firing_for|for)): \w+`).ReplaceAllString(string(content), "$1: 1s")
	return regexp.MustCompile(`(?m)^( +interval): \w+`).ReplaceAllString(text, "$1: 2s")
}

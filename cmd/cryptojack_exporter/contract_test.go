package main

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kingpin/v2"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/contracttest"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/report"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/web"
)

const contract = "../../docs/contract.txt"

// TestContract: what docs/contract.txt promises of the command line, the metrics, rules,
// alerts and endpoints is there.
func TestContract(t *testing.T) {
	t.Parallel()
	s := start(t, "--web.enable-lifecycle", "--web.enable-pprof")

	var metrics, labels []string
	for name, metric := range exported(t, s) {
		metrics = append(metrics, name+" "+metric.Type)
		for label := range strings.SplitSeq(metric.Labels, ", ") {
			if label != "" {
				labels = append(labels, name+" "+label)
			}
		}
	}
	contracttest.Check(t, contract, "metric", metrics)
	contracttest.Check(t, contract, "label", labels)

	contracttest.Check(t, contract, "label-value", fixedValues(t))

	var names []string
	for _, rule := range rules.All() {
		names = append(names, rule.Name)
	}
	contracttest.Check(t, contract, "rule", names)
	contracttest.Check(t, contract, "alert", alertsOf(t))

	var flags, commands []string
	for command, ofCommand := range flagsByCommand() {
		if command != "" {
			commands = append(commands, command)
		}
		for _, flag := range ofCommand {
			flags = append(flags, strings.TrimSpace(command+" --"+flag))
		}
	}
	contracttest.Check(t, contract, "flag", flags)
	contracttest.Check(t, contract, "command", commands)
	contracttest.Check(t, contract, "exit-code", []string{
		fmt.Sprintf("%d the server ended as it was told, --config.check found no mistake, assets are written, scan --diff found no change", exitOK),
		fmt.Sprintf("%d the server or assets failed, or the command line or configuration has a mistake", exitFailure),
		fmt.Sprintf("%d scan --diff found changes", exitChanged),
		fmt.Sprintf("%d scan could not look, or its command line or configuration has a mistake", exitUnknown),
	})

	endpoints := endpointsOf(t)
	contracttest.Check(t, contract, "endpoint", endpoints)
	for _, endpoint := range endpoints {
		method, path, _ := strings.Cut(endpoint, " ")
		status, _, err := s.request(method, path)
		if err != nil || status == http.StatusNotFound && !strings.HasSuffix(path, "/") { // pages below it may be all there is
			t.Errorf("%s: %d, %v", endpoint, status, err)
		}
	}
}

// exported is what is served: the collectors' golden file, and what is only there in a
// whole server.
func exported(t *testing.T, s server) map[string]described {
	t.Helper()
	golden, err := os.ReadFile("../../collector/testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	metrics := metricsOf(t, string(golden))
	for name, metric := range metricsOf(t, s.expect(t, http.MethodGet, "/metrics", http.StatusOK)) {
		if _, known := metrics[name]; !known && strings.HasPrefix(name, "cryptojack_") {
			metrics[name] = metric
		}
	}
	return metrics
}

// fixedValues lists the values of labels that have a fixed set of them, which the golden
// file has at 0 at least: rules and dashboards select by them.
func fixedValues(t *testing.T) []string {
	t.Helper()
	golden, err := os.ReadFile("../../collector/testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	fixed := regexp.MustCompile(`[{,](aspect|auth|change|event|exemption|isolation|kind|match|origin|reason|scope|sensor|severity|source|state|table)="([a-z_]+)"`)
	for _, match := range fixed.FindAllStringSubmatch(string(golden), -1) {
		if value := match[1] + " " + match[2]; !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	return values
}

// alertsOf lists the shipped alerts, each with its severity: people route by them.
func alertsOf(t *testing.T) []string {
	t.Helper()
	file, err := os.ReadFile("../../alerts/cryptojack.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	var alerts []string
	alert := regexp.MustCompile(`(?s)- alert: (\w+)\n.*?\n +severity: (\w+)\n`)
	for _, match := range alert.FindAllStringSubmatch(string(file), -1) {
		alerts = append(alerts, match[1]+" "+match[2])
	}
	if got, want := len(alerts), strings.Count(string(file), "- alert: "); got != want {
		t.Fatalf("%d of %d alerts have a severity that the test finds", got, want)
	}
	return alerts
}

// flagsByCommand lists the flags that --help shows, of each command; "" has those that
// all commands take. One that is on by itself is listed as what switches it off.
func flagsByCommand() map[string][]string {
	model := newApplication(&options{collectors: map[string]*bool{}}).Model()
	flags := map[string][]string{"": names(model.Flags)}
	for _, command := range model.Commands {
		flags[command.Name] = names(command.Flags)
	}
	return flags
}

func names(flags []*kingpin.FlagModel) []string {
	var names []string
	for _, flag := range flags {
		switch {
		case flag.Hidden:
		case slices.Equal(flag.Default, []string{"true"}):
			names = append(names, "no-"+flag.Name)
		default:
			names = append(names, flag.Name)
		}
	}
	return names
}

// endpointsOf reads from the source what is served; a POST where only that does something.
// What Go's profiler serves below its index is not ours to promise.
func endpointsOf(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("handler.go")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]string{"o.telemetryPath": "/metrics", "web.HealthPath": web.HealthPath, "report.RunbookPath": report.RunbookPath}
	var endpoints []string
	for _, match := range regexp.MustCompile(`\bmux\.Handle(?:Func)?\(("[^"]+"|[\w.]+), `).FindAllStringSubmatch(string(source), -1) {
		path, ok := named[match[1]]
		if !ok {
			if path, err = strconv.Unquote(match[1]); err != nil {
				t.Fatalf("handler.go serves %s: name its path in this test", match[1])
			}
		}
		method := http.MethodGet
		switch {
		case strings.HasPrefix(path, "/debug/pprof/") && path != "/debug/pprof/":
			continue
		case path == "/-/reload":
			method = http.MethodPost
		}
		if endpoint := method + " " + path; !slices.Contains(endpoints, endpoint) {
			endpoints = append(endpoints, endpoint)
		}
	}
	return endpoints
}

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// TestAgents follows a miner from this host, which nobody could reach, through the
// agents of deploy/agents to the page: the exporter, Prometheus as an agent and Prometheus, and the same
// exporter, vmagent and VictoriaMetrics with vmalert. The agents run as their files say, with
// other addresses.
func TestAgents(t *testing.T) {
	exporter := startExporter(t)
	rules := hasty(t, filepath.Join(assetsFor(t, "--cluster-label=cluster"), "alerts", "cryptojack.rules.yml"))
	prometheus, giveRules := startWithRules(t)
	giveRules(rules)
	victoria := startVictoriaMetrics(t)
	engines := []engine{prometheus, startVMAlert(t, victoria.url, rules)}
	startAgent(t, "prometheus-agent.yml", exporter, prometheus.queries)
	startAgent(t, "vmagent.yml", exporter, victoria.url)

	miner := fmt.Sprintf("/tmp/kdevtmpfsi%09d", rand.IntN(1e9)) // digits may follow the name
	copyProgram(t, "/bin/sleep", miner, miner)
	running := startAsNobody(t, nil, miner, "600")
	name := fmt.Sprintf("%s (pid %d, user nobody)", miner, running.PID)
	for _, e := range engines {
		eventually(t, time.Minute, e.name+" pages for the miner", func() error {
			for _, alert := range e.firing() {
				if alert.Labels["alertname"] != "CryptojackMinerFound" || alert.Labels["instance"] != "laptop.example.org" || alert.Labels["cluster"] != "branch-offices" {
					continue
				}
				text := alert.Annotations["description"]
				if !strings.Contains(text, name) && !strings.Contains(text, " and more;") { // of a host with other suspects
					return fmt.Errorf("no %s: %s", name, text)
				}
				known, err := ask(e.queries, "query", url.Values{"query": {fmt.Sprintf("cryptojack_suspect_info{exe=%q}", miner)}})
				if err == nil && len(known) != 1 {
					err = fmt.Errorf("%s is not known", miner)
				}
				return err
			}
			return fmt.Errorf("%d others fire", len(e.firing()))
		})
	}
}

// TestAgentExamples holds of the examples that are not run what can be known without
// their programs: Prometheus takes the collector's part about scraping, and what is referred
// to in a file is declared in it.
func TestAgentExamples(t *testing.T) {
	var collector struct {
		Receivers struct {
			Prometheus struct{ Config map[string]any }
		}
		Exporters map[string]any
		Service   struct {
			Pipelines map[string]struct{ Receivers, Exporters []string }
		}
	}
	content, err := os.ReadFile("../deploy/agents/otelcol.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, &collector); err != nil {
		t.Fatal(err)
	}
	scraping, err := yaml.Marshal(collector.Receivers.Prometheus.Config)
	if err != nil {
		t.Fatal(err)
	}
	if r := runToEnd(t, program(t, "promtool"), "check", "config", "--syntax-only", writeFile(t, t.TempDir(), "scraping.yml", string(scraping))); r.code != 0 {
		t.Errorf("%s%s", r.stdout, r.stderr)
	}
	pipeline := collector.Service.Pipelines["metrics"]
	if len(pipeline.Exporters) != 1 || collector.Exporters[pipeline.Exporters[0]] == nil || len(pipeline.Receivers) != 1 || pipeline.Receivers[0] != "prometheus" {
		t.Errorf("the pipeline is not of what is declared: %+v", pipeline)
	}

	alloy, err := os.ReadFile("../deploy/agents/config.alloy")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	for _, block := range regexp.MustCompile(`(?m)^([a-z_.]+) "([a-z_]+)" \{$`).FindAllStringSubmatch(string(alloy), -1) {
		declared[block[1]+"."+block[2]] = true
	}
	references := regexp.MustCompile(`\[([a-z_.]+)\.receiver\]`).FindAllStringSubmatch(string(alloy), -1)
	if len(references) != 1 || !declared[references[0][1]] || !declared["prometheus.scrape.cryptojack"] {
		t.Errorf("%v refer to %v", references, declared)
	}
	for _, pair := range []string{"{}", "[]"} {
		if open, closed := strings.Count(string(alloy), pair[:1]), strings.Count(string(alloy), pair[1:]); open != closed {
			t.Errorf("%d %c and %d %c", open, pair[0], closed, pair[1])
		}
	}
}

// startAgent starts an agent of deploy/agents with the command that its file names.
func startAgent(t *testing.T, file string, scraped *server, writeTo string) {
	t.Helper()
	content, err := os.ReadFile("../deploy/agents/" + file)
	if err != nil {
		t.Fatal(err)
	}
	own := t.TempDir()
	fill := strings.NewReplacer(
		"https://metrics.example.org", writeTo,
		"127.0.0.1:10042", scraped.address,
		"127.0.0.1:9095", freeAddress(t),
		"127.0.0.1:8429", freeAddress(t),
		"scrape_interval: 15s", "scrape_interval: 1s",
		"/etc/cryptojack-agent", own,
		"/var/lib/cryptojack-agent", filepath.Join(own, "data"),
	)
	writeFile(t, own, "password", "secret")
	writeFile(t, own, file, fill.Replace(string(content)))
	var words []string
	for line := range strings.Lines(string(content)) {
		if command, is := strings.CutPrefix(line, "#   "); is {
			words = append(words, strings.Fields(fill.Replace(command))...)
		}
	}
	if len(words) < 3 || !strings.HasPrefix(words[0], "HOSTNAME=") {
		t.Fatalf("%s: no command that sets HOSTNAME: %q", file, words)
	}
	command := exec.Command(program(t, words[1]), words[2:]...)
	command.Env = append(os.Environ(), words[0])
	start(t, command)
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/measure"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// scrapeLimit is longer than any exporter should need, so that it is seen how long it
// does need. Prometheus gives up after 10 s.
const scrapeLimit = 2 * time.Minute

// peer is one of the compared, and how it is run.
type peer struct {
	name, version string
	command       []string
	ready         string // path that answers when it is ready, without any work
	metric, label string // CPU seconds of a program and its name; "" if it has none
	interval      string // series that holds its own seconds between two looks; "" if it looks when scraped
}

// peersOf are the compared, ours first. What they need is written to the directory.
func peersOf(ctx context.Context, set settings, directory string) ([]peer, error) {
	config := filepath.Join(directory, "process-exporter.yml")
	byProgram := "process_names:\n  - name: '{{.ExeBase}}'\n    cmdline: ['.+']\n"
	if err := os.WriteFile(config, []byte(byProgram), 0o600); err != nil {
		return nil, err
	}
	peers := []peer{
		{
			name: "cryptojack_exporter", command: []string{set.exporter, "--log.level=error"}, ready: "/-/ready",
			metric: "cryptojack_process_cpu_seconds_total", label: "process",
			interval: `cryptojack_sample_interval_seconds{sensor="process"}`,
		},
		{
			name: "process-exporter", command: []string{set.processExporter, "-config.path=" + config}, ready: "/",
			metric: "namedprocess_namegroup_cpu_seconds_total", label: "groupname",
		},
		{name: "node_exporter", command: []string{set.nodeExporter, "--collector.processes", "--log.level=error"}, ready: "/"},
	}
	for i := range peers {
		var err error
		if peers[i].version, err = measure.Version(ctx, peers[i].command[0]); err != nil {
			return nil, err
		}
	}
	return peers, nil
}

// server is a peer that runs.
type server struct {
	peer
	*programs.Server
	client *http.Client
}

// startAll starts the peers. The caller stops them by stopAll.
func startAll(ctx context.Context, peers []peer) (servers []*server, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, stopAll(servers))
		}
	}()
	log, err := logOf()
	if err != nil {
		return nil, err
	}
	defer log.Close() // they have it open themselves
	for _, p := range peers {
		command := exec.Command(p.command[0], p.command[1:]...)
		command.Stdout, command.Stderr = log, log
		started, err := programs.StartServer(ctx, command, p.ready)
		if err != nil {
			return servers, err
		}
		// A connection of its own that stays open, as Prometheus has it.
		client := &http.Client{Transport: &http.Transport{}, Timeout: scrapeLimit}
		servers = append(servers, &server{peer: p, Server: started, client: client})
	}
	return servers, nil
}

func stopAll(servers []*server) error {
	var failures []error
	for _, s := range servers {
		s.client.CloseIdleConnections()
		failures = append(failures, s.Stop())
	}
	return errors.Join(failures...)
}

// scrape fetches the metrics, compressed as Prometheus does, and returns them plain.
func (s *server) scrape(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.200s", response.Status, body)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return body, nil
}

// seriesIn counts the samples of a text exposition.
func seriesIn(exposition []byte) int {
	count := 0
	for line := range bytes.Lines(exposition) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			count++
		}
	}
	return count
}

// intervalIn is the value of the series, as it stands there.
func (p peer) intervalIn(exposition []byte) string {
	if p.interval == "" {
		return ""
	}
	_, after, _ := bytes.Cut(exposition, []byte("\n"+p.interval+" "))
	value, _, _ := bytes.Cut(after, []byte("\n"))
	return string(value)
}

// cpuByProgram are the CPU seconds of each program, by its name.
func (p peer) cpuByProgram(exposition []byte) (map[string]float64, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(exposition))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	seconds := map[string]float64{}
	for _, metric := range families[p.metric].GetMetric() {
		for _, pair := range metric.GetLabel() {
			if pair.GetName() == p.label {
				seconds[pair.GetValue()] += value(metric)
			}
		}
	}
	return seconds, nil
}

func value(metric *dto.Metric) float64 {
	return metric.GetCounter().GetValue() + metric.GetUntyped().GetValue()
}

// Peers compares how much CPU time of short processes cryptojack_exporter and
// process-exporter attribute to their group, in one run on this host. Both are
// scraped every 15 s. It needs root.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

const (
	burnMode     = "PEERS_BURN" // how long a burner burns
	scrapePeriod = 15 * time.Second
	directory    = "/usr/local/bin/"
	peerConfig   = "process_names:\n  - name: '{{.ExeBase}}'\n    cmdline: ['.+']\n"
)

// load is a number of processes that burn for as long as the name tells.
type load struct {
	each  time.Duration
	count int
}

func loads() []load {
	return []load{{10 * time.Millisecond, 500}, {50 * time.Millisecond, 200}, {time.Second, 20}, {time.Minute, 1}}
}

func (l load) name() string { return "peers-burn-" + l.each.String() }

// exporter is one of the compared.
type exporter struct {
	name, url, metric, label string
}

func main() {
	if length := os.Getenv(burnMode); length != "" {
		burn(length)
		return
	}
	programs.Main(run)
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	flags, err := programs.NewFlags("peers", stderr)
	if err == nil {
		var path string
		flags.Program(&path, "exporter", "cryptojack_exporter")
		if flags.Parse(arguments) != nil {
			return 2 // the flag set has said why
		}
		err = compare(ctx, path, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, "peers:", err)
		return 1
	}
	return 0
}

// burn uses so much CPU time, as getrusage(2) counts it.
func burn(length string) {
	limit, err := time.ParseDuration(length)
	if err != nil {
		os.Exit(2)
	}
	for cpuTime() < limit {
		for range 10000 {
			continue
		}
	}
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func compare(ctx context.Context, path string, stdout, stderr io.Writer) (err error) {
	config, err := os.CreateTemp("", "peers-*.yml")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(config.Name()) }()
	if _, err := config.WriteString(peerConfig); err != nil {
		return err
	}
	var exporters []exporter
	for _, e := range []struct {
		exporter
		command *exec.Cmd
		ready   string // path
	}{
		{
			exporter{name: "cryptojack_exporter", metric: "cryptojack_process_cpu_seconds_total", label: "process"},
			exec.Command(path, "--log.level=error"), "/-/ready",
		},
		{
			exporter{name: "process-exporter", metric: "namedprocess_namegroup_cpu_seconds_total", label: "groupname"},
			exec.Command("prometheus-process-exporter", "-config.path="+config.Name()), "/metrics",
		},
	} {
		e.command.Stderr = stderr
		server, err := programs.StartServer(ctx, e.command, e.ready)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		e.url = server.URL + "/metrics"
		exporters = append(exporters, e.exporter)
	}
	if err := programs.Pause(ctx, scrapePeriod); err != nil {
		return err
	}

	used := map[string]float64{}
	finished := make(chan error, 1)
	go func() { finished <- runAll(used) }()
	ticker := time.NewTicker(scrapePeriod)
	defer ticker.Stop()
	for running := true; running; {
		select {
		case err := <-finished:
			if err != nil {
				return err
			}
			running = false
		case <-ticker.C:
		}
		for _, e := range exporters {
			if _, err := e.scrape(); err != nil {
				return err
			}
		}
	}
	if err := programs.Pause(ctx, scrapePeriod); err != nil {
		return err
	}
	return table(stdout, exporters, used)
}

// runAll runs the loads, each program some times before it is counted, so that
// it is known. It returns the CPU time of each by wait(2).
func runAll(used map[string]float64) error {
	for _, l := range loads() {
		program := filepath.Join(directory, l.name())
		if err := programs.Copy("/proc/self/exe", program, l.name()); err != nil {
			return err
		}
		defer func() { _ = os.Remove(program) }()
		for range l.count {
			command := exec.Command(program)
			command.Env = append(os.Environ(), burnMode+"="+l.each.String())
			if err := command.Run(); err != nil {
				return fmt.Errorf("%s: %w", program, err)
			}
			used[l.name()] += (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds()
		}
	}
	return nil
}

func table(out io.Writer, exporters []exporter, used map[string]float64) error {
	fmt.Fprint(out, "| processes | CPU time |")
	for _, e := range exporters {
		fmt.Fprintf(out, " %s |", e.name)
	}
	fmt.Fprintln(out, "\n| --- | --- | --- | --- |")
	found := make([]map[string]float64, len(exporters))
	for i, e := range exporters {
		var err error
		if found[i], err = e.scrape(); err != nil {
			return err
		}
	}
	for _, l := range loads() {
		whole := used[l.name()]
		fmt.Fprintf(out, "| %d of %s | %.1f s |", l.count, l.each, whole)
		for i := range exporters {
			got := found[i][l.name()]
			fmt.Fprintf(out, " %.1f s (%.0f %%) |", got, 100*got/whole)
		}
		fmt.Fprintln(out)
	}
	return nil
}

// scrape returns the CPU seconds of each group.
func (e exporter) scrape() (map[string]float64, error) {
	response, err := http.Get(e.url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.name, err)
	}
	seconds := map[string]float64{}
	for _, metric := range families[e.metric].GetMetric() {
		for _, pair := range metric.GetLabel() {
			if pair.GetName() == e.label {
				seconds[pair.GetValue()] += value(metric)
			}
		}
	}
	return seconds, nil
}

func value(metric *dto.Metric) float64 {
	return metric.GetCounter().GetValue() + metric.GetUntyped().GetValue()
}

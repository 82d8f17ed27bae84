// Peers compares how much CPU time of short processes cryptojack_exporter and
// process-exporter attribute to their group, in one run on this host. Both are
// scraped every 15 s. It needs root.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
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
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: peers CRYPTOJACK_EXPORTER")
		os.Exit(2)
	}
	if err := compare(os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
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

func compare(path string, out io.Writer) error {
	config, err := os.CreateTemp("", "peers-*.yml")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(config.Name()) }()
	if _, err := config.WriteString(peerConfig); err != nil {
		return err
	}
	own, other := freeAddress(), freeAddress()
	stopOwn, err := start(path, "--web.listen-address="+own, "--log.level=error")
	if err != nil {
		return err
	}
	defer stopOwn()
	stopOther, err := start("prometheus-process-exporter", "-web.listen-address="+other, "-config.path="+config.Name())
	if err != nil {
		return err
	}
	defer stopOther()
	exporters := []exporter{
		{"cryptojack_exporter", "http://" + own + "/metrics", "cryptojack_process_cpu_seconds_total", "process"},
		{"process-exporter", "http://" + other + "/metrics", "namedprocess_namegroup_cpu_seconds_total", "groupname"},
	}
	time.Sleep(scrapePeriod)

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
	time.Sleep(scrapePeriod)
	return table(out, exporters, used)
}

// runAll runs the loads, each program some times before it is counted, so that
// it is known. It returns the CPU time of each by wait(2).
func runAll(used map[string]float64) error {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	for _, l := range loads() {
		program := filepath.Join(directory, l.name())
		if err := os.WriteFile(program, append(self, l.name()...), 0o755); err != nil {
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

// start runs a program until the returned function is called.
func start(path string, arguments ...string) (stop func(), err error) {
	command := exec.Command(path, arguments...)
	command.Stdout, command.Stderr = io.Discard, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := command.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, fmt.Errorf("%w: apt-get install %s", err, path)
		}
		return nil, err
	}
	return func() {
		_ = command.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = command.Wait()
	}, nil
}

func freeAddress() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "127.0.0.1:0"
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

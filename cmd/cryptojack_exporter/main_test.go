package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/config"
)

// lockedBuffer takes the log of a server while a test reads it.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// server is the whole program as it serves a test.
type server struct {
	url string
	log *lockedBuffer
}

// run is the program, but for what would change this process for good.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return execute(ctx, args, stdout, stderr, func(*options, *privileged, log.Logger) {})
}

// start runs the program on this machine's /proc and an empty root directory
// until the test ends, and waits until it is ready.
func start(t *testing.T, arguments ...string) server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s := server{url: "http://" + address, log: &lockedBuffer{}}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"--web.listen-address=" + address, "--path.rootfs=" + t.TempDir()}, arguments...), io.Discard, s.log)
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != exitOK {
			t.Errorf("the server ended with %d:\n%s", code, s.log)
		}
	})
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if status, _, err := s.request(http.MethodGet, "/-/ready"); err == nil && status == http.StatusOK {
			return s
		}
		if time.Since(began) > 30*time.Second {
			t.Fatalf("not ready after 30 s:\n%s", s.log)
		}
	}
}

func (s server) request(method, path string) (int, string, error) {
	request, err := http.NewRequestWithContext(context.Background(), method, s.url+path, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// expect asks and compares the status; it returns the body.
func (s server) expect(t *testing.T, method, path string, want int) string {
	t.Helper()
	status, body, err := s.request(method, path)
	if err != nil || status != want {
		t.Errorf("%s %s: %d, %v, want %d: %.200s", method, path, status, err, want, body)
	}
	return body
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	s := start(t, "--web.disable-exporter-metrics")
	for path, want := range map[string]string{
		"/":                "<title>",
		"/metrics":         "\ncryptojack_cpus ",
		"/api/v1/findings": `"schema_version": 1`,
		"/-/healthy":       "healthy",
		"/runbooks/":       `href="/runbooks/CryptojackBlind"`,

		"/runbooks/CryptojackMinerFound": "<h2>What to do, in this order</h2>",
	} {
		if body := s.expect(t, http.MethodGet, path, http.StatusOK); !strings.Contains(body, want) {
			t.Errorf("%s does not hold %q: %.300s", path, want, body)
		}
	}
	if metrics := s.expect(t, http.MethodGet, "/metrics", http.StatusOK); strings.Contains(metrics, "\ngo_") || strings.Contains(metrics, "\npromhttp_") {
		t.Error("--web.disable-exporter-metrics left metrics of the exporter's own")
	}
	s.expect(t, http.MethodGet, "/favicon.ico", http.StatusNotFound)
	s.expect(t, http.MethodGet, "/debug/pprof/", http.StatusNotFound)
	if body := s.expect(t, http.MethodPost, "/-/reload", http.StatusForbidden); !strings.Contains(body, "--web.enable-lifecycle") {
		t.Errorf("the refusal does not say how to allow it: %s", body)
	}
}

func TestSwitches(t *testing.T) {
	t.Parallel()
	s := start(t, "--no-collector.files", "--no-collector.sockets", "--no-collector.services", "--no-collector.persistence", "--no-collector.findings",
		"--no-collector.respawn", "--web.telemetry-path=/m", "--web.enable-pprof")
	metrics := s.expect(t, http.MethodGet, "/m", http.StatusOK)
	for _, gone := range []string{"suspicious_files", "listening_sockets", "exposed_services", "findings", "origin_respawns_total"} {
		if strings.Contains(metrics, "\ncryptojack_"+gone) {
			t.Errorf("cryptojack_%s is there although its collector is off", gone)
		}
	}
	if !strings.Contains(metrics, "\ncryptojack_cpus ") || !strings.Contains(metrics, "\ngo_goroutines ") {
		t.Error("what is on is not there")
	}
	s.expect(t, http.MethodGet, "/debug/pprof/", http.StatusOK)
}

// TestSourcesAreSwitchedOff: what is off is not there, and nobody is asked to give it what it needs.
func TestSourcesAreSwitchedOff(t *testing.T) {
	t.Parallel()
	s := start(t, "--no-source.task-iterator", "--no-source.proc-connector", "--no-source.taskstats")
	metrics := s.expect(t, http.MethodGet, "/metrics", http.StatusOK)
	for _, source := range []string{"task_iterator", "proc_connector", "taskstats"} {
		if !strings.Contains(metrics, "\ncryptojack_event_source_active{source=\""+source+"\"} 0\n") {
			t.Errorf("%s is not switched off", source)
		}
	}
	if log := s.log.String(); strings.Contains(log, "CAP_") {
		t.Errorf("it asks for capabilities: %s", log)
	}
}

func TestReload(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "config.yml")
	write := func(content string) {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	watched := func(directory string) string { return "\ncryptojack_suspicious_files{directory=\"" + directory + "\"" }
	write("directories: [/first]\n")
	s := start(t, "--config.file="+file, "--web.enable-lifecycle", "--files.interval=1s")
	s.expect(t, http.MethodGet, "/-/reload", http.StatusMethodNotAllowed)

	write("directoris: [/second]\n")
	if body := s.expect(t, http.MethodPost, "/-/reload", http.StatusInternalServerError); !strings.Contains(body, "directoris") {
		t.Errorf("the error does not name the mistake: %s", body)
	}
	metrics := s.expect(t, http.MethodGet, "/metrics", http.StatusOK)
	if !strings.Contains(metrics, "\ncryptojack_config_last_reload_successful 0\n") || !strings.Contains(metrics, watched("/first")) {
		t.Error("an invalid file did not leave the configuration as it was, or that is no metric")
	}

	write("directories: [/second]\n")
	s.expect(t, http.MethodPost, "/-/reload", http.StatusOK)
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		metrics = s.expect(t, http.MethodGet, "/metrics", http.StatusOK)
		if strings.Contains(metrics, watched("/second")) && !strings.Contains(metrics, watched("/first")) {
			break
		}
		if time.Since(began) > 20*time.Second {
			t.Fatal("the new directories are not watched")
		}
	}
	if !strings.Contains(metrics, "\ncryptojack_config_last_reload_successful 1\n") {
		t.Error("the reload is not told as successful")
	}
}

// TestListsAreRefreshed: a file of indicators that changes is in force without a reload, and one with a mistake changes nothing and is told.
func TestListsAreRefreshed(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	file, listed := filepath.Join(directory, "config.yml"), filepath.Join(directory, "hashes.txt")
	write := func(name, content string) {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first, second := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	write(listed, first+"\n")
	write(file, "known_miner_sha256_files: ["+listed+"]\n")
	loaded, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	var current atomic.Pointer[config.Config]
	current.Store(loaded)
	var lines lockedBuffer
	r := newReloader([]string{file}, &current, nil, func() {}, log.NewLogfmtLogger(&lines))
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.metrics()...)
	expect := func(what string, successful, hashes int) {
		t.Helper()
		want := fmt.Sprintf("# TYPE cryptojack_config_last_reload_successful gauge\ncryptojack_config_last_reload_successful %d\n"+
			"# TYPE cryptojack_indicators gauge\ncryptojack_indicators{kind=\"hash\"} %d\ncryptojack_indicators{kind=\"pool\"} 0\n", successful, hashes)
		if err := testutil.GatherAndCompare(registry, strings.NewReader(helpless(want)), "cryptojack_config_last_reload_successful", "cryptojack_indicators"); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	r.refreshLists()
	expect("nothing has changed", 1, 1)
	write(listed, first+"\n"+second+"\n")
	r.refreshLists()
	expect("a line is new", 1, 2)
	if !current.Load().Policy.IsKnownHash(second) {
		t.Error("the new line is not in force")
	}
	write(listed, "# and then\nno hash\n")
	r.refreshLists()
	r.refreshLists()
	expect("a mistake", 0, 2)
	if got := lines.String(); strings.Count(got, "stay as they were") != 1 || !strings.Contains(got, listed+", line 2") {
		t.Errorf("the mistake is not logged once: %s", got)
	}
	write(listed, second+"\n")
	r.refreshLists()
	expect("mended", 1, 1)
}

// helpless gives each family the help text that it has.
func helpless(text string) string {
	for name, help := range map[string]string{
		"cryptojack_config_last_reload_successful": "1 if the configuration was valid when it was last read, else 0 and the one before stays in force.",
		"cryptojack_indicators":                    "Indicators of the configuration and of the files that it names: hashes of miners, addresses of pools.",
	} {
		text = strings.Replace(text, "# TYPE "+name+" ", "# HELP "+name+" "+help+"\n# TYPE "+name+" ", 1)
	}
	return text
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	empty := t.TempDir()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name      string
		arguments []string
		code      int
		says      string
	}{
		{"unknown flag", []string{"--nonsense"}, exitFailure, "--nonsense"},
		{"unknown flag of scan", []string{"scan", "--nonsense"}, exitUnknown, "--nonsense"},
		{"no time", []string{"scan", "--for=0s"}, exitUnknown, "--for"},
		{"no interval", []string{"--process.interval=1ms"}, exitFailure, "--process.interval"},
		{"budget", []string{"--process.cpu-budget=2"}, exitFailure, "--process.cpu-budget"},
		{"not a number", []string{"--process.cpu-budget=NaN"}, exitFailure, "--process.cpu-budget"},
		{"path is the page's", []string{"--web.telemetry-path=/"}, exitFailure, "--web.telemetry-path"},
		{"path is an endpoint's", []string{"--web.telemetry-path=/-/ready"}, exitFailure, "--web.telemetry-path"},
		{"path is a pattern", []string{"--web.telemetry-path=/{x"}, exitFailure, "--web.telemetry-path"},
		{"path is not clean", []string{"--web.telemetry-path=/a/../b"}, exitFailure, "--web.telemetry-path"},
		{"no such configuration", []string{"--config.file=" + empty + "/none.yml"}, exitFailure, "none.yml"},
		{"everything is off", []string{"scan", "--no-collector.process", "--no-collector.respawn", "--no-collector.findings", "--no-collector.files", "--no-collector.sockets", "--no-collector.services", "--no-collector.persistence"}, exitUnknown, "nothing to look at"},
		{"no procfs", []string{"scan", "--for=100ms", "--path.procfs=" + empty}, exitUnknown, "--path.procfs"},
		{"assets without a directory", []string{"assets"}, exitFailure, "'dir'"},
		{"assets into an empty name", []string{"assets", ""}, exitFailure, "empty name"},
		{"assets into a file", []string{"assets", file}, exitFailure, file + " is there and is not a directory"},
		{"assets below a file", []string{"assets", file + "/x"}, exitFailure, file + "/x"},
		{"assets into two directories", []string{"assets", empty, empty}, exitFailure, "unexpected"},
		{"assets with a job that ends a string", []string{"assets", "--job=a\"", empty}, exitFailure, "--job="},
		{"assets with two severities of one name", []string{"assets", "--severity=critical=warning", empty}, exitFailure, "both called"},
		{"unknown flag of assets", []string{"assets", "--nonsense", empty}, exitFailure, "--nonsense"},
		{"port in use", []string{"--web.listen-address=" + taken.Addr().String(), "--path.rootfs=" + empty}, exitFailure, "in use"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr lockedBuffer
			if code := run(context.Background(), test.arguments, &stdout, &stderr); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(stderr.String(), test.says) {
				t.Errorf("stderr does not say %q: %s", test.says, stderr.String())
			}
		})
	}
}

func TestConfigCheck(t *testing.T) {
	t.Parallel()
	var stderr lockedBuffer
	if code := run(context.Background(), []string{"--config.check"}, io.Discard, &stderr); code != exitOK {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
}

// TestConfigCheckSaysWhatHasEnded: an entry of the allow list past its end is no mistake.
func TestConfigCheckSaysWhatHasEnded(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "config.yml")
	if err := os.WriteFile(file, []byte("allow:\n- {user: alice, reason: thesis, until: 2020-02-29}\n- {user: bob}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr lockedBuffer
	if code := run(context.Background(), []string{"--config.check", "--config.file=" + file}, io.Discard, &stderr); code != exitOK {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
	want := "allow, entry 1 (line 2): it ended at the end of 2020-02-29 (UTC) and lowers nothing any more: user alice, because: thesis"
	if strings.Count(stderr.String(), want) != 1 || strings.Contains(stderr.String(), "bob") {
		t.Errorf("%s", &stderr)
	}
}

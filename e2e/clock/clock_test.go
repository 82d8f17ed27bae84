package clock

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

const (
	// ownMachine is set by the first process of the virtual machine.
	ownMachine = "CLOCK_MAY_BE_SET"
	exporter   = "/usr/local/bin/cryptojack_exporter"
	address    = "127.0.0.1:10042"
	// patience is long: without KVM the machine is emulated.
	patience = 3 * time.Minute
	hold     = 20 * time.Second
)

// asMiner has this program burn CPU: a copy of it plays the miner.
const asMiner = "PLAY_MINER"

func TestMain(m *testing.M) {
	if os.Getenv(asMiner) != "" {
		for n := 0; ; n++ {
			runtime.KeepAlive(n)
		}
	}
	os.Exit(m.Run())
}

// TestClockIsSet sets the clock a day forwards and two days back while something mines. The finding stays what it was,
// nothing is counted twice, what begins later is found, and what has ended goes when its time has passed, not days later.
func TestClockIsSet(t *testing.T) {
	if os.Getenv(ownMachine) == "" {
		t.Skip("it sets the clock: scripts/test-kernels runs it in a virtual machine")
	}
	server, err := programs.Start(logged(exec.Command(exporter, "--web.listen-address="+address, "--process.interval=1s", "--findings.hold="+hold.String())))
	must(t, err)
	t.Cleanup(func() { _ = server.Stop() })

	first := mine(t, "/tmp/kdevtmpfsi")
	eventually(t, "the first miner is found", func() error { return found("/tmp/kdevtmpfsi") })
	before := metrics(t)
	began := monotonic(t)

	set(t, 24*time.Hour)
	eventually(t, "the clock is noticed", func() error { return at(`cryptojack_sampling_gaps_total{reason="clock"}`, 1) })
	eventually(t, "the first miner is still found", func() error { return found("/tmp/kdevtmpfsi") })
	second := mine(t, "/tmp/kinsing")
	eventually(t, "what begins after a jump forwards is found", func() error { return found("/tmp/kinsing") })
	sampledNow(t)

	set(t, -48*time.Hour)
	eventually(t, "the clock is noticed again", func() error { return at(`cryptojack_sampling_gaps_total{reason="clock"}`, 2) })
	third := mine(t, "/var/tmp/xmrig")
	eventually(t, "what begins after a jump back is found", func() error { return found("/var/tmp/xmrig") })
	eventually(t, "the first miner is found after both", func() error { return found("/tmp/kdevtmpfsi") })
	sampledNow(t)

	after := metrics(t)
	elapsed := (monotonic(t) - began).Seconds()
	for name, value := range after {
		switch {
		case strings.Contains(name, "cpu_seconds_total") || strings.Contains(name, "cpu_busy_seconds_total"):
			if most := before[name] + (elapsed+10)*after["cryptojack_cpus"]; value < before[name] || value > most {
				t.Errorf("%s went from %v to %v in %.0f s", name, before[name], value, elapsed)
			}
		case strings.HasPrefix(name, "cryptojack_suspect_respawns_total") || strings.HasPrefix(name, "cryptojack_origin_respawns_total"):
			if value != 0 {
				t.Errorf("%s is %v, and nothing was started again", name, value)
			}
		}
	}
	if value := after[`cryptojack_sampling_gaps_total{reason="suspended"}`]; value != 0 {
		t.Errorf("%v times the machine is said to have slept", value)
	}

	// The clock is a day behind what it was when these were last seen.
	for _, miner := range []*programs.Program{first, second, third} {
		must(t, miner.KillGroup())
	}
	eventually(t, "what has ended goes", func() error { return at(`cryptojack_suspects{severity="critical"}`, 0) })
	must(t, server.Ended())
}

func logged(command *exec.Cmd) *exec.Cmd {
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	return command
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mine(t *testing.T, path string) *programs.Program {
	t.Helper()
	content, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	must(t, os.MkdirAll("/var/tmp", 0o777))
	must(t, os.WriteFile(path, append(content, path...), 0o755)) // each has a content of its own
	command := exec.Command(path)
	command.Env = []string{asMiner + "=1", "GOMAXPROCS=1"}
	miner, err := programs.Start(command)
	must(t, err)
	t.Cleanup(func() { _ = miner.KillGroup() })
	return miner
}

// set moves the time of day.
func set(t *testing.T, by time.Duration) {
	t.Helper()
	value := unix.NsecToTimeval(time.Now().Add(by).UnixNano())
	must(t, unix.Settimeofday(&value))
	t.Logf("the clock was set by %s, it is %s", by, time.Now().UTC().Format(time.RFC3339))
}

// monotonic is the time that nobody sets: time.Since would do, but this test should not rest on what it tests.
func monotonic(t *testing.T) time.Duration {
	t.Helper()
	var now unix.Timespec
	must(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &now))
	return time.Duration(now.Nano())
}

func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	must(t, programs.Eventually(t.Context(), patience, what, check))
}

// sampledNow holds that the time of the last sample follows the clock, for the alert on a sampler that is stuck.
func sampledNow(t *testing.T) {
	t.Helper()
	const name = `cryptojack_last_sample_timestamp_seconds{sensor="process"}`
	eventually(t, "samples have the time of the clock", func() error {
		now := float64(time.Now().Unix())
		if value := metrics(t)[name]; value < now-60 || value > now+5 {
			return fmt.Errorf("%s is %v at %v", name, value, now)
		}
		return nil
	})
}

func get(path string) (*http.Response, error) {
	client := http.Client{Timeout: 30 * time.Second}
	response, err := client.Get("http://" + address + path)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.Join(errors.New(response.Status), response.Body.Close())
	}
	return response, err
}

func found(path string) error {
	response, err := get("/api/v1/findings")
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	var report struct {
		Findings []struct {
			Severity  string    `json:"severity"`
			FirstSeen time.Time `json:"first_seen"`
			LastSeen  time.Time `json:"last_seen"`
			Suspect   struct {
				Exe     string `json:"exe"`
				Running bool   `json:"running"`
			} `json:"suspect"`
		} `json:"findings"`
	}
	if err := json.NewDecoder(response.Body).Decode(&report); err != nil {
		return err
	}
	for _, finding := range report.Findings {
		if finding.Suspect.Exe == path && finding.Severity == "critical" && finding.Suspect.Running {
			if age := time.Since(finding.LastSeen).Abs(); age > time.Minute {
				return fmt.Errorf("%s was last seen %s away from now", path, age)
			}
			return nil
		}
	}
	return fmt.Errorf("%s is not among the %d findings", path, len(report.Findings))
}

func at(name string, least float64) error {
	values, err := scrape()
	if err != nil {
		return err
	}
	if value, exists := values[name]; !exists || value < least || least == 0 && value != 0 {
		return fmt.Errorf("%s is %v", name, value)
	}
	return nil
}

func metrics(t *testing.T) map[string]float64 {
	t.Helper()
	values, err := scrape()
	must(t, err)
	return values
}

func scrape() (map[string]float64, error) {
	response, err := get("/metrics")
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	values := map[string]float64{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, text, ok := strings.Cut(lines.Text(), "} ")
		if ok {
			name += "}"
		} else {
			name, text, _ = strings.Cut(lines.Text(), " ")
		}
		if value, err := strconv.ParseFloat(text, 64); err == nil && !strings.HasPrefix(name, "#") {
			values[name] = value
		}
	}
	return values, lines.Err()
}

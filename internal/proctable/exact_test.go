package proctable

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/procevents"
)

// burnFor is how long the children of the live tests burn, in CPU time.
const burnFor = "PROCTABLE_TEST_BURN"

func TestMain(m *testing.M) {
	if value := os.Getenv(burnFor); value != "" {
		wanted, err := time.ParseDuration(value)
		if err != nil {
			os.Exit(2)
		}
		burnCPU(wanted)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func burnCPU(wanted time.Duration) {
	var usage syscall.Rusage
	for syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil && time.Duration(usage.Utime.Nano()+usage.Stime.Nano()) < wanted {
		for i := 0; i < 1e5; i++ {
			_ = i * i
		}
	}
}

// following returns a sensor that is fed by the kernel, or nil where CAP_NET_ADMIN
// is missing.
func following(t *testing.T) *Sensor {
	t.Helper()
	connector, err := procevents.NewConnector()
	if err == nil {
		var taskstats *procevents.Taskstats
		taskstats, err = procevents.NewTaskstats("/sys")
		if err == nil {
			sensor, err := New(Options{Proc: "/proc", UserName: func(uint32) string { return "tester" }, Logger: log.NewNopLogger()})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { sensor.Follow(ctx, Sources{connector, taskstats}) })
			t.Cleanup(func() { stop(); running.Wait() })
			return sensor
		}
	}
	if os.Getuid() == 0 || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
		t.Fatal(err)
	}
	return nil
}

// sampled takes a sample and holds that no counter went back since the last.
func sampled(t *testing.T, sensor *Sensor) *host.ProcessSnapshot {
	t.Helper()
	before := sensor.Snapshot()
	if err := sensor.Sample(time.Now()); err != nil {
		t.Fatal(err)
	}
	now := sensor.Snapshot()
	if before == nil {
		return now
	}
	for key, totals := range before.Origins {
		if got := now.Origins[key]; got.CPUSeconds < totals.CPUSeconds || got.Starts < totals.Starts || got.Respawns < totals.Respawns {
			t.Errorf("%v went back from %+v to %+v", key, totals, got)
		}
	}
	if now.BusySeconds < before.BusySeconds || now.Unattributed < before.Unattributed {
		t.Error("busy or unattributed time went back")
	}
	return now
}

func inGroup(s *host.ProcessSnapshot, prefix string) (totals host.CPUTotals) {
	for _, group := range s.Groups {
		if strings.HasPrefix(group.Process, prefix) || group.Process == otherGroup && group.Origin == host.OriginTemp {
			totals.CPUSeconds += group.CPUSeconds
			totals.Starts += group.Starts
			totals.Respawns += group.Respawns
		}
	}
	return totals
}

// TestShortProcesses runs 200 processes of 50 ms each between samples that are
// seconds apart: all of them, and all that they used, count for their program.
func TestShortProcesses(t *testing.T) {
	sensor := following(t)
	if sensor == nil {
		return
	}
	// A program of its own, so that nothing else of this test counts for it.
	content, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	exe := program(t, "burner", string(content)+"short")
	sampled(t, sensor)
	time.Sleep(time.Second)
	before := inGroup(sampled(t, sensor), "/tmp#")

	const count = 200
	var mu sync.Mutex
	var used time.Duration
	var running sync.WaitGroup
	for range 2 {
		running.Go(func() {
			for range count / 2 {
				command := exec.Command(exe)
				command.Env = append(os.Environ(), burnFor+"=50ms")
				if err := command.Run(); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				used += command.ProcessState.UserTime() + command.ProcessState.SystemTime()
				mu.Unlock()
			}
		})
	}
	finished := make(chan struct{})
	go func() { running.Wait(); close(finished) }()
	for waiting := true; waiting; {
		select {
		case <-finished:
			waiting = false
		case <-time.After(2 * time.Second):
			sampled(t, sensor)
		}
	}
	time.Sleep(200 * time.Millisecond)
	sampled(t, sensor)
	after := inGroup(sampled(t, sensor), "/tmp#")
	attributed := after.CPUSeconds - before.CPUSeconds
	t.Logf("wait(2) tells %.2f s, the table %.2f s (%.1f %%), %d starts, %d respawns",
		used.Seconds(), attributed, 100*attributed/used.Seconds(), after.Starts-before.Starts, after.Respawns-before.Respawns)
	if attributed < 0.9*used.Seconds() || attributed > 1.1*used.Seconds() {
		t.Errorf("%.2f s of %.2f s are attributed", attributed, used.Seconds())
	}
	if starts := after.Starts - before.Starts; starts < count {
		t.Errorf("%d starts, want %d", starts, count)
	}
}

package processes

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestLive looks at this machine: a copy of sleep(1) in a temporary directory
// is killed and started again under another name.
func TestLive(t *testing.T) {
	t.Parallel()
	t.Run("poll", func(t *testing.T) { live(t, nil) })
	t.Run("tasks", func(t *testing.T) { live(t, kernelTasks(t)) })
}

// kernelTasks is the kernel's list. The test is skipped where there is none.
func kernelTasks(t *testing.T) func(func(*taskiter.Task)) error {
	t.Helper()
	tasks, err := taskiter.New()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { tasks.Close() })
	return tasks.Read
}

// read samples until the content of a program has been read, which a busy host puts off.
func read(t *testing.T, sample func() *model.ProcessSnapshot, pid int) model.Process {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		found := processOf(t, sample(), pid)
		if found.SHA256 != "" || time.Now().After(deadline) {
			return found
		}
	}
}

func live(t *testing.T, tasks func(func(*taskiter.Task)) error) {
	t.Helper()
	content, err := os.ReadFile("/bin/sleep")
	if err != nil {
		t.Fatal(err)
	}
	content = append(content, t.Name()...) // the other test has its own program
	directory, err := os.MkdirTemp("/tmp", "proctable-live-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	sensor, err := New(Options{Proc: "/proc", UserName: func(uint32) string { return "tester" }, Tasks: tasks, Logger: log.NewNopLogger()})
	if err != nil {
		t.Fatal(err)
	}
	sample := func() *model.ProcessSnapshot {
		t.Helper()
		if err := sensor.Sample(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		return sensor.Snapshot()
	}
	start := func(name string) *exec.Cmd {
		t.Helper()
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, content, 0o700); err != nil {
			t.Fatal(err)
		}
		command := exec.Command(path, "60")
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { command.Process.Kill(); command.Wait() })
		return command
	}
	sample()
	first := start("first")
	before := read(t, sample, first.Process.Pid)
	if before.Origin != model.OriginTemp || before.Exe != filepath.Join(directory, "first") || len(before.SHA256) != 64 {
		t.Errorf("first instance: %+v", before)
	}
	if before.Parent == nil || before.Parent.PID != os.Getpid() {
		t.Errorf("parent %+v, want this test, pid %d", before.Parent, os.Getpid())
	}
	if err := first.Process.Kill(); err != nil { // no Wait: it stays a zombie for now
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", first.Process.Pid))
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("it is no zombie: %s, %v", stat, err)
		}
		if bytes.Contains(stat, []byte(") Z ")) {
			break
		}
	}
	second := start("second")
	after := read(t, sample, second.Process.Pid)
	snapshot := sensor.Snapshot()
	if after.Suspect() != before.Suspect() || after.Group != before.Group {
		t.Errorf("the second name made another suspect: %s and %s", before.Group, after.Group)
	}
	history := snapshot.Respawns[after.SHA256]
	if history.Count != 1 || len(history.Starters) != 1 || history.Starters[0].Count != 2 || history.Starters[0].PID != os.Getpid() {
		t.Errorf("history = %+v, want 1 respawn and 2 starts by this test", history)
	}
}

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// binDirectory holds the built programs. It is E2E_BIN where that is set,
// because a program under /tmp would itself be suspicious to the exporter.
func binDirectory(t *testing.T) string {
	t.Helper()
	directory := os.Getenv("E2E_BIN")
	if directory == "" {
		directory = "bin"
	}
	absolute, err := filepath.Abs(directory)
	if err != nil {
		t.Fatal(err)
	}
	return absolute
}

// program is the path of a program that `make e2e` has built.
func program(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(binDirectory(t), name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: build it with `make e2e-tools` at the root of the repository", err)
	}
	return path
}

// process is a program that runs until the test ends, or stop.
type process struct {
	*programs.Program
	output *lockedBuffer
}

// startProcess starts a program. It is killed by its pid at the end of the test,
// and its output is shown if the test failed.
func startProcess(t *testing.T, environment []string, path string, arguments ...string) *process {
	t.Helper()
	command := exec.Command(path, arguments...)
	command.Env = append(os.Environ(), environment...)
	return start(t, command)
}

// startAsNobody starts a program as the user nobody. What root starts here
// descends from root's `go` and `make`, and the exporter lowers findings about
// what a build tool has started for the same user.
func startAsNobody(t *testing.T, environment []string, path string, arguments ...string) *process {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("needs root, to start programs as another user: run `make e2e`")
	}
	command := exec.Command(path, arguments...)
	command.Env = append(os.Environ(), environment...)
	command.Dir = "/"
	programs.AsNobody(command)
	return start(t, command)
}

func start(t *testing.T, command *exec.Cmd) *process {
	t.Helper()
	output := gatherOutput(command)
	started, err := programs.Start(command)
	if err != nil {
		t.Fatal(err)
	}
	return untilTheEnd(t, started, output)
}

func gatherOutput(command *exec.Cmd) *lockedBuffer {
	output := &lockedBuffer{}
	command.Stdout, command.Stderr = output, output
	return output
}

func untilTheEnd(t *testing.T, started *programs.Program, output *lockedBuffer) *process {
	t.Helper()
	p := &process{Program: started, output: output}
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			t.Logf("output of %s:\n%s", p.Name, tail(output.String(), 4000))
		}
	})
	return p
}

// stop ends the process, politely first, and waits until it is gone.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

// server is a program that answers HTTP.
type server struct {
	*process
	address string // IP:PORT
	url     string // without a path
}

// startServer starts a server at a free loopback address, and waits until it is
// ready.
func startServer(t *testing.T, command *exec.Cmd) *server {
	t.Helper()
	output := gatherOutput(command)
	started, err := programs.StartServer(t.Context(), command, "/-/ready")
	if err != nil {
		t.Fatalf("%v; its output:\n%s", err, tail(output.String(), 4000))
	}
	return &server{untilTheEnd(t, started.Program, output), started.Address, started.URL}
}

// result is what a command that ran to its end said.
type result struct {
	code           int
	stdout, stderr string
}

// runToEnd runs a program that ends by itself within a minute.
func runToEnd(t *testing.T, path string, arguments ...string) result {
	t.Helper()
	return runWithin(t, time.Minute, path, arguments...)
}

func runWithin(t *testing.T, limit time.Duration, path string, arguments ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit) // also while a test cleans up
	defer cancel()
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(ctx, path, arguments...)
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); command.ProcessState == nil {
		t.Fatalf("cannot start %s: %v", path, err)
	}
	return result{code: command.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

// eventually calls check until it returns nil, and fails the test if it still
// returns an error after the limit. It returns how long that took.
func eventually(t *testing.T, limit time.Duration, what string, check func() error) time.Duration {
	t.Helper()
	began := time.Now()
	if err := programs.Eventually(context.Background(), limit, what, check); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

// freeAddress is a loopback address that nothing listens on at this moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := programs.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// copyProgram copies an executable to a path that must not exist, with a mark
// behind its end, so that copies differ in content. It goes with the test.
func copyProgram(t *testing.T, from, to, mark string) {
	t.Helper()
	if err := programs.Copy(from, to, mark); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	})
}

// installDirectory is where an administrator puts programs: a place that is not
// suspicious.
const installDirectory = "/usr/local/bin/"

// writeFile writes a file of the test and returns its path.
func writeFile(t *testing.T, directory, name, content string) string {
	t.Helper()
	path := filepath.Join(directory, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// processByExe finds the one living process that runs the executable.
func processByExe(exe string) (int, error) {
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		return 0, err
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || strings.TrimSuffix(target, " (deleted)") != exe {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(link, "/proc/%d/exe", &pid); err != nil {
			return 0, err
		}
		return pid, nil
	}
	return 0, fmt.Errorf("no process runs %s", exe)
}

func tail(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return "[...]" + s[len(s)-limit:]
}

// lockedBuffer gathers output while somebody may read it.
type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
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
	name   string
	pid    int
	output *lockedBuffer
	ended  chan struct{}
	state  *os.ProcessState // once ended
}

// startProcess starts a program. It is killed by its pid at the end of the test,
// and its output is shown if the test failed.
func startProcess(t *testing.T, environment []string, path string, arguments ...string) *process {
	t.Helper()
	return start(t, nil, environment, path, arguments...)
}

// startAsNobody starts a program as the user nobody. What root starts here
// descends from root's `go` and `make`, and the exporter lowers findings about
// what a build tool has started for the same user.
func startAsNobody(t *testing.T, environment []string, path string, arguments ...string) *process {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("needs root, to start programs as another user: run `make e2e`")
	}
	return start(t, &syscall.Credential{Uid: nobody, Gid: nobody}, environment, path, arguments...)
}

// nobody is the user and group of that name or of nogroup in Debian.
const nobody = 65534

func start(t *testing.T, user *syscall.Credential, environment []string, path string, arguments ...string) *process {
	t.Helper()
	command := exec.Command(path, arguments...)
	if user != nil {
		command.Dir = "/"
	}
	command.Env = append(os.Environ(), environment...)
	started := &process{name: filepath.Base(path), output: &lockedBuffer{}, ended: make(chan struct{})}
	command.Stdout, command.Stderr = started.output, started.output
	// Ends the program also when the test is killed and no cleanup runs.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: user}
	if err := command.Start(); err != nil {
		t.Fatalf("cannot start %s: %v", path, err)
	}
	started.pid = command.Process.Pid
	go func() {
		_ = command.Wait() // the state tells how it ended
		started.state = command.ProcessState
		close(started.ended)
	}()
	t.Cleanup(func() {
		started.stop(t)
		if t.Failed() {
			t.Logf("output of %s:\n%s", started.name, tail(started.output.String(), 4000))
		}
	})
	return started
}

// stop ends the process, politely first, and waits until it is gone.
func (p *process) stop(t *testing.T) {
	t.Helper()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if p.hasEnded() {
			return
		}
		if err := syscall.Kill(p.pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Errorf("cannot stop %s: %v", p.name, err)
		}
		select {
		case <-p.ended:
			return
		case <-time.After(10 * time.Second):
		}
	}
	t.Errorf("%s (pid %d) does not end", p.name, p.pid)
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
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
	var stdout, stderr bytes.Buffer
	command := exec.Command(path, arguments...)
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Start(); err != nil {
		t.Fatalf("cannot start %s: %v", path, err)
	}
	overdue := time.AfterFunc(limit, func() { _ = command.Process.Kill() })
	defer overdue.Stop()
	err := command.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", path, err)
	}
	return result{code: command.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

// eventually calls check until it returns nil, and fails the test if it still
// returns an error after the limit. It returns how long that took.
func eventually(t *testing.T, limit time.Duration, what string, check func() error) time.Duration {
	t.Helper()
	start := time.Now()
	for {
		err := check()
		if err == nil {
			return time.Since(start)
		}
		if time.Since(start) > limit {
			t.Fatalf("%s: not within %s: %v", what, limit, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// freeAddress is a loopback address that nothing listens on at this moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// copyProgram copies an executable to a path that must not exist, with a mark
// behind its end, so that copies differ in content. It goes with the test.
func copyProgram(t *testing.T, from, to, mark string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, os.ErrExist) {
		t.Fatalf("%s exists already. Is it the rest of a killed test, or is this host infected? Look, then remove it.", to)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("cannot remove %s: %v", to, err)
		}
	})
	if _, err := io.Copy(file, io.MultiReader(bytes.NewReader(content), strings.NewReader(mark))); err != nil {
		t.Fatal(err)
	}
	if err := file.Chmod(0o755); err != nil { // whatever the umask
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
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

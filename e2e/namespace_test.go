package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// netNamespace is a network namespace of a test's own. One virtual link leads
// from the host into it, and nothing out of it: a service in it that listens to
// everybody is reached by this host alone.
type netNamespace struct {
	name    string
	device  string // the host's end of the link
	address string // of its own end
}

const (
	namespacePrefix = "cj-e2e-"
	namespaceFolder = "/run/netns/"
)

// addedNamespaces numbers the links. No test that adds one runs in parallel.
var addedNamespaces int

// addNamespace makes a namespace that goes with the test.
func addNamespace(t *testing.T, what string) netNamespace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("needs root, to make network namespaces: run `make e2e-flink`")
	}
	removeLeftNamespaces(t)

	pid, number := os.Getpid(), addedNamespaces
	addedNamespaces++
	subnet := fmt.Sprintf("10.200.%d.", pid%256) // so that two runs at once do not meet
	hostAddress := fmt.Sprint(subnet, 4*number%256+1)
	added := netNamespace{
		name:    fmt.Sprint(namespacePrefix, what, "-", pid),
		device:  fmt.Sprintf("cj%de%d", pid, number),
		address: fmt.Sprint(subnet, 4*number%256+2),
	}
	ip(t, "netns", "add", added.name)
	t.Cleanup(func() { added.remove(t) })
	ip(t, "link", "add", added.device, "type", "veth", "peer", "name", "eth0", "netns", added.name)
	ip(t, "address", "add", hostAddress+"/30", "dev", added.device)
	ip(t, "link", "set", added.device, "up")
	ip(t, "-n", added.name, "address", "add", added.address+"/30", "dev", "eth0")
	ip(t, "-n", added.name, "link", "set", "eth0", "up")
	ip(t, "-n", added.name, "link", "set", "lo", "up")
	return added
}

// remove ends what may still run in the namespace, and removes it. Its link goes
// with it, but not at once, so that goes first.
func (n netNamespace) remove(t *testing.T) {
	t.Helper()
	for _, pid := range strings.Fields(ip(t, "netns", "pids", n.name)) {
		t.Errorf("process %s outlived its test in %s", pid, n.name)
		var number int
		if _, err := fmt.Sscan(pid, &number); err == nil {
			_ = syscall.Kill(number, syscall.SIGKILL)
		}
	}
	runToEnd(t, "ip", "link", "delete", n.device) // if it came to that
	ip(t, "netns", "delete", n.name)
}

// removeLeftNamespaces removes the namespaces of tests that were killed.
func removeLeftNamespaces(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob(namespaceFolder + namespacePrefix + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range left {
		pid := path[strings.LastIndexByte(path, '-')+1:]
		if _, err := os.Stat("/proc/" + pid); err != nil {
			ip(t, "netns", "delete", filepath.Base(path))
		}
	}
}

// ip runs ip(8), which must succeed, and returns what it says.
func ip(t *testing.T, arguments ...string) string {
	t.Helper()
	done := runToEnd(t, "ip", arguments...)
	if done.code != 0 {
		t.Fatalf("ip %s: %s", strings.Join(arguments, " "), done.stderr)
	}
	return done.stdout
}

// enter is the command that runs another in the namespace, and nothing else
// about it is different: `ip netns exec` would also mount file systems for it.
func (n netNamespace) enter() []string {
	return []string{"nsenter", "--net=" + namespaceFolder + n.name, "--wd=/"}
}

// start starts a program as nobody in the namespace, until the test ends.
func (n netNamespace) start(t *testing.T, path string, arguments ...string) *process {
	t.Helper()
	command := append(n.enter(), "setpriv",
		fmt.Sprint("--reuid=", programs.Nobody), fmt.Sprint("--regid=", programs.Nobody), "--clear-groups",
		"--pdeathsig=KILL", // another user is a new start for it
		"--", path)
	started := startProcess(t, nil, command[0], append(command[1:], arguments...)...)
	started.Name = filepath.Base(path)
	return started
}

// get asks an HTTP server in the namespace from within, over loopback.
func (n netNamespace) get(t *testing.T, port int, path string) error {
	t.Helper()
	command := append(n.enter(), "curl", "--silent", "--show-error", "--fail", "--max-time", "5",
		fmt.Sprintf("http://127.0.0.1:%d%s", port, path))
	if asked := runToEnd(t, command[0], command[1:]...); asked.code != 0 {
		return fmt.Errorf("curl: %s", asked.stderr)
	}
	return nil
}

// stays calls check for the period, and fails the test at its first error.
func stays(t *testing.T, period time.Duration, what string, check func() error) {
	t.Helper()
	for end := time.Now().Add(period); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		if err := check(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// directoryForNobody makes a directory that belongs to nobody, for a program that
// start runs. It does not lie in t.TempDir: that is below this repository, which
// may lie where only its owner may go, such as /root.
func directoryForNobody(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("/opt", "cryptojack-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(directory); err != nil {
			t.Error(err)
		}
	})
	own(t, directory)
	return directory
}

// own gives files to nobody, for a program that start runs.
func own(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.Chown(path, programs.Nobody, programs.Nobody); err != nil {
			t.Fatal(err)
		}
	}
}

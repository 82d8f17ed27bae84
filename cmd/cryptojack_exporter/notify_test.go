package main

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// serviceManager gathers what a service tells it by sd_notify(3).
type serviceManager struct {
	t    *testing.T
	conn *net.UnixConn
}

// next returns the next message, or "" if none comes within a time.
func (m *serviceManager) next(within time.Duration) string {
	m.t.Helper()
	if err := m.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		m.t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	n, err := m.conn.Read(buffer)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ""
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return string(buffer[:n])
}

// await returns the first message that has a line.
func (m *serviceManager) await(line string) string {
	m.t.Helper()
	for {
		message := m.next(time.Minute)
		if message == "" {
			m.t.Fatalf("no %s came", line)
		}
		if strings.Contains(message+"\n", line+"\n") {
			return message
		}
	}
}

// TestServiceManager: it is told that the exporter is ready when all was looked at, and that it
// lives for as long as processes are sampled, not for as long as it runs.
func TestServiceManager(t *testing.T) { // not parallel: it sets the environment
	address := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	manager := &serviceManager{t, conn}
	t.Cleanup(func() { // the server has stopped
		manager.await("STOPPING=1")
		conn.Close()
	})
	t.Setenv("NOTIFY_SOCKET", address)
	t.Setenv("WATCHDOG_USEC", "400000")
	flag := fakeHost(t, "/usr/bin/worker")[0]
	proc := strings.TrimPrefix(flag, "--path.procfs=")
	s := start(t, flag, "--process.interval=100ms", "--process.cpu-budget=1", "--web.enable-lifecycle")

	if ready := manager.await("READY=1"); !strings.Contains(ready, "\nSTATUS=OK: nothing suspicious found") {
		t.Errorf("%q", ready)
	}
	manager.await("WATCHDOG=1")
	manager.await("WATCHDOG=1")

	// From now on the sampler waits for whoever writes into this.
	stat, kept := filepath.Join(proc, "stat"), filepath.Join(proc, "kept")
	if err := unix.Mkfifo(filepath.Join(proc, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(stat, kept); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(proc, "fifo"), stat); err != nil {
		t.Fatal(err)
	}
	writer := -1
	for began := time.Now(); writer < 0; time.Sleep(20 * time.Millisecond) {
		if writer, err = unix.Open(stat, unix.O_WRONLY|unix.O_NONBLOCK, 0); err != nil && time.Since(began) > time.Minute {
			t.Fatalf("the sampler does not read: %v", err)
		}
	}
	for manager.next(50*time.Millisecond) != "" { // what was sent before
	}
	for message := manager.next(1500 * time.Millisecond); message != ""; message = manager.next(1500 * time.Millisecond) {
		if strings.Contains(message, "WATCHDOG=1") {
			t.Fatal("the watchdog is fed although the sampler hangs")
		}
	}
	if status, _, err := s.request(http.MethodGet, "/-/healthy"); err != nil || status != http.StatusOK {
		t.Errorf("the server should still answer: %d %v", status, err)
	}

	if err := os.Rename(kept, stat); err != nil {
		t.Fatal(err)
	}
	if err := unix.Close(writer); err != nil {
		t.Fatal(err)
	}
	manager.await("WATCHDOG=1")
	s.expect(t, http.MethodPost, "/-/reload", http.StatusOK)
	manager.await("RELOADING=1")
	manager.await("READY=1")
}

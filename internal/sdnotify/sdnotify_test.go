package sdnotify

import (
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// manager is a service manager that gathers what it is told.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func newManager(t *testing.T, address string) *manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &manager{t, conn}
}

// told returns the messages that have come, in order.
func (m *manager) told() (messages []string) {
	m.t.Helper()
	buffer := make([]byte, 4096)
	for {
		if err := m.conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			m.t.Fatal(err)
		}
		n, err := m.conn.Read(buffer)
		if err != nil {
			return messages
		}
		messages = append(messages, string(buffer[:n]))
	}
}

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestNotifier(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{"a path": filepath.Join(t.TempDir(), "notify"), "an abstract address": "@" + t.Name() + filepath.Base(t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newManager(t, address)
			n, err := New(environment("NOTIFY_SOCKET", address, "WATCHDOG_USEC", "120000000", "WATCHDOG_PID", "812"), 812)
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			now := time.Unix(1_764_000_000, 0)
			n.Reloaded() // not yet ready: nothing is said
			n.Alive(now)
			n.Alive(now.Add(29 * time.Second)) // soon enough after the last
			n.Alive(now.Add(30 * time.Second))
			n.Judged("ok", "OK: nothing", now)
			n.Judged("ok", "OK: nothing, 3 processes", now.Add(time.Second))
			n.Judged("critical", "CRITICAL: a\nminer", now.Add(2*time.Second))
			n.Judged("critical", strings.Repeat("x", 511)+"é", now.Add(20*time.Second))
			n.Reloading()
			n.Reloaded()
			n.Stopping()
			got := m.told()
			want := []string{
				"WATCHDOG=1", "WATCHDOG=1", "READY=1\nSTATUS=OK: nothing", "STATUS=CRITICAL: a miner", "STATUS=" + strings.Repeat("x", 511),
				"RELOADING=1\nMONOTONIC_USEC=N", "READY=1", "STOPPING=1",
			}
			for i := range got {
				got[i] = regexp.MustCompile(`USEC=\d+`).ReplaceAllString(got[i], "USEC=N")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNobodyAsks(t *testing.T) {
	t.Parallel()
	n, err := New(environment(), 812)
	if n != nil || err != nil {
		t.Fatal(n, err)
	}
	n.Alive(time.Now())
	n.Judged("ok", "", time.Now())
	n.Reloading()
	n.Reloaded()
	n.Stopping()
	n.Close()
	if _, err := New(environment("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "none")), 812); err == nil {
		t.Error("a socket that is not there")
	}
}

// TestTheWatchdogOfAnother: what is left in the environment by another service is none of ours.
func TestTheWatchdogOfAnother(t *testing.T) {
	t.Parallel()
	address := filepath.Join(t.TempDir(), "notify")
	m := newManager(t, address)
	for _, pairs := range [][]string{{"WATCHDOG_USEC", "1000", "WATCHDOG_PID", "1"}, {"WATCHDOG_USEC", "-1"}, {"WATCHDOG_USEC", "x"}, nil} {
		n, err := New(environment(append(pairs, "NOTIFY_SOCKET", address)...), 812)
		if err != nil {
			t.Fatal(err)
		}
		n.Alive(time.Now())
		n.Close()
	}
	if got := m.told(); got != nil {
		t.Errorf("%q", got)
	}
}

// TestAManagerThatHangs takes no message: the sampler goes on.
func TestAManagerThatHangs(t *testing.T) {
	t.Parallel()
	address := filepath.Join(t.TempDir(), "notify")
	newManager(t, address) // reads nothing, so that its queue fills up
	n, err := New(environment("NOTIFY_SOCKET", address, "WATCHDOG_USEC", "4"), 812)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	now := time.Unix(1_764_000_000, 0)
	for i := range 30 {
		n.Alive(now.Add(time.Duration(i) * time.Second))
	}
}

// Package sdnotify tells systemd, or whoever else has set NOTIFY_SOCKET, how the exporter is
// (sd_notify(3)): ready, at work, stopping, and alive as long as its sampler is.
package sdnotify

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// sendTime is how long a message may take: a service manager that hangs must not hang
	// the sampler.
	sendTime = 100 * time.Millisecond
	// statusEvery is the least time between two sentences of the same verdict.
	statusEvery = 10 * time.Second
	maxStatus   = 512 // bytes
)

// Notifier sends messages. A nil one sends none. It may be used by several goroutines.
type Notifier struct {
	conn     *net.UnixConn
	watchdog time.Duration // the longest time between two signs of life; 0: nobody waits for any

	mu      sync.Mutex
	ready   bool
	fed     time.Time
	verdict string
	told    time.Time // when the last status was sent
}

// New connects to the socket that the environment names, which is held open from then on: it
// is called before privileges and system calls are given up. It returns nil if there is none.
func New(environment func(string) string, pid int) (*Notifier, error) {
	address := environment("NOTIFY_SOCKET")
	if address == "" {
		return nil, nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("NOTIFY_SOCKET=%s: %w", address, err)
	}
	n := &Notifier{conn: conn}
	if owner := environment("WATCHDOG_PID"); owner == "" || owner == strconv.Itoa(pid) { // else it is another process that is watched
		if micros, err := strconv.ParseInt(environment("WATCHDOG_USEC"), 10, 63); err == nil && micros > 0 {
			n.watchdog = time.Duration(micros) * time.Microsecond
		}
	}
	return n, nil
}

// Close closes the socket.
func (n *Notifier) Close() {
	if n != nil {
		_ = n.conn.Close() // nothing is buffered
	}
}

// send writes one message. What the service manager does not take is lost: it has its own
// way to notice.
func (n *Notifier) send(lines ...string) {
	if n.conn.SetWriteDeadline(time.Now().Add(sendTime)) == nil {
		_, _ = n.conn.Write([]byte(strings.Join(lines, "\n")))
	}
}

// Judged says that everything was looked at, which is when the exporter is ready, and with
// which verdict. sentence is one line and says more.
func (n *Notifier) Judged(verdict, sentence string, now time.Time) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var lines []string
	if !n.ready {
		n.ready = true
		lines = append(lines, "READY=1")
	}
	if verdict != n.verdict || now.Sub(n.told) >= statusEvery {
		n.verdict, n.told = verdict, now
		lines = append(lines, "STATUS="+cut(strings.ReplaceAll(sentence, "\n", " ")))
	}
	if len(lines) > 0 {
		n.send(lines...)
	}
}

func cut(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxStatus)], "") }

// Alive says that the sampler has finished a sample. Nothing else says it: if the sampler
// hangs, the service manager restarts the exporter.
func (n *Notifier) Alive(now time.Time) {
	if n == nil || n.watchdog == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if now.Sub(n.fed) >= n.watchdog/4 {
		n.fed = now
		n.send("WATCHDOG=1")
	}
}

// Reloading says that the configuration is read again, until Reloaded.
func (n *Notifier) Reloading() {
	if n == nil {
		return
	}
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &at); err != nil {
		return // cannot fail with this clock
	}
	n.send("RELOADING=1", "MONOTONIC_USEC="+strconv.FormatInt(at.Nano()/1000, 10))
}

// Reloaded ends Reloading.
func (n *Notifier) Reloaded() {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ready {
		n.send("READY=1")
	}
}

// Stopping says that the exporter ends.
func (n *Notifier) Stopping() {
	if n != nil {
		n.send("STOPPING=1")
	}
}

package findingslog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/log"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/ecs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/events"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func raised(id string) events.Event {
	return events.Event{Action: events.Raised, Time: noon, Finding: model.Finding{ID: id, Rule: "known_miner_name", Severity: model.Critical, Title: id + "'s title", FirstSeen: noon, LastSeen: noon}}
}

func document(e *events.Event) ecs.Document { return ecs.New(e, ecs.Host{Name: "h"}, nil) }

// said is the log of the program.
type said struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buffer.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buffer.String()
}

func newLog(s Sink, out *said) *Log { return New(s, document, log.NewLogfmtLogger(out)) }

// write has some events written, one after the other, as Run does.
func write(l *Log, ids ...string) {
	for _, id := range ids {
		e := raised(id)
		l.write(&e)
	}
}

// messages returns the message of each line that is valid JSON, and "?" for others.
func messages(t *testing.T, file string) []string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(content)) {
		var d struct{ Message string }
		if json.Unmarshal([]byte(line), &d) != nil || !strings.HasSuffix(line, "\n") {
			d.Message = "?"
		}
		found = append(found, strings.TrimSuffix(strings.TrimPrefix(d.Message, "CRITICAL: "), "'s title"))
	}
	return found
}

func expect(t *testing.T, file string, want ...string) {
	t.Helper()
	if got := messages(t, file); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s holds %v, want %v", filepath.Base(file), got, want)
	}
}

// TestRotation: the file is renamed, and the next line is in a new one once it was opened anew; one that was cut off is gone on with.
func TestRotation(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "findings.log")
	sink, err := File(name)
	if err != nil {
		t.Fatal(err)
	}
	out := &said{}
	l := newLog(sink, out)
	write(l, "a")
	if stat, err := os.Stat(name); err != nil || stat.Mode() != 0o600 {
		t.Errorf("%v %v", stat.Mode(), err)
	}
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	write(l, "b")
	if err := l.sink.reopen(); err != nil {
		t.Fatal(err)
	}
	write(l, "c")
	expect(t, name+".1", "a", "b")
	expect(t, name, "c")
	if err := os.Truncate(name, 0); err != nil {
		t.Fatal(err)
	}
	write(l, "d")
	expect(t, name, "d")

	// Where it cannot be opened anew, the one that is open goes on.
	if err := os.Rename(name, name+".2"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.sink.reopen(); err == nil || !strings.Contains(err.Error(), "logrotate") {
		t.Errorf("%v", err)
	}
	write(l, "e")
	expect(t, name+".2", "d", "e")
	if l.Lost() != 0 || out.String() != "" {
		t.Errorf("%d lost: %s", l.Lost(), out)
	}
}

// TestWhatIsNoFile is refused, and nobody waits for it.
func TestWhatIsNoFile(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	fifo, link := filepath.Join(directory, "fifo"), filepath.Join(directory, "link")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(directory, "elsewhere"), link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{fifo, link, directory, "/dev/null", filepath.Join(directory, "none", "x")} {
		if _, err := File(name); err == nil {
			t.Errorf("%s was opened", name)
		}
	}
	if _, err := os.Lstat(filepath.Join(directory, "elsewhere")); err == nil {
		t.Error("a link was followed")
	}
}

// TestFullDisk: it costs a count and one line of the log, and what follows begins on a line of its own.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	if err := unix.Mount("tmpfs", directory, "tmpfs", 0, "size=16k,mode=0700"); err != nil {
		t.Skip("only root may mount a small tmpfs: ", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(directory, 0); err != nil {
			t.Error(err)
		}
	})
	name := filepath.Join(directory, "findings.log")
	sink, err := File(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sink.sink.(*file).open.Close() })
	out := &said{}
	l := newLog(sink, out)
	filler := filepath.Join(directory, "filler")
	if err := os.WriteFile(filler, make([]byte, 8<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	const many = 100
	for i := range many {
		write(l, fmt.Sprint("m", i, strings.Repeat("x", 300)))
	}
	lost := l.Lost()
	if lost == 0 || lost == many {
		t.Fatalf("%d of %d lost", lost, many)
	}
	if said := out.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "no space left on device") {
		t.Errorf("%s", said)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	l.now = func() time.Time { return time.Now().Add(settled) }
	write(l, "after")
	got := messages(t, name)
	if got[len(got)-1] != "after" || l.Lost() != lost {
		t.Errorf("%q, %d lost", got[len(got)-1], l.Lost())
	}
	torn := 0
	for _, message := range got {
		if message == "?" {
			torn++
		}
	}
	if torn > 1 || uint64(len(got)-1-torn) != many-lost {
		t.Errorf("%d lines, %d torn, %d of %d lost", len(got), torn, lost, many)
	}
	if said := out.String(); strings.Count(said, "\n") != 2 || !strings.Contains(said, fmt.Sprintf("lost=%d", lost)) {
		t.Errorf("%s", said)
	}
}

// TestFlood: whoever makes findings without end does not fill the disk.
func TestFlood(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	out := &said{}
	l := newLog(Stream(&lines), out)
	now := noon
	l.now = func() time.Time { return now }
	for range 5000 {
		e := raised("a")
		e.Finding.Severity = model.Warning
		l.write(&e)
	}
	if written := strings.Count(lines.String(), "\n"); written != burst || l.Lost() != 5000-burst {
		t.Errorf("%d lines, %d lost", written, l.Lost())
	}
	// Critical findings have lines of their own.
	lines.Reset()
	l.lost.Store(0)
	for i := range 5000 {
		write(l, fmt.Sprint(i))
	}
	now = now.Add(time.Hour)
	for i := range 5000 {
		write(l, fmt.Sprint(i))
	}
	written := strings.Count(lines.String(), "\n")
	if want := burst + int(time.Hour/criticalEvery); written != want || l.Lost() != uint64(10000-want) {
		t.Errorf("%d lines, %d lost, want %d", written, l.Lost(), want)
	}
	if said := strings.Count(out.String(), "\n"); said > 4 {
		t.Errorf("%d lines of the log:\n%s", said, out)
	}
}

// held does not return from a write before it may.
type held struct{ release chan struct{} }

func (h held) Write(p []byte) (int, error) { <-h.release; return len(p), nil }

// TestNobodyWaits: whoever reads standard output may stop to read, and detection goes on.
func TestNobodyWaits(t *testing.T) {
	t.Parallel()
	h := held{make(chan struct{})}
	l := newLog(Stream(h), &said{})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- l.Run(ctx) }()
	for range 3 * queueLength {
		l.Offer([]events.Event{raised("a")})
	}
	l.Reopen()
	l.Reopen()
	if l.Lost() < 2*queueLength-1 {
		t.Errorf("%d lost", l.Lost())
	}
	stop()
	close(h.release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(l.queue) != 0 {
		t.Errorf("%d were left behind", len(l.queue))
	}
	var none *Log
	none.Offer([]events.Event{raised("a")})
	none.Reopen()
	if none.Lost() != 0 {
		t.Error("a log that is not there has lost something")
	}
}

// broken is a reader that has gone.
type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

func TestReaderHasGone(t *testing.T) {
	t.Parallel()
	out := &said{}
	l := newLog(Stream(broken{errors.New("broken pipe")}), out)
	write(l, "a", "b", "c")
	if l.Lost() != 3 || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("%d lost: %s", l.Lost(), out)
	}
}

package findingslog

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/ecs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/events"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// listen is a journal that reads what it is sent.
func listen(t *testing.T, address string) func() map[string]string {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return func() map[string]string {
		t.Helper()
		buffer := make([]byte, 1<<20)
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return parse(t, buffer[:n])
	}
}

// parse reads the fields as systemd's page on the protocol has them.
func parse(t *testing.T, message []byte) map[string]string {
	t.Helper()
	fields := map[string]string{}
	for len(message) > 0 {
		line, rest, ok := bytes.Cut(message, []byte("\n"))
		if !ok {
			t.Fatalf("a field has no end: %q", message)
		}
		name, value, isLine := strings.Cut(string(line), "=")
		if !isLine {
			size := int(binary.LittleEndian.Uint64(rest))
			value, rest = string(rest[8:8+size]), rest[8+size+1:]
		}
		if !regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`).MatchString(name) {
			t.Errorf("journald ignores the field %q", name)
		}
		fields[name], message = value, rest
	}
	return fields
}

func TestJournal(t *testing.T) {
	t.Parallel()
	address := filepath.Join(t.TempDir(), "socket")
	next := listen(t, address)
	sink, err := Journal(address)
	if err != nil {
		t.Fatal(err)
	}
	out := &said{}
	l := newLog(sink, out)
	e := raised("suspect/1\nMESSAGE=forged")
	e.Finding.Suspect = &model.Suspect{ID: "6e25ad03103a", Process: model.Process{Identity: model.Identity{PID: 4711}, Exe: "/tmp/a\nPRIORITY=7", User: "bob"}}
	l.write(&e)
	got := next()
	for name, want := range map[string]string{
		"MESSAGE": `CRITICAL: suspect/1\x0aMESSAGE=forged's title`, "MESSAGE_ID": messageID(events.Raised), "PRIORITY": "2", "SYSLOG_IDENTIFIER": "cryptojack_exporter",
		"CRYPTOJACK_ACTION": "raised", "CRYPTOJACK_RULE": "known_miner_name", "CRYPTOJACK_SUSPECT": "6e25ad03103a", "CRYPTOJACK_PID": "4711",
		"CRYPTOJACK_EXE": `/tmp/a\x0aPRIORITY=7`, "CRYPTOJACK_USER": "bob", "CRYPTOJACK_FINDING": `suspect/1\x0aMESSAGE=forged`,
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	var whole map[string]any
	if err := json.Unmarshal([]byte(got["CRYPTOJACK_EVENT"]), &whole); err != nil || whole["message"] == nil {
		t.Errorf("%v: %s", err, got["CRYPTOJACK_EVENT"])
	}
	if _, ok := got["CRYPTOJACK_SHA256"]; ok {
		t.Error("what is not known is written")
	}

	// What is too large for a datagram goes without the whole event.
	huge := New(sink, func(e *events.Event) ecs.Document {
		d := document(e)
		d["cryptojack"] = strings.Repeat("x", 8<<20)
		return d
	}, l.logger)
	huge.write(&e)
	if got := next(); got["CRYPTOJACK_PID"] != "4711" || got["CRYPTOJACK_EVENT"] != "" {
		t.Errorf("%q", got)
	}
	if huge.Lost() != 0 {
		t.Errorf("%d lost: %s", huge.Lost(), out)
	}
}

// TestJournalRestarts: the socket goes, what comes meanwhile is counted, and it goes on with the next one.
func TestJournalRestarts(t *testing.T) {
	t.Parallel()
	address := filepath.Join(t.TempDir(), "socket")
	first, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	sink, err := Journal(address)
	if err != nil {
		t.Fatal(err)
	}
	l := newLog(sink, &said{})
	first.Close()
	if err := os.Remove(address); err != nil {
		t.Fatal(err)
	}
	write(l, "lost")
	if l.Lost() != 1 {
		t.Errorf("%d lost", l.Lost())
	}
	next := listen(t, address)
	write(l, "b")
	if got := next(); got["CRYPTOJACK_FINDING"] != "b" || l.Lost() != 1 {
		t.Errorf("%q, %d lost", got, l.Lost())
	}
	if _, err := Journal(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a journal that is not there")
	}
}

// TestField: a value with a newline stays one value.
func TestField(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", "a", "a=b", "a\nB=c", "\n", strings.Repeat("\n", 300)} {
		message := append(field("FIRST", value), field("LAST", "z")...)
		if got := parse(t, message); got["FIRST"] != value || got["LAST"] != "z" || len(got) != 2 {
			t.Errorf("%q: %q", value, got)
		}
	}
	page, err := os.ReadFile("../../docs/siem.md")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, action := range events.Actions() {
		ids[messageID(action)] = true
		if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(messageID(action)) {
			t.Errorf("%s is no id", messageID(action))
		}
		if row := "| " + string(action) + " | `" + messageID(action) + "` |"; !strings.Contains(string(page), row) {
			t.Errorf("docs/siem.md has no row %s", row)
		}
	}
	if len(ids) != len(events.Actions()) {
		t.Error("two actions have one id")
	}
}

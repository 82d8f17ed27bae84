package findingslog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/ecs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/events"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// JournalSocket is where systemd-journald takes fields (systemd.io/JOURNAL_NATIVE_PROTOCOL).
const JournalSocket = "/run/systemd/journal/socket"

// sendTime is how long a message may take: nobody waits for a journal that hangs.
const sendTime = time.Second

// messageID is the same for all events of an action, for ever: what `journalctl MESSAGE_ID=` asks for.
func messageID(action events.Action) string {
	switch action {
	case events.Raised:
		return "38a1d886cfa542a4acb0aaf87cd335b0"
	case events.Changed:
		return "a287ddb0cf57487881d93f151d1ddb62"
	default:
		return "f41265b75b294595af98c54a707fd067"
	}
}

// journal sends datagrams. A message that is too large for one is sent without the document; the file in memory that the
// protocol has for such messages cannot be made by a program that may open nothing for writing.
type journal struct {
	address string
	conn    *net.UnixConn
}

// Journal connects to the socket of journald.
func Journal(address string) (Sink, error) {
	j := &journal{address: address}
	if err := j.connect(); err != nil {
		return Sink{}, fmt.Errorf("connect to the journal: %w; does systemd-journald run here?", err)
	}
	return Sink{sink: j}, nil
}

func (j *journal) connect() error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: j.address, Net: "unixgram"})
	if err != nil {
		return err
	}
	if j.conn != nil {
		_ = j.conn.Close() // nothing is buffered
	}
	j.conn = conn
	return nil
}

func (*journal) String() string { return "the journal" }

func (*journal) reopen() error { return nil }

// write connects anew if whoever had the socket has gone.
func (j *journal) write(event *events.Event, document ecs.Document, line []byte) error {
	fields := journalFields(event, document)
	whole := append(bytes.Clone(fields), field("CRYPTOJACK_EVENT", strings.TrimSuffix(string(line), "\n"))...)
	err := j.send(whole)
	if errors.Is(err, unix.EMSGSIZE) || errors.Is(err, unix.ENOBUFS) {
		err = j.send(fields)
	}
	if errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENOTCONN) || errors.Is(err, unix.ECONNRESET) {
		if err = j.connect(); err == nil {
			err = j.send(whole)
		}
	}
	return err
}

func (j *journal) send(message []byte) error {
	if err := j.conn.SetWriteDeadline(time.Now().Add(sendTime)); err != nil {
		return err
	}
	_, err := j.conn.Write(message)
	return err
}

// priority is the level of syslog(3).
func priority(e *events.Event) int {
	switch {
	case e.Action == events.Ended, e.Finding.Severity == model.Info:
		return 5 // notice
	case e.Finding.Severity == model.Critical:
		return 2
	default:
		return 4
	}
}

// journalFields are the fields that people ask the journal for; the whole event is one more.
func journalFields(e *events.Event, d ecs.Document) []byte {
	var out []byte
	add := func(name string, value any) {
		if value != nil && value != "" {
			out = append(out, field(name, fmt.Sprint(value))...)
		}
	}
	add("MESSAGE", d.Get("message"))
	add("MESSAGE_ID", messageID(e.Action))
	add("PRIORITY", strconv.Itoa(priority(e)))
	add("SYSLOG_IDENTIFIER", "cryptojack_exporter")
	add("CRYPTOJACK_ACTION", string(e.Action))
	add("CRYPTOJACK_FINDING", text.Escape(e.Finding.ID))
	add("CRYPTOJACK_RULE", e.Finding.Rule)
	add("CRYPTOJACK_SEVERITY", string(e.Finding.Severity))
	add("CRYPTOJACK_TECHNIQUE", e.Finding.Technique)
	if s := e.Finding.Suspect; s != nil {
		add("CRYPTOJACK_SUSPECT", s.ID)
	}
	for _, pair := range [][2]string{
		{"CRYPTOJACK_PID", "process.pid"},
		{"CRYPTOJACK_EXE", "process.executable"},
		{"CRYPTOJACK_SHA256", "process.hash.sha256"},
		{"CRYPTOJACK_USER", "user.name"},
		{"CRYPTOJACK_CONTAINER", "container.id"},
		{"CRYPTOJACK_CONTAINER_NAME", "container.name"},
		{"CRYPTOJACK_FILE", "file.path"},
		{"CRYPTOJACK_SERVICE", "service.name"},
		{"CRYPTOJACK_REMOTE_IP", "destination.ip"},
	} {
		add(pair[0], d.Get(pair[1]))
	}
	return out
}

// field writes one field: as a line or, since a value may hold a newline, with its length.
func field(name, value string) []byte {
	if !strings.Contains(value, "\n") {
		return []byte(name + "=" + value + "\n")
	}
	out := binary.LittleEndian.AppendUint64([]byte(name+"\n"), uint64(len(value)))
	return append(append(out, value...), '\n')
}

package submissions

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/services/flinklog"
)

const (
	logPath = "/opt/flink/log/flink-nobody-standalonesession-0-lab.log"
	runLine = "INFO  org.apache.flink.client.ClientUtils                          [] - Starting program (detached: true)"
	resets  = "WARN  org.apache.flink.runtime.dispatcher.DispatcherRestEndpoint   [] - Unhandled exception\njava.net.SocketException: Connection reset"
)

// formats are those of the one service that is known.
func formats() map[string]Format { return map[string]Format{flinklog.App: flinklog.Format{}} }

// lab is a JVM's root directory with a log in it, on a clock of its own.
type lab struct {
	t      *testing.T
	root   string
	reader *Reader
	target Target
	now    time.Time
}

func newLab(t *testing.T) *lab {
	t.Helper()
	proc := t.TempDir()
	l := &lab{
		t: t, root: filepath.Join(proc, "100/root"), reader: New(proc, formats()), now: time.Date(2026, 11, 24, 3, 17, 44, 0, time.UTC),
		target: Target{App: flinklog.App, Owner: model.Identity{PID: 100, StartTime: 1}, Path: logPath},
	}
	l.check(os.MkdirAll(filepath.Join(l.root, filepath.Dir(logPath)), 0o755))
	l.isOf(os.Getuid(), os.Getuid())
	return l
}

// isOf says whose the process is: its real and its effective user.
func (l *lab) isOf(user, effective int) {
	l.t.Helper()
	status := fmt.Sprintf("Name:\tjava\nUid:\t%d\t%d\t%d\t%d\n", user, effective, effective, effective)
	l.check(os.WriteFile(filepath.Join(filepath.Dir(l.root), "status"), []byte(status), 0o600))
}

func (l *lab) check(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) file() string { return filepath.Join(l.root, logPath) }

// stamped begins each line with the time of day in a zone.
func (l *lab) stamped(zone time.Duration, line string) string {
	return l.now.Add(zone).Format("2006-01-02 15:04:05,000 ") + line + "\n"
}

// write appends, as log4j does, now.
func (l *lab) write(text string) {
	l.t.Helper()
	file, err := os.OpenFile(l.file(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	l.check(err)
	_, err = file.WriteString(text)
	l.check(err)
	l.check(file.Close())
	l.check(os.Chtimes(l.file(), l.now, l.now))
}

// read looks at the log five seconds later.
func (l *lab) read(peers ...netip.Addr) model.SubmissionLog {
	l.t.Helper()
	l.now = l.now.Add(5 * time.Second)
	logs := l.reader.Read(l.now, []Target{l.target}, map[model.Identity][]netip.Addr{l.target.Owner: peers})
	if len(logs) != 1 {
		l.t.Fatalf("%d logs", len(logs))
	}
	return logs[0]
}

func (l *lab) expect(what string, uploads, runs, exceptions uint64) {
	l.t.Helper()
	got := l.reader.Events()
	want := map[model.SubmissionEvent]uint64{model.SubmissionUpload: uploads, model.SubmissionRun: runs, model.SubmissionFailure: exceptions}
	for event, count := range want {
		if got[event] != count {
			l.t.Errorf("%s: %d of %s, want %d", what, got[event], event, count)
		}
	}
}

// TestRealLog reads what a real Flink wrote when jars were submitted and a scanner
// cut its connections.
func TestRealLog(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../flinklog/testdata/flink-1.20.log")
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t)
	l.write("")
	l.read()
	l.write(string(content))
	log := l.read()
	// The last line that says "Starting program" there is forged, in a path.
	l.expect("a real log", 0, 3, 4)
	if log.Failure != "" || len(log.Recent) == 0 {
		t.Errorf("%+v", log)
	}
}

func TestHistoryIsToldAndNotCounted(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.write(l.stamped(0, runLine))
	ran := l.now
	log := l.read()
	l.expect("history", 0, 0, 0)
	if len(log.Recent) != 1 || !log.Recent[0].Time.Equal(ran) || log.Recent[0].Event != model.SubmissionRun || len(log.Recent[0].Peers) != 0 {
		t.Errorf("%+v", log.Recent)
	}
	l.write(l.stamped(0, runLine) + l.stamped(0, resets))
	peer := netip.MustParseAddr("198.51.100.7")
	log = l.read(peer)
	l.expect("what is new", 0, 1, 1)
	if last := log.Recent[len(log.Recent)-1]; len(last.Peers) != 1 || last.Peers[0] != peer {
		t.Errorf("%+v", last)
	}
}

func TestZoneOfTheLog(t *testing.T) {
	t.Parallel()
	for _, zone := range []time.Duration{0, 2 * time.Hour, -8 * time.Hour, 5*time.Hour + 45*time.Minute} {
		l := newLab(t)
		l.write(l.stamped(zone, runLine))
		ran := l.now
		if log := l.read(); len(log.Recent) != 1 || !log.Recent[0].Time.Equal(ran) {
			t.Errorf("zone %s: %+v, want %s", zone, log.Recent, ran)
		}
	}
}

// TestForgedTime: a line that says it is of last year is of now.
func TestForgedTime(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.write("")
	l.read()
	l.write("2025-01-01 00:00:00,000 " + runLine + "\n" + l.stamped(0, resets))
	if log := l.read(); len(log.Recent) != 2 || l.now.Sub(log.Recent[0].Time).Abs() > time.Minute {
		t.Errorf("%+v", log.Recent)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.write(l.stamped(0, "INFO x [] - begins"))
	l.read()
	l.write(l.stamped(0, runLine)) // the last line before the file is renamed
	l.check(os.Rename(l.file(), l.file()+".1"))
	l.read()
	l.expect("between the files", 0, 1, 0)
	l.write(l.stamped(0, runLine))
	l.read()
	l.expect("the new file", 0, 2, 0)
	l.check(os.Remove(l.file()))
	l.write(l.stamped(0, runLine))
	l.read()
	l.expect("at once", 0, 3, 0)
}

func TestTruncation(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.write(strings.Repeat(l.stamped(0, "INFO x [] - filler"), 10))
	l.read()
	l.check(os.Truncate(l.file(), 0))
	l.write(l.stamped(0, runLine))
	l.read()
	l.expect("shorter than before", 0, 1, 0)
	l.check(os.Truncate(l.file(), 0))
	l.write(l.stamped(0, runLine) + strings.Repeat(l.stamped(0, "INFO y [] - more than there was"), 20))
	l.read()
	l.expect("longer than before", 0, 2, 0)
}

func TestLines(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.write("")
	l.read()
	line := l.stamped(0, runLine)
	l.write(line[:40])
	l.read()
	l.expect("half a line", 0, 0, 0)
	l.write(line[40:])
	l.read()
	l.expect("the other half", 0, 1, 0)
	l.write(strings.Repeat("x", 3*lineLimit) + " Starting program (detached: true)")
	l.read()
	l.write(strings.Repeat("y", 3*lineLimit) + "\n" + line)
	l.read()
	l.expect("after an endless line", 0, 2, 0)
	l.write(strings.Repeat("\x00\xff\n", 1000) + strings.TrimSuffix(line, "\n") + "\r\n")
	l.read()
	l.expect("any bytes", 0, 3, 0)
}

func TestLongHistory(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	directory := "/tmp/flink-web-1/flink-web-upload"
	l.check(os.MkdirAll(filepath.Join(l.root, directory), 0o755))
	l.write(l.stamped(0, "INFO  org.apache.flink.runtime.dispatcher.DispatcherRestEndpoint [] - Created directory "+directory+" for file uploads.") +
		strings.Repeat(l.stamped(0, "INFO x [] - "+strings.Repeat("z", 1000)), 9000) + l.stamped(0, runLine))
	if log := l.read(); len(log.Recent) != 1 {
		t.Errorf("%+v", log.Recent)
	}
	l.check(os.WriteFile(filepath.Join(l.root, directory, "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f_a b.jar"), nil, 0o600))
	l.read()
	l.expect("said nine megabytes before", 1, 0, 0)
}

func TestUploads(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	directory := "/tmp/flink-web-1/flink-web-upload"
	inside := filepath.Join(l.root, directory)
	l.check(os.MkdirAll(inside, 0o755))
	put := func(name string) {
		l.check(os.WriteFile(filepath.Join(inside, name), nil, 0o600))
		l.check(os.Chtimes(filepath.Join(inside, name), l.now, l.now))
	}
	put("00000000-0000-0000-0000-000000000001_old.jar")
	l.write(l.stamped(0, "INFO  org.apache.flink.runtime.dispatcher.DispatcherRestEndpoint [] - Using directory "+directory+" for file uploads."))
	if log := l.read(); len(log.Recent) != 1 || log.Recent[0].Text != "old.jar" {
		t.Errorf("%+v", log.Recent)
	}
	l.expect("history", 0, 0, 0)
	put("00000000-0000-0000-0000-000000000002_ev\nil.jar")
	put("FUp_1.tmp")
	l.check(os.Mkdir(filepath.Join(inside, "00000000-0000-0000-0000-000000000003_directory.jar"), 0o755))
	l.check(os.Symlink("/etc/passwd", filepath.Join(inside, "00000000-0000-0000-0000-000000000004_link.jar")))
	log := l.read()
	l.expect("one jar", 1, 0, 0)
	if last := log.Recent[len(log.Recent)-1]; last.Text != "ev\nil.jar" || last.Event != model.SubmissionUpload {
		t.Errorf("%+v", last)
	}
	l.read()
	l.expect("known", 1, 0, 0)
	// Whoever reaches the port can have a line written: it does not lead elsewhere.
	l.check(os.MkdirAll(filepath.Join(l.root, "elsewhere"), 0o755))
	l.write(l.stamped(0, "INFO  org.apache.flink.runtime.dispatcher.DispatcherRestEndpoint [] - Using directory /elsewhere for file uploads."))
	l.read()
	put("00000000-0000-0000-0000-000000000005_next.jar")
	l.read()
	l.expect("still looked for where it was", 2, 0, 0)
	l.check(os.RemoveAll(inside))
	if log := l.read(); log.Failure != "" {
		t.Error(log.Failure)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if log := l.read(); !strings.Contains(log.Failure, "does not exist") || l.reader.Share().Total != 0 {
		t.Errorf("%q, %+v", log.Failure, l.reader.Share())
	}
	l.write(l.stamped(0, runLine)) // it was not there before: all of it is new
	l.read()
	l.expect("a log that came later", 0, 1, 0)
	if share := l.reader.Share(); share != (model.Share{Readable: 1, Total: 1}) {
		t.Errorf("%+v", share)
	}
	l.check(os.Remove(l.file()))
	l.check(unix.Mkfifo(l.file(), 0o600))
	if log := l.read(); !strings.Contains(log.Failure, "neither the file nor") || l.reader.Share().Readable != 0 {
		t.Errorf("a FIFO: %q, %+v", log.Failure, l.reader.Share())
	}
	l.check(os.Remove(l.file()))
	l.write(strings.Repeat("{\"time\": 1}\n", minLines))
	if log := l.read(); !strings.Contains(log.Failure, "do not begin with a time") {
		// The good line that was read before was of the same log.
		l.target.Owner.StartTime++
		if log = l.read(); !strings.Contains(log.Failure, "do not begin with a time") {
			t.Errorf("a form of its own: %q", log.Failure)
		}
	}
	if l.reader.Errors()[model.ReadError{Aspect: model.AspectSubmissionLog, Reason: model.ReasonOther}] == 0 {
		t.Errorf("%v", l.reader.Errors())
	}
}

// TestPermission needs to be another user than root, whom nothing is denied.
// TestFilesOfOthers: a process names any file that it likes, and gets only its user's read.
func TestFilesOfOthers(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	eve := os.Getuid() + 1000
	refused := func(what string) {
		t.Helper()
		if log := l.read(); !strings.Contains(log.Failure, "belongs to another user") || len(log.Recent) != 0 {
			t.Errorf("%s: %q %+v", what, log.Failure, log.Recent)
		}
		if share := l.reader.Share(); share != (model.Share{Total: 1}) {
			t.Errorf("%s: it is not told as unread: %+v", what, share)
		}
	}
	l.isOf(eve, eve)
	l.write(l.stamped(0, runLine))
	refused("a file of somebody else") // as with -Dlog.file=/etc/shadow
	l.check(os.Rename(l.file(), l.file()+"-secret"))
	l.check(os.Symlink(l.file()+"-secret", l.file()))
	l.check(os.Remove(l.file()))
	l.check(os.Symlink(filepath.Base(l.file())+"-secret", l.file()))
	refused("a link of hers to it")
	l.isOf(eve, os.Getuid())
	refused("a program of somebody else that she started, as one that is set-user-ID")
	if l.reader.Errors()[model.ReadError{Aspect: model.AspectSubmissionLog, Reason: model.ReasonOther}] != 3 {
		t.Errorf("%v", l.reader.Errors())
	}

	l.isOf(os.Getuid(), os.Getuid())
	l.read()
	l.write(l.stamped(0, runLine))
	l.read()
	l.expect("his own", 0, 1, 0)
	l.expectNothingOfADevice()
	if os.Getuid() == 0 { // only root gives a file away
		l.check(os.Remove(l.file()))
		l.write(l.stamped(0, runLine))
		l.check(os.Chown(l.file(), eve, eve))
		if log := l.read(); !strings.Contains(log.Failure, "belongs to another user") {
			t.Errorf("a file of hers, named by root: %q", log.Failure)
		}
		l.isOf(eve, eve)
		l.write(l.stamped(0, runLine))
		if log := l.read(); log.Failure != "" {
			t.Errorf("a file of her own: %q", log.Failure)
		}
	}
	l.check(os.Remove(filepath.Join(filepath.Dir(l.root), "status")))
	if log := l.read(); log.Failure == "" {
		t.Error("it is read though nobody knows whose the process is")
	}
}

// expectNothingOfADevice has the log be what is no file.
func (l *lab) expectNothingOfADevice() {
	l.t.Helper()
	l.check(os.Remove(l.file()))
	if err := unix.Mknod(l.file(), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))); err != nil { // /dev/zero
		return
	}
	if log := l.read(); !strings.Contains(log.Failure, "neither the file nor") {
		l.t.Errorf("a device: %q", log.Failure)
	}
}

// TestUploadsOfOthers: a line of the log leads to no directory of somebody else.
func TestUploadsOfOthers(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root gives a directory away")
	}
	l := newLab(t)
	directory := "/home/bob/flink-web-upload"
	l.check(os.MkdirAll(filepath.Join(l.root, directory), 0o755))
	l.check(os.WriteFile(filepath.Join(l.root, directory, "00000000-0000-0000-0000-000000000001_secret.jar"), nil, 0o600))
	l.write(l.stamped(0, "INFO  org.apache.flink.runtime.dispatcher.DispatcherRestEndpoint [] - Using directory "+directory+" for file uploads."))
	l.check(os.Chown(l.file(), 1000, 1000))
	l.isOf(1000, 1000)
	if log := l.read(); len(log.Recent) != 0 || !strings.Contains(log.Failure, "belongs to another user") {
		t.Errorf("%q %+v", log.Failure, log.Recent)
	}
}

func TestPermission(t *testing.T) {
	t.Parallel()
	if got := explain(fmt.Errorf("open: %w", unix.EACCES)); !strings.Contains(got, "CAP_DAC_READ_SEARCH") {
		t.Error(got)
	}
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	l := newLab(t)
	l.write(l.stamped(0, runLine))
	l.check(os.Chmod(l.file(), 0))
	if log := l.read(); !strings.Contains(log.Failure, "permission is denied") {
		t.Error(log.Failure)
	}
}

func TestLogsAreBoundedAndForgotten(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.write(l.stamped(0, runLine))
	var targets []Target
	for i := range 3 * maxLogs {
		targets = append(targets, Target{App: flinklog.App, Owner: model.Identity{PID: 100, StartTime: uint64(i)}, Path: logPath})
	}
	if logs := l.reader.Read(l.now, targets, nil); len(logs) != maxLogs || len(l.reader.logs) != maxLogs {
		t.Errorf("%d logs, %d followed", len(logs), len(l.reader.logs))
	}
	if logs := l.reader.Read(l.now, nil, nil); len(logs) != 0 || len(l.reader.logs) != 0 {
		t.Errorf("%d logs, %d followed", len(logs), len(l.reader.logs))
	}
}

func TestRecentIsBounded(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.write(strings.Repeat(l.stamped(0, runLine), 1000) + l.stamped(0, strings.Split(resets, "\n")[0]+strings.Repeat("x", 4*textLimit)))
	log := l.read()
	if len(log.Recent) != maxRecent+1 || len(log.Recent[maxRecent].Text) != textLimit {
		t.Errorf("%d submissions: %+v", len(log.Recent), log.Recent)
	}
}

// TestUnknownApp: a log of which no Format is known is not opened.
func TestUnknownApp(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.write(l.stamped(0, runLine))
	l.target.App = "unknown"
	if logs := l.reader.Read(l.now, []Target{l.target}, nil); len(logs) != 0 || l.reader.Share().Total != 0 {
		t.Errorf("%+v", logs)
	}
}

func BenchmarkHistory(b *testing.B) {
	proc := b.TempDir()
	name := filepath.Join(proc, "100/root", logPath)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		b.Fatal(err)
	}
	status := fmt.Sprintf("Uid:\t%[1]d\t%[1]d\n", os.Getuid())
	if err := os.WriteFile(filepath.Join(proc, "100/status"), []byte(status), 0o600); err != nil {
		b.Fatal(err)
	}
	line := "2026-11-24 03:17:44,123 INFO  org.apache.flink.runtime.checkpoint.CheckpointCoordinator [] - Completed checkpoint 1 for job 2 (3 bytes).\n"
	if err := os.WriteFile(name, []byte(strings.Repeat(line, historyLimit/len(line))), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(historyLimit)
	for b.Loop() {
		New(proc, formats()).Read(time.Now(), []Target{{App: flinklog.App, Owner: model.Identity{PID: 100}, Path: logPath}}, nil)
	}
}

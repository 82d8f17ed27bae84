package desktop

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/godbus/dbus/v5"
)

// startBus runs a real session bus, and returns its address and what ends it.
func startBus(t *testing.T, address string) (string, func()) {
	t.Helper()
	daemon, err := exec.LookPath("dbus-daemon")
	if err != nil {
		skip(t, "there is no dbus-daemon: run scripts/install-test-packages")
	}
	config := filepath.Join(t.TempDir(), "bus.conf")
	if err := os.WriteFile(config, []byte(`<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>`+address+`</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(daemon, "--nofork", "--nopidfile", "--print-address", "--config-file="+config)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	end := sync.OnceFunc(func() {
		_ = command.Process.Signal(syscall.SIGTERM) // it takes its socket away then
		_ = command.Wait()
	})
	t.Cleanup(end)
	said, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(said), end
}

// skip says it where `make test` lists what was skipped.
func skip(t *testing.T, why string) {
	t.Helper()
	if list := os.Getenv("SKIPPED"); list != "" {
		file, err := os.OpenFile(list, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		fmt.Fprintf(file, "%s: %s\n", t.Name(), why)
	}
	t.Skip(why)
}

// shownNote is what a desktop was asked to show.
type shownNote struct {
	Summary, Body string
	Actions       []string
	Urgency       byte
	Expires       int32
}

// server is the part of a desktop that shows notifications, and the portal that opens pages.
type server struct {
	conn         *dbus.Conn
	capabilities []string
	notes        chan shownNote
	opened       chan string
	last         uint32
}

// GetCapabilities, Notify and OpenURI are called over the bus.
func (s *server) GetCapabilities() ([]string, *dbus.Error) { return s.capabilities, nil }

func (s *server) Notify(_ string, _ uint32, _, summary, body string, actions []string, hints map[string]dbus.Variant, expires int32) (uint32, *dbus.Error) {
	urgency, _ := hints["urgency"].Value().(byte)
	s.notes <- shownNote{summary, body, actions, urgency, expires}
	s.last++
	return s.last, nil
}

func (s *server) OpenURI(_, address string, _ map[string]dbus.Variant) (dbus.ObjectPath, *dbus.Error) {
	s.opened <- address
	return "/request", nil
}

func startServer(t *testing.T, address string, capabilities ...string) *server {
	t.Helper()
	s := &server{capabilities: capabilities, notes: make(chan shownNote, 64), opened: make(chan string, 1)}
	var err error
	if s.conn, err = dbus.Connect(address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.conn.Close() })
	for name, path := range map[string]dbus.ObjectPath{notifications: "/org/freedesktop/Notifications", "org.freedesktop.portal.Desktop": "/org/freedesktop/portal/desktop"} {
		face := name
		if face != notifications {
			face = "org.freedesktop.portal.OpenURI"
		}
		if err := s.conn.Export(s, path, face); err != nil {
			t.Fatal(err)
		}
		if reply, err := s.conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
			t.Fatal(reply, err)
		}
	}
	return s
}

func (s *server) next(t *testing.T) shownNote {
	t.Helper()
	select {
	case n := <-s.notes:
		return n
	case <-time.After(30 * time.Second):
		t.Fatal("nothing is shown")
		return shownNote{}
	}
}

// exporter answers as the exporter does; nil stands for one that does not.
type exporter struct {
	mu    sync.Mutex
	says  *report
	asked chan struct{}
}

func (e *exporter) set(r *report) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.says = r
}

func (e *exporter) ServeHTTP(out http.ResponseWriter, request *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case e.asked <- struct{}{}:
	default:
	}
	if e.says == nil || request.URL.Path != "/api/v1/findings" {
		http.Error(out, "no", http.StatusServiceUnavailable)
		return
	}
	_ = json.NewEncoder(out).Encode(e.says)
}

// again waits until the exporter was asked twice more: what was to be shown is.
func (e *exporter) again(t *testing.T) {
	t.Helper()
	for range 2 {
		select {
		case <-e.asked:
		case <-time.After(30 * time.Second):
			t.Fatal("nobody asks")
		}
	}
}

// watching starts a watcher.
func watching(t *testing.T, bus string, now func() time.Time, warnings bool) (*exporter, string) {
	t.Helper()
	e := &exporter{says: &report{Host: "lab-pc"}, asked: make(chan struct{})}
	server := httptest.NewServer(e)
	address, err := url.Parse(server.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	w := New(Options{URL: address, Bus: bus, Every: 20 * time.Millisecond, Warnings: warnings, Now: now, Logger: log.NewNopLogger()})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
		server.Close()
	})
	return e, address.String()
}

func miner(id string) finding {
	return finding{
		ID: id, Severity: "critical", Title: "/tmp/<b>kdevtmpfsi</b> & co (pid 4711, user flink) is a miner or belongs to one",
		Suspect: &suspect{Exe: "/tmp/kdevtmpfsi", Guardian: &guardian{Exe: "/var/tmp/kinsing", Comm: "kinsing"}, Entry: &entry{App: "flink", Port: 8081}},
	}
}

// TestShown: each finding once, text stays text, and a click opens the page.
func TestShown(t *testing.T) {
	t.Parallel()
	bus, _ := startBus(t, "unix:tmpdir=/tmp")
	s := startServer(t, bus, "body", "body-markup", "actions")
	e, page := watching(t, bus, time.Now, false)
	e.set(&report{Host: "lab-pc", Findings: []finding{miner("a"), {ID: "w", Severity: "warning", Title: "a warning"}, {ID: "n", Severity: "info"}}})
	n := s.next(t)
	want := shownNote{
		"A miner runs on lab-pc",
		"/tmp/&lt;b&gt;kdevtmpfsi&lt;/b&gt; &amp; co (pid 4711, user flink) is a miner or belongs to one\nKept alive by /var/tmp/kinsing\nCame in by flink on port 8081\nWhat to do: sudo cryptojack_exporter scan",
		[]string{"default", "What to do"},
		2, 0,
	}
	if fmt.Sprint(n) != fmt.Sprint(want) {
		t.Errorf("%+v\nwant %+v", n, want)
	}
	e.again(t)
	if len(s.notes) != 0 {
		t.Errorf("it is shown again: %+v", <-s.notes)
	}
	if err := s.conn.Emit("/org/freedesktop/Notifications", notifications+".ActionInvoked", uint32(77), "default"); err != nil { // of another program
		t.Fatal(err)
	}
	if err := s.conn.Emit("/org/freedesktop/Notifications", notifications+".ActionInvoked", uint32(1), "default"); err != nil {
		t.Fatal(err)
	}
	select {
	case opened := <-s.opened:
		if opened != page {
			t.Errorf("%s was opened", opened)
		}
	case <-time.After(30 * time.Second):
		t.Error("a click opens nothing")
	}
	e.set(&report{Host: "lab-pc", Findings: []finding{miner("a"), {ID: "w", Severity: "critical", Title: "worse now"}}})
	if n := s.next(t); !strings.HasPrefix(n.Body, "worse now\n") {
		t.Errorf("%+v", n)
	}
	e.set(&report{Host: "lab-pc"})
	e.again(t)
	e.set(&report{Host: "lab-pc", Findings: []finding{miner("a")}})
	s.next(t) // it has come back
}

// TestPlainDesktop: one that knows no markup gets none, one without actions gets none; and many findings are one note.
func TestPlainDesktop(t *testing.T) {
	t.Parallel()
	bus, _ := startBus(t, "unix:tmpdir=/tmp")
	s := startServer(t, bus, "body")
	e, _ := watching(t, bus, time.Now, true)
	e.set(&report{Host: "lab-pc", Findings: []finding{{ID: "w", Severity: "warning", Title: "<a>\n\x1b \u202e"}}})
	if n := s.next(t); n.Urgency != 1 || n.Expires != -1 || len(n.Actions) != 0 || !strings.HasPrefix(n.Body, `<a>\x0a\x1b \u{202e}`+"\n") || n.Summary != "A finding on lab-pc" {
		t.Errorf("%+v", n)
	}
	many := &report{Host: "lab-pc"}
	for i := range 40 {
		many.Findings = append(many.Findings, miner(fmt.Sprint(i)))
	}
	e.set(many)
	if n := s.next(t); n.Summary != "40 findings on lab-pc" || !strings.Contains(n.Body, "and 36 more") || n.Urgency != 2 {
		t.Errorf("%+v", n)
	}
	e.again(t)
	if len(s.notes) != 0 {
		t.Errorf("%+v", <-s.notes)
	}
}

// TestReconnects: the bus, the desktop or the exporter may come later, go and come back; what nobody could show is shown then.
func TestReconnects(t *testing.T) {
	t.Parallel()
	address := "unix:path=" + filepath.Join(t.TempDir(), "bus")
	e, _ := watching(t, address, time.Now, false)
	e.set(&report{Host: "lab-pc", Findings: []finding{miner("a")}})
	e.again(t) // there is no bus
	_, end := startBus(t, address)
	e.again(t) // there is no desktop
	s := startServer(t, address, "body", "actions")
	s.next(t)
	e.again(t) // the answer has come too
	end()
	e.set(&report{Host: "lab-pc", Findings: []finding{miner("a"), miner("b")}})
	e.again(t)
	if err := os.Remove(strings.TrimPrefix(address, "unix:path=")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	startBus(t, address)
	s = startServer(t, address, "body")
	s.next(t)
	e.again(t)
	if len(s.notes) != 0 {
		t.Errorf("what was shown is shown again: %+v", <-s.notes)
	}
}

// TestSilence: whoever ends the exporter is noticed, once.
func TestSilence(t *testing.T) {
	t.Parallel()
	bus, _ := startBus(t, "unix:tmpdir=/tmp")
	s := startServer(t, bus, "body")
	var mu sync.Mutex
	now := time.Now()
	e, _ := watching(t, bus, func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}, false)
	later := func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
	}
	e.again(t)
	for range 2 {
		e.set(nil)
		e.again(t)
		later(silence / 2)
		e.again(t)
		if len(s.notes) != 0 {
			t.Fatalf("too soon: %+v", <-s.notes)
		}
		later(silence)
		if n := s.next(t); n.Summary != "cryptojack_exporter does not answer" {
			t.Errorf("%+v", n)
		}
		e.again(t)
		if len(s.notes) != 0 {
			t.Errorf("%+v", <-s.notes)
		}
		e.set(&report{Host: "lab-pc"})
		e.again(t)
	}
}

// TestAnswer: what is read of the exporter's answer is there under these names.
func TestAnswer(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../report/testdata/incident.json.golden")
	if err != nil {
		t.Fatal(err)
	}
	var found report
	if err := json.Unmarshal(content, &found); err != nil {
		t.Fatal(err)
	}
	w := New(Options{URL: &url.URL{}, Now: time.Now, Logger: log.NewNopLogger()})
	shown := ""
	for _, f := range w.fresh(&found) {
		n := noteOf(found.Host, f)
		shown += fmt.Sprintf("%t %s: %s\n", n.urgent, n.summary, n.body)
	}
	for _, want := range []string{
		"true A miner runs on worker-3: /tmp/kdevtmpfsi (pid 4711, user flink) is a miner", "Kept alive by /var/tmp/kinsing\nCame in by flink on port 8081\n", "true A finding on worker-3: ",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not shown:\n%s", want, shown)
		}
	}
}

func TestSessionBus(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ address, runtime, want string }{
		{"unix:path=/run/user/1000/bus", "", "unix:path=/run/user/1000/bus"},
		{"", "/run/user/1000", "unix:path=/run/user/1000/bus"},
		{"unixexec:path=/bin/sh;unix:abstract=/tmp/x,guid=1", "", "unix:abstract=/tmp/x,guid=1"},
		{"tcp:host=evil,port=1", "/run/user/1000", ""},
		{"", "", ""},
		{"autolaunch:", "", ""},
	} {
		got, err := SessionBus(func(name string) string {
			return map[string]string{"DBUS_SESSION_BUS_ADDRESS": test.address, "XDG_RUNTIME_DIR": test.runtime}[name]
		})
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%+v: %q, %v", test, got, err)
		}
	}
}

// FuzzNote: whatever an exporter, or what has taken its port, says: it is plain text of bounded size, and no markup.
func FuzzNote(f *testing.F) {
	f.Add("lab-pc", "<b>&amp;</b>", "\x00\xff\n<img src='x'/>", "\u202e", uint8(9))
	f.Fuzz(func(t *testing.T, host, title, exe, unit string, count uint8) {
		one := finding{ID: "a", Severity: "critical", Title: title, Suspect: &suspect{Exe: exe, Guardian: &guardian{Unit: unit, Exe: exe}, Entry: &entry{App: unit, Process: exe}}}
		all := make([]finding, int(count)+mostAtOnce+1)
		for i := range all {
			all[i] = one
		}
		for _, n := range []note{noteOf(host, one), summary(host, all)} {
			if len(n.summary)+len(n.body) > 8*maxWords || strings.ContainsAny(n.summary, "\n\x00") || strings.Count(n.body, "\n") > 8 {
				t.Errorf("%+v", n)
			}
			escaped := escapeMarkup(n.body)
			if strings.ContainsAny(escaped, `<>"'`) {
				t.Errorf("%q is markup", escaped)
			}
			if back := strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&#39;", "'", "&amp;", "&").Replace(escaped); back != n.body {
				t.Errorf("%q reads %q", escaped, back)
			}
		}
	})
}

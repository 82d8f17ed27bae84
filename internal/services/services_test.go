package services

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// lab is a sensor over sockets of the test's own. asked notes whom it asked.
type lab struct {
	*Sensor
	sockets *model.SocketSnapshot
	asked   []netip.AddrPort
	answer  model.Answer
	probing bool
	now     time.Time
}

func newLab(t *testing.T, sockets ...model.Socket) *lab {
	t.Helper()
	lan := netip.MustParseAddr("192.168.1.7")
	l := &lab{
		sockets: &model.SocketSnapshot{Sockets: sockets, Namespaces: []model.NetNamespace{{Dial: []netip.Addr{lan, netip.MustParseAddr("127.0.0.1")}}}},
		probing: true, now: time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC), answer: model.Answer{App: "flink", Auth: model.AuthNone},
	}
	l.sockets.Time = l.now
	known, err := catalogue.New()
	if err != nil {
		t.Fatal(err)
	}
	l.Sensor = New(Options{
		Proc: t.TempDir(), Catalogue: func() *catalogue.Catalogue { return known }, Probing: func() bool { return l.probing },
		Sockets: func() *model.SocketSnapshot { return l.sockets }, Interval: 5 * time.Second, Logger: log.NewNopLogger(),
		Probe: func(_ context.Context, target netip.AddrPort, _ []catalogue.Candidate) model.Answer {
			l.asked = append(l.asked, target)
			answer := l.answer
			answer.Time, answer.Asked = l.now, target
			return answer
		},
	})
	return l
}

func (l *lab) sample(t *testing.T, after time.Duration) *model.ServiceSnapshot {
	t.Helper()
	l.now = l.now.Add(after)
	if err := l.Sample(t.Context(), l.now); err != nil {
		t.Fatal(err)
	}
	return l.Snapshot()
}

func listening(address string, port uint16, app string, confidence model.Confidence) model.Socket {
	return model.Socket{
		Protocol: model.TCP, Address: address, Port: port, Scope: model.ScopeOf(netip.MustParseAddr(address)),
		App: app, Confidence: confidence, Inode: uint64(port), Owner: model.Identity{PID: 100, StartTime: uint64(port)},
	}
}

// TestAskedOnceInTenMinutes: a socket is asked at once, and then seldom; one that
// is opened again is another.
func TestAskedOnceInTenMinutes(t *testing.T) {
	t.Parallel()
	l := newLab(t, listening("0.0.0.0", 8081, "flink", model.ConfidenceEvidence))
	for range 100 {
		l.sample(t, 5*time.Second)
	}
	if len(l.asked) != 1 || l.asked[0].String() != "192.168.1.7:8081" {
		t.Errorf("asked %v: once, at an address that others use", l.asked)
	}
	if answer := l.Snapshot().Answers[l.sockets.Sockets[0].Key()]; answer.Auth != model.AuthNone || answer.Asked != l.asked[0] || answer.Time.IsZero() {
		t.Errorf("%+v", answer)
	}
	l.sample(t, probeEvery)
	if len(l.asked) != 2 {
		t.Errorf("asked %d times after ten minutes", len(l.asked))
	}
	l.sockets.Sockets[0].Inode++
	l.sample(t, time.Second)
	if len(l.asked) != 3 || len(l.Snapshot().Answers) != 1 {
		t.Errorf("asked %d times, %d answers", len(l.asked), len(l.Snapshot().Answers))
	}
	l.probing = false
	if s := l.sample(t, probeEvery); len(l.asked) != 3 || s.Probing || len(s.Answers) != 0 {
		t.Errorf("probing is off: asked %d times, %+v", len(l.asked), s)
	}
}

// TestWhoIsNotAsked: only exposed services of this host, where nobody else can answer.
func TestWhoIsNotAsked(t *testing.T) {
	t.Parallel()
	own := listening("0.0.0.0", 8081, "flink", model.ConfidencePort)
	own.OwnedByExporter = true
	udp := listening("0.0.0.0", 8081, "flink", model.ConfidenceEvidence)
	udp.Protocol = model.UDP
	elsewhere := listening("0.0.0.0", 8081, "flink", model.ConfidenceEvidence)
	elsewhere.NetNS = "4026532000"
	proxy := listening("0.0.0.0", 8081, "", "")
	proxy.OwnerExe = "/usr/sbin/nginx"
	part := listening("0.0.0.0", 41000, "flink", model.ConfidenceEvidence)
	part.InternalComponent = true
	side := listening("0.0.0.0", 41001, "flink", model.ConfidenceEvidence)
	side.Owner.StartTime = 8081 // who listens on 8081, on loopback
	l := newLab(t, own, udp, elsewhere, proxy,
		listening("10.9.9.9", 8081, "flink", model.ConfidenceEvidence), // an address that the host has not
		listening("0.0.0.0", 50505, "", ""),
		part, side, listening("127.0.0.1", 8081, "flink", model.ConfidenceEvidence),
		listening("0.0.0.0", 3306, "mysql", model.ConfidenceEvidence), // there is no harmless question
	)
	l.sample(t, 0)
	if len(l.asked) != 0 {
		t.Errorf("asked %v", l.asked)
	}
	if l.Snapshot() == nil || l.Next() != 5*time.Second {
		t.Error("nothing was published")
	}
}

func TestAddressThatTheSocketTakes(t *testing.T) {
	t.Parallel()
	v4, v6 := netip.MustParseAddr("192.168.1.7"), netip.MustParseAddr("2001:db8::7")
	both := listening("::", 8081, "flink", model.ConfidenceEvidence)
	both.DualStack = true
	for want, socket := range map[string]model.Socket{
		"192.168.1.7:8081":   listening("0.0.0.0", 8081, "flink", model.ConfidenceEvidence),
		"192.168.1.7:8082":   listening("::", 8082, "flink", model.ConfidenceEvidence),
		"[2001:db8::7]:8083": listening("2001:db8::7", 8083, "flink", model.ConfidenceEvidence),
	} {
		l := newLab(t, socket)
		l.sockets.Namespaces[0].Dial = []netip.Addr{v4, v6}
		l.sample(t, 0)
		if len(l.asked) != 1 || l.asked[0].String() != want {
			t.Errorf("asked %v, want %s", l.asked, want)
		}
	}
	unsure := listening("::", 8081, "flink", model.ConfidenceEvidence)
	for want, others := range map[int][]model.Socket{1: {unsure}, 0: {listening("0.0.0.0", 8081, "", ""), unsure}} {
		l := newLab(t, others...)
		l.sockets.Namespaces[0].Dial = []netip.Addr{v4}
		l.sockets.Sockets[0].OwnerExe = "/usr/sbin/nginx"
		if l.sample(t, 0); len(l.asked) != want {
			t.Errorf("of IPv6 with %d others on IPv4: asked %v", len(others)-1, l.asked)
		}
	}
	l := newLab(t, both)
	l.sockets.Namespaces[0].Dial = []netip.Addr{v4}
	l.sample(t, 0)
	if len(l.asked) != 1 || l.asked[0].Addr() != v4 {
		t.Errorf("a socket for both families: asked %v", l.asked)
	}
}

// TestSlowServicesAreAskedInTurn: nobody keeps the others from being asked, and
// who waits is told.
func TestSlowServicesAreAskedInTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sockets []model.Socket
		for i := range 3 {
			sockets = append(sockets, listening("0.0.0.0", uint16(8081+i), "flink", model.ConfidenceEvidence))
		}
		l := newLab(t, sockets...)
		quick := l.options.Probe
		l.options.Probe = func(ctx context.Context, target netip.AddrPort, candidates []catalogue.Candidate) model.Answer {
			time.Sleep(probeTime + time.Millisecond)
			return quick(ctx, target, candidates)
		}
		s := l.sample(t, 0)
		if len(s.Answers) != 1 || len(s.Waiting) != 2 {
			t.Fatalf("%d answers, %d wait", len(s.Answers), len(s.Waiting))
		}
		l.options.Probe = quick
		s = l.sample(t, 5*time.Second)
		if len(s.Answers) != 3 || len(s.Waiting) != 0 || len(l.asked) != 3 {
			t.Errorf("%d answers, %d wait, asked %v", len(s.Answers), len(s.Waiting), l.asked)
		}
	})
}

func TestThousandsOfSocketsAreNotAllAsked(t *testing.T) {
	t.Parallel()
	var sockets []model.Socket
	for i := range 3 * maxProbed {
		sockets = append(sockets, listening("0.0.0.0", uint16(1000+i), "flink", model.ConfidenceEvidence))
	}
	l := newLab(t, sockets...)
	if s := l.sample(t, 0); len(l.asked) != maxProbed || len(s.Answers) != len(sockets) {
		t.Errorf("asked %d, %d answers", len(l.asked), len(s.Answers))
	}
}

func TestWithoutSockets(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.sockets = nil
	if err := l.Sample(t.Context(), l.now); err != nil || l.Snapshot() != nil || l.Next() > time.Second {
		t.Errorf("%v, %v", err, l.Snapshot())
	}
}

// TestSubmissionLog follows the log of a JVM that listens, and notes who was connected
// when a jar was run.
func TestSubmissionLog(t *testing.T) {
	t.Parallel()
	rest := listening("0.0.0.0", 8081, "flink", model.ConfidenceEvidence)
	blob := listening("0.0.0.0", 40001, "flink", model.ConfidenceEvidence)
	rest.LogFile, blob.LogFile, blob.Owner = "/opt/flink.log", "/opt/flink.log", rest.Owner
	l := newLab(t, rest, blob)
	l.options.Probe = func(_ context.Context, target netip.AddrPort, _ []catalogue.Candidate) model.Answer {
		return model.Answer{OtherApp: target.Port() != 8081, Auth: model.AuthUnknown}
	}
	file := filepath.Join(l.options.Proc, "100/root/opt/flink.log")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	status := fmt.Sprintf("Uid:\t%[1]d\t%[1]d\n", os.Getuid())
	if err := os.WriteFile(filepath.Join(l.options.Proc, "100/status"), []byte(status), 0o600); err != nil {
		t.Fatal(err)
	}
	line := func() {
		text := fmt.Sprintf("%s INFO  org.apache.flink.client.ClientUtils [] - Starting program (detached: true)\n", l.now.Format("2006-01-02 15:04:05,000"))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, l.now, l.now); err != nil {
			t.Fatal(err)
		}
	}
	line()
	s := l.sample(t, 0)
	if len(s.SubmissionLogs) != 1 || len(s.SubmissionLogs[0].Recent) != 1 || s.Submissions[model.SubmissionRun] != 0 {
		t.Fatalf("%+v %v", s.SubmissionLogs, s.Submissions)
	}
	peer, elsewhere := netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("203.0.113.9")
	l.now = l.now.Add(5 * time.Second)
	l.sockets = &model.SocketSnapshot{Meta: model.Meta{Time: l.now}, Sockets: l.sockets.Sockets, Namespaces: l.sockets.Namespaces, Peers: []model.Peer{
		{Port: 8081, Remote: peer},
		{Port: 40001, Remote: elsewhere},            // answers as another service
		{NetNS: "7", Port: 8081, Remote: elsewhere}, // what listens there has no log
	}}
	line()
	s = l.sample(t, time.Second)
	last := s.SubmissionLogs[0].Recent[len(s.SubmissionLogs[0].Recent)-1]
	if s.Submissions[model.SubmissionRun] != 1 || !slices.Equal(last.Peers, []netip.Addr{peer}) {
		t.Errorf("%v %+v", s.Submissions, last)
	}
	l.sockets.Peers = nil
	l.now = l.now.Add(2 * peerSpan)
	line()
	s = l.sample(t, time.Second)
	if last := s.SubmissionLogs[0].Recent[len(s.SubmissionLogs[0].Recent)-1]; len(last.Peers) != 0 || s.Submissions[model.SubmissionRun] != 2 {
		t.Errorf("a connection of long ago: %+v %v", last, s.Submissions)
	}
}

// TestHostilePathInTheLog: who starts a process chooses the path of its log.
func TestHostilePathInTheLog(t *testing.T) {
	t.Parallel()
	socket := listening("0.0.0.0", 8081, "flink", model.ConfidenceEvidence)
	socket.LogFile = "/x\x1b[2J\nmsg=forged"
	l := newLab(t, socket)
	var out strings.Builder
	l.options.Logger = log.NewLogfmtLogger(&out)
	l.sample(t, 0)
	l.sample(t, time.Second)
	if got := out.String(); strings.Count(got, "not read") != 1 || !strings.Contains(got, `/x\\x1b[2J\\x0amsg=forged`) {
		t.Errorf("got %q, want the path escaped, once", got)
	}
}

// TestStop: when the context ends, nothing more is probed, and it is due at the next
// sample.
func TestStop(t *testing.T) {
	t.Parallel()
	l := newLab(t, listening("0.0.0.0", 8081, "flink", model.ConfidenceEvidence))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Sample(ctx, l.now); err != nil || len(l.asked) != 0 || len(l.Snapshot().Waiting) != 1 {
		t.Errorf("%v, probed %v, %+v", err, l.asked, l.Snapshot())
	}
	if l.sample(t, time.Second); len(l.asked) != 1 {
		t.Errorf("probed %v", l.asked)
	}
}

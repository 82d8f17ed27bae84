package detect

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/exposure"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
)

// listeners is a host with these sockets, all of its own, that answered thus.
type listeners struct {
	*model.Snapshot
}

func newListeners(sockets ...model.Socket) listeners {
	lan, container := netip.MustParseAddr("192.168.1.7"), netip.MustParseAddr("172.17.0.2")
	s := &model.Snapshot{
		Time: noon,
		Processes: &model.ProcessSnapshot{Processes: []*model.Process{
			process(100, func(p *model.Process) { p.Unit = "flink.service" }),
			process(500, func(p *model.Process) { p.ContainerID = "0123456789ab" }),
			process(600, func(p *model.Process) { p.Exe = "/usr/bin/docker-proxy" }),
		}},
		Sockets: &model.SocketSnapshot{Sockets: sockets, Namespaces: []model.NetNamespace{
			{Addresses: []netip.Addr{lan}, Complete: true, Dial: []netip.Addr{lan}},
			{ID: "4026532000", Addresses: []netip.Addr{container}, Complete: true, Dial: []netip.Addr{container}},
			{ID: "4026532001", Complete: true},
		}},
		Services: &model.ServiceSnapshot{Probing: true, Answers: map[model.SocketKey]model.Answer{}, Waiting: map[model.SocketKey]time.Time{}},
	}
	for i := range sockets {
		sockets[i].Inode = uint64(1000 + i)
		s.Services.Answers[sockets[i].Key()] = model.Answer{Auth: model.AuthUnknown, Failure: "it did not say."}
	}
	return listeners{s}
}

// answered has the socket of that number answer.
func (d listeners) answered(number int, answer model.Answer) listeners {
	answer.Asked = netip.MustParseAddrPort("192.168.1.7:8081")
	d.Services.Answers[d.Sockets.Sockets[number].Key()] = answer
	return d
}

func (d listeners) exposures(t *testing.T) []model.Exposure {
	t.Helper()
	catalogue, err := catalogue.New()
	if err != nil {
		t.Fatal(err)
	}
	return exposure.Find(d.Snapshot, catalogue)
}

// finding returns the one finding about an exposed service, or an empty one.
func (d listeners) finding(t *testing.T) model.Finding {
	t.Helper()
	var found []model.Finding
	for _, f := range evaluate(t, d.Snapshot, policy.Policy{}) {
		if f.Exposure != nil {
			found = append(found, f)
		}
	}
	if len(found) > 1 {
		t.Fatalf("%d services: %+v", len(found), found)
	}
	if len(found) == 0 {
		return model.Finding{}
	}
	return found[0]
}

func tcp(address string, port uint16, change func(*model.Socket)) model.Socket {
	socket := model.Socket{
		Protocol: model.TCP, Address: address, Port: port, Scope: model.ScopeOf(netip.MustParseAddr(address)),
		Owner: process(100, nil).Identity, OwnerExe: "/usr/bin/java", App: "flink", Confidence: model.ConfidenceEvidence,
	}
	if change != nil {
		change(&socket)
	}
	return socket
}

func inContainer(socket *model.Socket) {
	socket.NetNS, socket.Owner = "4026532000", process(500, nil).Identity
}

func byPort(socket *model.Socket) { socket.Confidence = model.ConfidencePort }

// TestExposedServicesAndBenignCounterparts: an open service wakes somebody, and what is nearly one does not.
func TestExposedServicesAndBenignCounterparts(t *testing.T) {
	t.Parallel()
	open := model.Answer{App: "flink", Auth: model.AuthNone, Version: "1.20.5"}
	lowered := open
	lowered.Lowered = "Submitting from the web page is switched off."
	asks := model.Answer{Auth: model.AuthRequired}
	other := model.Answer{OtherApp: true, Auth: model.AuthUnknown}
	flink := tcp("0.0.0.0", 8081, nil)
	for _, test := range []struct {
		name string
		host listeners
		want model.Severity
		says string // in title or evidence
	}{
		{"anybody may submit", newListeners(flink).answered(0, open), model.Critical, "Anybody who reaches 0.0.0.0:8081 can run programs as alice: flink 1.20.5 asks for no password"},
		{"on a public address", newListeners(tcp("203.0.113.9", 8081, nil)).answered(0, open), model.Critical, "a public address"},
		{"on a private address", newListeners(tcp("10.0.0.1", 8081, nil)).answered(0, open), model.Warning, "a private address"},
		{"submission is off", newListeners(flink).answered(0, lowered), model.Warning, "switched off"},
		{"it asks for a password", newListeners(flink).answered(0, asks), model.Info, "asks who they are"},
		{"it was asked and did not tell", newListeners(flink), model.Warning, "is not known: it did not say."},
		{"a proxy's prefix before it", newListeners(tcp("0.0.0.0", 41234, nil)).answered(0, other), model.Warning, "is flink by its program and arguments"},
		{"a port between its own parts", newListeners(tcp("0.0.0.0", 41234, nil), tcp("127.0.0.1", 8081, nil)), "", ""},
		{"its TaskManager", newListeners(tcp("0.0.0.0", 41234, func(s *model.Socket) { s.InternalComponent = true })), "", ""},
		{"only loopback", newListeners(tcp("127.0.0.1", 8081, nil)), "", ""},
		{"a namespace that has only loopback", newListeners(tcp("0.0.0.0", 8081, func(s *model.Socket) { s.NetNS = "4026532001" })), "", ""},
		{"the exporter's own", newListeners(tcp("0.0.0.0", 8081, func(s *model.Socket) { s.OwnedByExporter = true })), "", ""},
		{"by its port and its answer", newListeners(tcp("0.0.0.0", 8081, byPort)).answered(0, open), model.Critical, "answered as flink does"},
		{"what a user runs", newListeners(tcp("0.0.0.0", 8081, byPort)).answered(0, open), model.Critical, "User alice's process answers as flink 1.20.5: it was asked at 192.168.1.7:8081 and let the exporter in"},
		{"by its port alone", newListeners(tcp("0.0.0.0", 8081, byPort)), model.Info, "weak evidence"},
		{"Nexus on that port", newListeners(tcp("0.0.0.0", 8081, byPort)).answered(0, other), "", ""},
		{"something with a password on that port", newListeners(tcp("0.0.0.0", 8081, byPort)).answered(0, asks), model.Info, "8081"},
		{"another app on that port", newListeners(tcp("0.0.0.0", 8081, byPort)).answered(0, model.Answer{App: "jenkins", Auth: model.AuthRequired}), model.Info, "jenkins"},
		{"data only", newListeners(tcp("0.0.0.0", 11211, func(s *model.Socket) { s.App = "memcached" })).answered(0, model.Answer{App: "memcached", Auth: model.AuthNone}), model.Warning, "memcached on 0.0.0.0:11211 asks for no password"},
		{"ssh is everywhere", newListeners(tcp("0.0.0.0", 22, func(s *model.Socket) { s.App = "ssh" })), model.Info, "ssh"},
		{"in a container, forwarded nowhere", newListeners(tcp("0.0.0.0", 8081, inContainer)).answered(0, open), model.Warning, "No port of the host is forwarded to it"},
		{"data in a container", newListeners(tcp("0.0.0.0", 6379, func(s *model.Socket) { inContainer(s); s.App = "memcached" })).answered(0, open), model.Info, "0123456789ab"},
	} {
		f := test.host.finding(t)
		if f.Severity != test.want {
			t.Errorf("%s: %q, want %q: %+v", test.name, f.Severity, test.want, f)
		}
		if text := f.Title + "\n" + strings.Join(f.Evidence, "\n"); !strings.Contains(text, test.says) {
			t.Errorf("%s: no %q in\n%s", test.name, test.says, text)
		}
		if f.Severity != "" && (f.Exposure.Remedy == "" || !strings.Contains(strings.Join(f.Evidence, " "), "A host firewall was not read.")) {
			t.Errorf("%s: %q, %q", test.name, f.Exposure.Remedy, f.Evidence)
		}
	}
}

// TestReach: what a wildcard address leads to is said by address.
func TestReach(t *testing.T) {
	t.Parallel()
	d := newListeners(tcp("0.0.0.0", 8081, nil))
	if text := d.finding(t).Evidence[0]; !strings.Contains(text, "all addresses, which are 192.168.1.7, private") || !strings.Contains(text, "unit flink.service") {
		t.Error(text)
	}
	for i := range 9 {
		d.Sockets.Namespaces[0].Addresses = append(d.Sockets.Namespaces[0].Addresses, netip.MustParseAddr(fmt.Sprintf("203.0.113.%d", i)))
	}
	if text := d.finding(t).Evidence[0]; !strings.Contains(text, "203.0.113.0, public") || !strings.Contains(text, "and 6 more") {
		t.Error(text)
	}
	d.Sockets.Namespaces[0].Complete = false
	if text := d.finding(t).Evidence[0]; !strings.Contains(text, "all addresses of this host") {
		t.Error(text)
	}
}

// TestOneServiceForManySockets: both families, and several addresses, are one service.
func TestOneServiceForManySockets(t *testing.T) {
	t.Parallel()
	d := newListeners(tcp("0.0.0.0", 8081, nil), tcp("::", 8081, nil), tcp("10.0.0.1", 8081, nil), tcp("0.0.0.0", 8082, func(s *model.Socket) { s.Owner.PID = 7 }))
	found := d.exposures(t)
	if len(found) != 2 || !slices.Equal(found[0].Endpoints, []string{"0.0.0.0:8081", "10.0.0.1:8081", "[::]:8081"}) || found[0].Scope != model.ScopeAny {
		t.Errorf("%+v", found)
	}
	unknown := func(s *model.Socket) { s.Owner = model.Identity{} }
	if found := newListeners(tcp("0.0.0.0", 8081, unknown), tcp("10.0.0.1", 8081, unknown)).exposures(t); len(found) != 2 {
		t.Errorf("sockets of unknown owners: %+v", found)
	}
}

// TestPortsOfOwnParts: an owner that answers at an unusual port is not told again
// for the ports that only its own parts speak to.
func TestPortsOfOwnParts(t *testing.T) {
	t.Parallel()
	d := newListeners(tcp("0.0.0.0", 18081, nil), tcp("0.0.0.0", 41234, nil)).
		answered(0, model.Answer{App: "flink", Auth: model.AuthNone}).answered(1, model.Answer{OtherApp: true, Auth: model.AuthUnknown})
	if found := d.exposures(t); len(found) != 1 || found[0].Socket.Port != 18081 {
		t.Errorf("%+v", found)
	}
}

// TestPublished: a port of the host that leads to a container is what others reach.
func TestPublished(t *testing.T) {
	t.Parallel()
	open := model.Answer{App: "flink", Auth: model.AuthNone}
	proxy := tcp("0.0.0.0", 18081, func(s *model.Socket) {
		s.Owner, s.OwnerExe, s.App, s.Confidence = process(600, nil).Identity, "/usr/bin/docker-proxy", "", ""
	})
	publication := model.PortForward{
		Protocol: model.TCP, Host: netip.MustParseAddrPort("0.0.0.0:18081"), Target: netip.MustParseAddrPort("172.17.0.2:8081"),
		Via: model.ForwarderDockerProxy, Owner: proxy.Owner,
	}
	d := newListeners(proxy, tcp("0.0.0.0", 8081, inContainer)).answered(1, open)
	d.Sockets.PortForwards = []model.PortForward{publication}
	found := d.exposures(t)
	if len(found) != 1 || found[0].Forwarded != model.ForwardedYes || !slices.Equal(found[0].Endpoints, []string{"0.0.0.0:18081"}) || found[0].ContainerID != "0123456789ab" {
		t.Fatalf("%+v", found)
	}
	if f := d.finding(t); f.Severity != model.Critical || !strings.Contains(strings.Join(f.Evidence, " "), "forwards the port to 0.0.0.0:8081, by docker-proxy") {
		t.Errorf("%s %q", f.Severity, f.Evidence)
	}
	d.Sockets.PortForwards[0].Host = netip.MustParseAddrPort("127.0.0.1:18081")
	d.Sockets.Sockets[0].Address, d.Sockets.Sockets[0].Scope = "127.0.0.1", model.ScopeLoopback
	if f := d.finding(t); f.Exposure.Forwarded != model.ForwardedNo || f.Severity != model.Warning {
		t.Errorf("published on loopback: %s %+v", f.Severity, f.Exposure)
	}
	d.Sockets.PortForwards, d.Sockets.ForwardingUnknown = nil, "The rules cannot be read."
	if f := d.finding(t); f.Exposure.Forwarded != model.ForwardedUnknown || f.Severity != model.Warning || !strings.Contains(strings.Join(f.Evidence, " "), "is not known") {
		t.Errorf("rules that cannot be read: %s %q", f.Severity, f.Evidence)
	}
}

// TestWhoWaitsIsNotJudged: nothing has to be taken back when the answer comes, and
// nobody can wait for ever.
func TestWhoWaitsIsNotJudged(t *testing.T) {
	t.Parallel()
	d := newListeners(tcp("0.0.0.0", 8081, nil))
	clear(d.Services.Answers)
	if f := d.finding(t); f.Severity != "" {
		t.Errorf("a new socket: %+v", f)
	}
	key := d.Sockets.Sockets[0].Key()
	d.Services.Waiting[key] = noon.Add(-time.Second)
	if f := d.finding(t); f.Severity != "" {
		t.Errorf("one that waits: %+v", f)
	}
	d.Services.Waiting[key] = noon.Add(-2 * time.Minute)
	if f := d.finding(t); f.Severity != model.Warning {
		t.Errorf("one that waits too long: %q", f.Severity)
	}
	d.Services.Probing = false
	if f := d.finding(t); f.Severity != model.Warning || !strings.Contains(strings.Join(f.Evidence, " "), "was not tried") {
		t.Errorf("nobody is asked: %q %q", f.Severity, f.Evidence)
	}
	d.Services = nil
	if f := d.finding(t); f.Severity != model.Warning {
		t.Errorf("the sensor is off: %q", f.Severity)
	}
}

// TestJarThatBroughtIt: the log says which run was how long before the miner's tree.
func TestJarThatBroughtIt(t *testing.T) {
	t.Parallel()
	s := incident()
	flink := s.Processes.Processes[1]
	began := noon.Add(-2 * time.Hour) // of the guardian, which the service started
	s.Processes.Processes[3].Parent.Started = began
	run := func(at time.Time) model.Submission {
		return model.Submission{Event: model.SubmissionRun, Time: at, Peers: []netip.Addr{netip.MustParseAddr("198.51.100.7")}}
	}
	s.Services = &model.ServiceSnapshot{SubmissionLogs: []model.SubmissionLog{{
		App: "flink", Owner: flink.Identity, Path: "/opt/flink/log/x.log",
		Recent: []model.Submission{
			run(began.Add(-25 * time.Hour)), run(began.Add(-time.Hour)), run(began.Add(-12 * time.Second)),
			{Event: model.SubmissionFailure, Time: began.Add(-time.Second)},
			run(began.Add(time.Minute)),
		},
	}}}
	for _, f := range evaluate(t, s, policy.Policy{}) {
		switch {
		case f.Suspect != nil && f.Suspect.Process.PID == 300:
			if text := strings.Join(f.Evidence, "\n"); !strings.Contains(text, "a jar was run through REST at 2026-11-23 09:59:48 UTC, 12 s before this process tree appeared; connected to it about then: 198.51.100.7.") {
				t.Errorf("evidence:\n%s", text)
			}
			if e := f.Suspect.Entry; e.Run == nil || e.RunBefore != 12*time.Second {
				t.Errorf("%+v", e)
			}
		case f.Exposure != nil && f.Exposure.App == "flink":
			if text := strings.Join(f.Evidence, "\n"); !strings.Contains(text, "Flink's log: a jar was run through REST at") {
				t.Errorf("evidence:\n%s", text)
			}
		}
	}
	s.Services.SubmissionLogs[0].Recent = []model.Submission{run(began.Add(time.Minute))}
	for _, f := range evaluate(t, s, policy.Policy{}) {
		if f.Suspect != nil && f.Suspect.Entry != nil && f.Suspect.Entry.Run != nil {
			t.Errorf("a run after the fact: %+v", f.Suspect.Entry)
		}
	}
}

// TestTaskManagerIsFlink: what the TaskManager started came in by the JobManager's
// port, and a port that answers as something else is no Flink.
func TestTaskManagerIsFlink(t *testing.T) {
	t.Parallel()
	s := incident()
	sockets := s.Sockets.Sockets
	jobManager := process(110, nil)
	sockets[1].App, sockets[1].Confidence, sockets[1].InternalComponent = "flink", model.ConfidenceEvidence, true
	sockets[2].Owner = jobManager.Identity
	// Eve runs what answers like a Flink that lets anybody in, and writes its log: nobody
	// came in by that but to what she runs herself.
	eves := process(90, func(p *model.Process) { p.UID, p.User = 1001, "eve" })
	s.Processes.Processes = append(s.Processes.Processes, jobManager, eves)
	slices.SortFunc(s.Processes.Processes, func(a, b *model.Process) int { return a.PID - b.PID })
	fake := sockets[2]
	fake.Port, fake.Owner = 8080, eves.Identity
	s.Sockets.Sockets = append(s.Sockets.Sockets, fake)
	sockets = s.Sockets.Sockets
	for i := range sockets {
		sockets[i].Inode = uint64(i + 1)
	}
	s.Services = &model.ServiceSnapshot{Probing: true, Answers: map[model.SocketKey]model.Answer{
		sockets[1].Key():              {OtherApp: true, Auth: model.AuthUnknown},
		sockets[2].Key():              {App: "flink", Auth: model.AuthNone, Asked: netip.MustParseAddrPort("192.168.1.7:8081")},
		sockets[len(sockets)-1].Key(): {App: "flink", Auth: model.AuthNone, Asked: netip.MustParseAddrPort("192.168.1.7:8080")},
	}, SubmissionLogs: []model.SubmissionLog{{
		App: "flink", Owner: eves.Identity, Recent: []model.Submission{{Event: model.SubmissionRun, Time: noon.Add(-3 * time.Hour)}},
	}}}
	entry := func() *model.Entry {
		for _, f := range evaluate(t, s, policy.Policy{}) {
			if f.Suspect != nil && f.Suspect.Process.PID == 300 {
				return f.Suspect.Entry
			}
		}
		return nil
	}
	if e := entry(); e == nil || e.App != "flink" || e.Port != 8081 || e.PID != 100 || e.Run != nil {
		t.Errorf("%+v", e)
	}
	second := sockets[2] // another JobManager: which of the two it was is not known
	second.Port, second.Owner.PID, second.Inode = 8082, 120, 9
	s.Sockets.Sockets = append(s.Sockets.Sockets, second)
	s.Services.Answers[second.Key()] = s.Services.Answers[sockets[2].Key()]
	for range 20 {
		if e := entry(); e == nil || e.Port != 8081 {
			t.Fatalf("the port changes from one evaluation to the next: %+v", e)
		}
	}
	sockets = s.Sockets.Sockets
	sockets[1].Confidence, sockets[1].InternalComponent = model.ConfidencePort, false
	if e := entry(); e == nil || e.App != "" || e.Port != 40001 {
		t.Errorf("it answers as something else: %+v", e)
	}
}

// BenchmarkExposures looks at what somebody opened by the thousand.
func BenchmarkExposures(b *testing.B) {
	var sockets []model.Socket
	for i := range 10_000 {
		sockets = append(sockets, tcp("0.0.0.0", uint16(i), func(s *model.Socket) { s.Owner.PID = i }))
	}
	d := newListeners(sockets...)
	catalogue, err := catalogue.New()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if len(exposure.Find(d.Snapshot, catalogue)) == 0 {
			b.Fatal("no exposures")
		}
	}
}

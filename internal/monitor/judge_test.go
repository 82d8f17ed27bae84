package monitor

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/config"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/tracker"
)

// BenchmarkJudge judges a large host once more after new samples of all sensors, which show
// what those before have shown: 30,000 processes, four of them suspects, 1,000 sockets, a
// tenth of them exposed, 2,000 entries, 200 files.
func BenchmarkJudge(b *testing.B) {
	loaded, err := config.Load("")
	if err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	processes := &model.ProcessSnapshot{}
	for pid := 2; pid < 30_002; pid++ {
		p := &model.Process{
			Identity: model.Identity{PID: pid, StartTime: uint64(pid)}, Comm: "worker", Exe: fmt.Sprintf("/usr/bin/worker%d", pid%500), Argv: []string{"worker"}, UID: 1000, User: "alice",
			Cgroup: "/system.slice/worker.service", Unit: "worker.service", Origin: model.OriginSystem, Isolation: model.IsolationHost, SHA256: fmt.Sprintf("%064x", pid%500),
			Started: now.Add(-time.Hour), CPUSeconds: 10, CoresSpan: time.Minute, ExeFile: model.FileID{Dev: 1, Inode: uint64(pid % 500)},
		}
		if pid%7500 == 0 {
			p.Exe, p.Origin, p.Cores, p.SHA256 = "/tmp/x", model.OriginTemp, 1, fmt.Sprintf("%012x%052x", pid, pid)
		}
		if pid%100 == 0 {
			p.Inspection = &model.Inspection{}
		}
		processes.Processes = append(processes.Processes, p)
	}
	var sockets model.SocketSnapshot
	sockets.Namespaces = []model.NetNamespace{{Addresses: []netip.Addr{netip.MustParseAddr("192.168.1.7")}, Complete: true}}
	services := model.ServiceSnapshot{Probing: true, Answers: map[model.SocketKey]model.Answer{}}
	for i := range 1000 {
		socket := model.Socket{
			Protocol: model.TCP, Address: "0.0.0.0", Port: uint16(1 + i), Scope: model.ScopeAny, Inode: uint64(i + 1), Owner: processes.Processes[i*29].Identity, OwnerExe: "/usr/bin/worker",
		}
		if i%10 == 0 {
			socket.App, socket.Confidence = "flink", model.ConfidenceEvidence
			services.Answers[socket.Key()] = model.Answer{Auth: model.AuthRequired}
		}
		sockets.Sockets = append(sockets.Sockets, socket)
		if i < 300 {
			owner := processes.Processes[98+100*i]
			sockets.Connections = append(sockets.Connections, model.Connection{Owner: owner.Identity, Remote: netip.MustParseAddrPort("203.0.113.5:443"), Outbound: true, Since: now})
		}
	}
	persistence := &model.PersistenceSnapshot{}
	for i := range 2000 {
		persistence.Entries = append(persistence.Entries, model.PersistenceEntry{
			Kind: model.PersistenceSystemdService, Path: fmt.Sprintf("/etc/systemd/system/%d.service", i), Command: "/usr/bin/worker", Programs: []string{"/usr/bin/worker", "/usr/bin/env"},
		})
	}
	files := &model.FileSnapshot{}
	for i := range 200 {
		files.Files = append(files.Files, model.File{Path: fmt.Sprintf("/tmp/%d", i), Directory: "/tmp", Reason: model.FileELF})
	}
	j := judging{tracker: tracker.New(tracker.DefaultHold)}
	j.configure(loaded, 1)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(5 * time.Second)
		again, sampled, answered := *processes, sockets, services
		current := j.judge(&model.Snapshot{Time: now, Processes: &again, Sockets: &sampled, Services: &answered, Persistence: persistence, Files: files})
		if len(current.Active) != 4+100+32 {
			b.Fatalf("%d findings", len(current.Active))
		}
	}
}

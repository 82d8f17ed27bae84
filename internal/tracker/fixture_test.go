package tracker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/detect"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/exposure"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// process returns an innocent process; change mends it into a case.
func process(pid int, change func(*model.Process)) *model.Process {
	p := &model.Process{
		Identity: model.Identity{PID: pid, StartTime: uint64(pid)}, PPID: 1, Comm: "worker", Exe: "/usr/bin/worker",
		Argv: []string{"worker"}, UID: 1000, User: "alice", Cgroup: "/user.slice/session-1.scope", Unit: "session-1.scope",
		Origin: model.OriginSystem, Isolation: model.IsolationHost, SHA256: fmt.Sprintf("%012x%052x", pid, pid),
		Started: noon.Add(-time.Hour), CPUSeconds: 10, CoresSpan: time.Minute,
		ExeOwner: model.FileOwner{Writers: model.WritersRoot, Changed: noon.Add(-24 * time.Hour)},
	}
	if change != nil {
		change(p)
	}
	return p
}

func inTemp(exe string) func(*model.Process) {
	return func(p *model.Process) {
		p.Exe, p.Origin = exe, model.OriginTemp
		p.Comm = exe[strings.LastIndex(exe, "/")+1:]
		p.Argv = []string{exe}
	}
}

func childOf(parent *model.Process, tool model.Origin) func(*model.Process) {
	return func(p *model.Process) {
		p.PPID = parent.PID
		p.Parent = &model.Ancestor{Identity: parent.Identity, Comm: parent.Comm, Exe: parent.Exe, User: parent.User, Origin: tool, Started: parent.Started}
	}
}

func all(changes ...func(*model.Process)) func(*model.Process) {
	return func(p *model.Process) {
		for _, change := range changes {
			change(p)
		}
	}
}

func snapshotOf(processes ...*model.Process) *model.Snapshot {
	return &model.Snapshot{Time: noon, Processes: &model.ProcessSnapshot{Processes: processes, Respawns: map[string]model.Respawn{}}}
}

func evaluate(t *testing.T, s *model.Snapshot, settings policy.Policy) []model.Finding {
	t.Helper()
	catalogue, err := catalogue.New()
	if err != nil {
		t.Fatal(err)
	}
	return detect.Evaluate(s, settings, catalogue, exposure.Find(s, catalogue))
}

func busy(p *model.Process) { p.Cores = 4 }

// incident is the one that the product exists for.
func incident() *model.Snapshot {
	flink := process(100, func(p *model.Process) {
		p.Comm, p.Exe, p.User, p.Started = "java", "/usr/lib/jvm/bin/java", "flink", noon.Add(-24*time.Hour)
	})
	guardian := process(200, all(inTemp("/var/tmp/x812"), childOf(flink, model.OriginSystem), func(p *model.Process) {
		p.User, p.Cgroup, p.Unit, p.Started = "flink", "/system.slice/flink.service", "flink.service", noon.Add(-2*time.Hour)
	}))
	miner := process(300, all(inTemp("/tmp/x9f3ka"), busy, func(p *model.Process) {
		p.User, p.Cgroup, p.Unit, p.Started = "flink", "/system.slice/flink.service", "flink.service", noon.Add(-3*time.Minute)
		p.PPID, p.Parent = 200, &model.Ancestor{
			Identity: guardian.Identity, Comm: guardian.Comm, Exe: guardian.Exe, User: "flink", Origin: model.OriginTemp, Parent: guardian.Parent,
		}
	}))
	s := snapshotOf(process(1, nil), flink, guardian, miner)
	s.Processes.Respawns[miner.SHA256] = model.Respawn{
		Key: miner.SHA256, Count: 14, Recent: []time.Time{noon.Add(-3 * time.Minute)}, LastGap: 2 * time.Second, Killed: 12,
		Starters: []model.Starter{{Ancestor: model.Ancestor{Identity: guardian.Identity, Exe: guardian.Exe}, Count: 15}},
	}
	s.Sockets = &model.SocketSnapshot{Sockets: []model.Socket{
		{Protocol: model.TCP, Address: "127.0.0.1", Port: 6123, Scope: model.ScopeLoopback, Owner: flink.Identity},
		{Protocol: model.TCP, Address: "0.0.0.0", Port: 40001, Scope: model.ScopeAny, Owner: flink.Identity},
		{Protocol: model.TCP, Address: "0.0.0.0", Port: 8081, Scope: model.ScopeAny, Owner: flink.Identity, OwnerExe: flink.Exe, App: "flink", Confidence: model.ConfidenceEvidence},
	}}
	return s
}

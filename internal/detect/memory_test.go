package detect

import (
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
)

// idleInMemory is a program in memory that has done nothing for an hour.
func idleInMemory(p *model.Process) {
	p.Comm, p.Exe, p.Origin = "agent", "/memfd:agent", model.OriginMemfd
}

func severityOf(t *testing.T, s *model.Snapshot, pid int) (model.Severity, *model.Suspect) {
	t.Helper()
	for _, f := range evaluate(t, s, policy.Policy{}) {
		if f.Suspect != nil && f.Suspect.Process.PID == pid {
			return f.Severity, f.Suspect
		}
	}
	t.Fatalf("pid %d was not found", pid)
	return "", nil
}

// TestIdleKeeperInMemory: being idle excuses nobody who starts a miner.
func TestIdleKeeperInMemory(t *testing.T) {
	t.Parallel()
	guardian := process(20, idleInMemory)
	miner := process(30, all(inTemp("/tmp/kdevtmpfsi"), busy, childOf(guardian, model.OriginMemfd)))
	s := snapshotOf(guardian, miner)
	if severity, _ := severityOf(t, s, 20); severity != model.Critical {
		t.Errorf("the guardian is %s", severity)
	}
	if _, suspect := severityOf(t, s, 30); suspect.Guardian == nil || suspect.Guardian.PID != 20 {
		t.Errorf("guardian %+v", suspect.Guardian)
	}
}

// TestAgentAboveTheEntryIsNoGuardian is the benign counterpart: the agent started the service
// that the miner came in by, and shares the cgroup with both.
func TestAgentAboveTheEntryIsNoGuardian(t *testing.T) {
	t.Parallel()
	agent := process(20, idleInMemory)
	service := process(25, func(p *model.Process) {
		p.Exe = "/usr/bin/java"
		p.Parent = &model.Ancestor{Identity: agent.Identity, Exe: agent.Exe, Origin: agent.Origin}
	})
	miner := process(30, func(p *model.Process) {
		inTemp("/tmp/kdevtmpfsi")(p)
		p.Parent = &model.Ancestor{Identity: service.Identity, Exe: service.Exe, Origin: service.Origin, Parent: service.Parent}
		p.Started = noon
	})
	s := snapshotOf(agent, service, miner)
	s.Sockets = &model.SocketSnapshot{Sockets: []model.Socket{{
		Protocol: model.TCP, Address: "0.0.0.0", Port: 8081, Scope: model.ScopeAny, Owner: service.Identity,
		OwnerExe: service.Exe, App: "flink", Confidence: model.ConfidenceEvidence,
	}}}
	if severity, _ := severityOf(t, s, 20); severity != model.Info {
		t.Errorf("the agent is %s", severity)
	}
	if _, suspect := severityOf(t, s, 30); suspect.Guardian != nil || suspect.Entry == nil || suspect.Entry.PID != 25 {
		t.Errorf("guardian %+v, entry %+v", suspect.Guardian, suspect.Entry)
	}
}

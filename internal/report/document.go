package report

import (
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

func newDocument(r *Report) document {
	d := document{
		SchemaVersion: schemaVersion, Verdict: r.verdict(), ExitCode: ExitCode(*r),
		Host: text.Escape(r.Hostname), Version: text.Escape(r.Version), Time: fit(r.Now), WatchedSeconds: r.Watched.Seconds(),
		Findings: []jsonFinding{}, Plan: []jsonStep{}, Blind: r.blindness(),
	}
	for _, finding := range r.pick(func(*host.Finding) bool { return true }) {
		d.Findings = append(d.Findings, newJSONFinding(r, finding))
	}
	for _, step := range Plan(*r) {
		d.Plan = append(d.Plan, jsonStep(step))
	}
	return d
}

func newJSONFinding(r *Report, f *host.Finding) jsonFinding {
	out := jsonFinding{
		ID: text.Escape(f.ID), Rule: f.Rule, Severity: string(f.Severity), Technique: f.Technique,
		Title: text.Escape(f.Title), Evidence: escapeAll(f.Evidence), Remedy: escapeAll(f.Remedy),
		Exempted: text.Escape(f.Exempted), FirstSeen: fit(f.FirstSeen), LastSeen: fit(f.LastSeen),
	}
	if f.Suspect != nil {
		out.Suspect = newJSONSuspect(r, f.Suspect)
	}
	if file := f.File; file != nil {
		out.File = &jsonFile{
			Path: text.Escape(file.Path), Directory: text.Escape(file.Directory), Reason: string(file.Reason),
			User: text.Escape(file.User), SHA256: file.SHA256, Modified: fit(file.Modified), SizeBytes: file.SizeBytes,
		}
	}
	if socket := f.Socket; socket != nil {
		out.Socket = &jsonSocket{
			Protocol: string(socket.Protocol), Address: socket.Address, Port: socket.Port, Scope: string(socket.Scope),
			App: text.Escape(socket.App), Confidence: string(socket.Confidence), PID: socket.Owner.PID,
			Process: text.Escape(socketOwner(socket)),
		}
	}
	return out
}

func newJSONSuspect(r *Report, s *host.Suspect) *jsonSuspect {
	p := &s.Process
	out := &jsonSuspect{
		ID: s.ID, PIDs: append([]int{}, s.PIDs...), Instances: s.Instances, Running: s.Running,
		Comm: text.Escape(p.Comm), Exe: text.Escape(p.Exe), ExeDeleted: p.ExeDeleted, Argv: escapeAll(p.Argv),
		User: text.Escape(p.User), UID: p.UID, Unit: text.Escape(p.Unit), Container: text.Escape(p.Container), Cgroup: text.Escape(p.Cgroup),
		Origin: string(p.Origin), Namespace: string(p.Namespace), SHA256: p.SHA256, Started: fit(p.Started),
		Cores: r.cores(s), CPUSeconds: finite(s.CPUSeconds), RSSBytes: p.RSSBytes, Respawns: s.Respawns,
		Ancestors: make([]jsonAncestor, 0, len(p.Ancestors)),
	}
	for i := range p.Ancestors {
		a := &p.Ancestors[i]
		out.Ancestors = append(out.Ancestors, jsonAncestor{
			PID: a.PID, Comm: text.Escape(a.Comm), Exe: text.Escape(a.Exe), User: text.Escape(a.User), Started: fit(a.Started), Alive: a.Alive,
		})
	}
	if g := s.Guardian; g != nil {
		out.Guardian = &jsonGuardian{
			Relation: string(g.Relation), PID: g.PID, Comm: text.Escape(g.Comm), Exe: text.Escape(g.Exe),
			User: text.Escape(g.User), Unit: text.Escape(g.Unit), Starts: g.Starts,
		}
	}
	if e := s.Entry; e != nil {
		out.Entry = &jsonEntry{
			App: text.Escape(e.App), Process: text.Escape(e.Process), PID: e.PID, Address: text.Escape(e.Address), Port: e.Port, Alive: e.Alive,
		}
	}
	return out
}

func socketOwner(s *host.Socket) string {
	if s.OwnerExe != "" {
		return s.OwnerExe
	}
	return s.OwnerComm
}

func escapeAll(list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, text.Escape(s))
	}
	return out
}

// fit makes a time fit for JSON, which has four digits for the year: the
// modification time of a file may be anything.
func fit(at time.Time) time.Time {
	at = at.UTC()
	if at.Year() < 1 || at.Year() > 9999 {
		return time.Time{}
	}
	return at
}

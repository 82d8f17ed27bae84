package history

import (
	"net/netip"
	"slices"
	"unicode/utf8"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/secrets"
)

const (
	maxText      = 512 // bytes of one text; an ID is kept whole
	maxEvidence  = 8   // sentences
	maxSignals   = 8
	maxAncestors = 8
	maxArguments = 8
	maxPeers     = 8
	overhead     = 1024 // bytes of what is no text
)

// compact is what is kept of a finding that is over: who it was, where it lay, who kept it alive and how it came in. It shares
// nothing that is large with the finding, whose process would stay in memory else.
func compact(f *model.Finding) model.Finding {
	out := model.Finding{
		ID: f.ID, Rule: f.Rule, Severity: f.Severity, Technique: f.Technique, Title: cut(f.Title), Evidence: cutAll(f.Evidence, maxEvidence),
		Exempted: cut(f.Exempted), Exemption: f.Exemption, MoreOfFile: f.MoreOfFile, MoreElsewhere: f.MoreElsewhere, FirstSeen: f.FirstSeen, LastSeen: f.LastSeen,
	}
	if f.Suspect != nil {
		out.Suspect = compactSuspect(f.Suspect)
	}
	if file := f.File; file != nil {
		out.File = &model.File{
			Path: cut(file.Path), Directory: cut(file.Directory), Reason: file.Reason, KnownMiner: file.KnownMiner, Hidden: file.Hidden, Container: cut(file.Container),
			User: cut(file.User), SHA256: file.SHA256, Modified: file.Modified, SizeBytes: file.SizeBytes,
		}
	}
	if e := f.Exposure; e != nil {
		s := &e.Socket
		out.Exposure = &model.Exposure{
			App: e.App, Confidence: e.Confidence, Scope: e.Scope, Endpoints: cutAll(e.Endpoints, maxPeers), Forwarded: e.Forwarded, Auth: e.Auth, RunsCode: e.RunsCode, Common: e.Common,
			Unit: cut(e.Unit), ContainerID: cut(e.ContainerID), Container: e.Container,
			Socket: model.Socket{
				Protocol: s.Protocol, Address: s.Address, Port: s.Port, Scope: s.Scope, NetNS: s.NetNS, Owner: s.Owner, OwnerComm: cut(s.OwnerComm), OwnerExe: cut(s.OwnerExe),
				App: s.App, Confidence: s.Confidence,
			},
		}
	}
	if e := f.Persistence; e != nil {
		out.Persistence = &model.PersistenceEntry{
			Kind: e.Kind, Path: cut(e.Path), Line: e.Line, FileHash: e.FileHash, Owner: cut(e.Owner), User: cut(e.User), Unit: cut(e.Unit), Starts: cut(e.Starts),
			Command: cut(e.Command), Reason: e.Reason, Evidence: cut(e.Evidence), Decoded: cut(e.Decoded),
		}
	}
	return out
}

func compactSuspect(s *model.Suspect) *model.Suspect {
	p := &s.Process
	out := &model.Suspect{
		ID: s.ID, Package: s.Package, Respawns: s.Respawns, CPUSeconds: s.CPUSeconds,
		Process: model.Process{
			Identity: p.Identity, Comm: cut(p.Comm), Exe: cut(p.Exe), ExeDeleted: p.ExeDeleted, Argv: cutAll(secrets.Arguments(p.Argv), maxArguments), UID: p.UID, User: cut(p.User),
			Cgroup: cut(p.Cgroup), Unit: cut(p.Unit), ContainerID: cut(p.ContainerID), Container: p.Container, Origin: p.Origin, Isolation: p.Isolation,
			SHA256: p.SHA256, Started: p.Started,
		},
	}
	for i := range p.Ancestors[:min(len(p.Ancestors), maxAncestors)] {
		a := &p.Ancestors[i]
		out.Process.Ancestors = append(out.Process.Ancestors, model.Ancestor{
			Identity: a.Identity, Comm: cut(a.Comm), Exe: cut(a.Exe), User: cut(a.User), Origin: a.Origin, Started: a.Started,
		})
	}
	for _, signal := range s.Signals[:min(len(s.Signals), maxSignals)] {
		signal.Evidence = cut(signal.Evidence)
		out.Signals = append(out.Signals, signal)
	}
	if g := s.Guardian; g != nil {
		guardian := *g
		guardian.Comm, guardian.Exe, guardian.User, guardian.Unit, guardian.Path = cut(g.Comm), cut(g.Exe), cut(g.User), cut(g.Unit), cut(g.Path)
		out.Guardian = &guardian
	}
	if e := s.Entry; e != nil {
		entry := *e
		entry.App, entry.Process, entry.Address, entry.Run = cut(e.App), cut(e.Process), cut(e.Address), nil
		if e.Run != nil {
			run := *e.Run
			run.Text, run.Peers = cut(run.Text), append([]netip.Addr(nil), run.Peers[:min(len(run.Peers), maxPeers)]...)
			entry.Run = &run
		}
		out.Entry = &entry
	}
	return out
}

// cut shortens a text on a character.
func cut(s string) string {
	const mark = "..."
	if len(s) <= maxText {
		return s
	}
	end := maxText - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}

func cutAll(list []string, most int) []string {
	out := slices.Clone(list[:min(len(list), most)])
	for i := range out {
		out[i] = cut(out[i])
	}
	return out
}

// sizeOf is about how many bytes a finding takes that was made by compact.
func sizeOf(f *model.Finding) int {
	size := overhead + len(f.ID) + len(f.Title) + len(f.Exempted)
	add := func(list ...string) {
		for _, s := range list {
			size += len(s)
		}
	}
	add(f.Evidence...)
	if s := f.Suspect; s != nil {
		p := &s.Process
		add(p.Argv...)
		add(p.Comm, p.Exe, p.User, p.Cgroup, p.Unit)
		for i := range p.Ancestors {
			size += overhead / 8
			add(p.Ancestors[i].Comm, p.Ancestors[i].Exe, p.Ancestors[i].User)
		}
		for i := range s.Signals {
			add(s.Signals[i].Evidence)
		}
		if g := s.Guardian; g != nil {
			add(g.Comm, g.Exe, g.User, g.Unit, g.Path)
		}
	}
	if e := f.Persistence; e != nil {
		add(e.Path, e.Command, e.Evidence, e.Decoded)
	}
	if e := f.File; e != nil {
		add(e.Path, e.Directory, e.User)
	}
	if e := f.Exposure; e != nil {
		add(e.Endpoints...)
	}
	return size
}

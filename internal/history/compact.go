package history

import (
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/secrets"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

const (
	maxText      = 512 // bytes of one text; an ID is kept whole
	maxEvidence  = 8   // sentences
	maxSignals   = 8
	maxAncestors = 8
	maxArguments = 8
	maxPeers     = 8
	overhead     = 1024 // bytes of what is no text
	maxID        = 16 << 10
	maxCount     = 1 << 40
	maxSeconds   = 1e12
)

// Compact is what is kept of a finding that is over: who it was, where it lay, who kept it alive and how it came in. It shares
// nothing that is large with the finding, whose process would stay in memory else. Its texts are escaped and its numbers finite, so
// that it can be written as JSON and read back; what was read back and may be forged is given to it too.
func Compact(f *model.Finding) model.Finding {
	out := model.Finding{
		ID: identifier(f.ID), Rule: cut(f.Rule), Severity: cut(f.Severity), Technique: cut(f.Technique), Title: cut(f.Title), Evidence: cutAll(f.Evidence, maxEvidence),
		Exempted: cut(f.Exempted), Exemption: cut(f.Exemption), MoreOfFile: max(0, f.MoreOfFile), MoreElsewhere: max(0, f.MoreElsewhere), FirstSeen: moment(f.FirstSeen), LastSeen: moment(f.LastSeen),
	}
	if f.Suspect != nil {
		out.Suspect = compactSuspect(f.Suspect)
	}
	if file := f.File; file != nil {
		out.File = &model.File{
			Path: cut(file.Path), Directory: cut(file.Directory), Reason: cut(file.Reason), KnownMiner: file.KnownMiner, Hidden: file.Hidden, Container: cut(file.Container),
			User: cut(file.User), SHA256: cut(file.SHA256), Modified: moment(file.Modified), SizeBytes: file.SizeBytes,
		}
	}
	if e := f.Exposure; e != nil {
		s := &e.Socket
		out.Exposure = &model.Exposure{
			App: cut(e.App), Confidence: cut(e.Confidence), Scope: cut(e.Scope), Endpoints: cutAll(e.Endpoints, maxPeers), Forwarded: cut(e.Forwarded), Auth: cut(e.Auth), RunsCode: e.RunsCode, Common: e.Common,
			Unit: cut(e.Unit), ContainerID: cut(e.ContainerID), Container: compactContainer(e.Container),
			Socket: model.Socket{
				Protocol: cut(s.Protocol), Address: cut(s.Address), Port: s.Port, Scope: cut(s.Scope), NetNS: cut(s.NetNS), Owner: s.Owner, OwnerComm: cut(s.OwnerComm), OwnerExe: cut(s.OwnerExe),
				App: cut(s.App), Confidence: cut(s.Confidence),
			},
		}
	}
	if e := f.Persistence; e != nil {
		out.Persistence = &model.PersistenceEntry{
			Kind: cut(e.Kind), Path: cut(e.Path), Line: e.Line, FileHash: cut(e.FileHash), Owner: cut(e.Owner), User: cut(e.User), Unit: cut(e.Unit), Starts: cut(e.Starts),
			Command: cut(e.Command), Reason: cut(e.Reason), Evidence: cut(e.Evidence), Decoded: cut(e.Decoded),
		}
	}
	return out
}

func compactSuspect(s *model.Suspect) *model.Suspect {
	p := &s.Process
	out := &model.Suspect{
		ID: cut(s.ID), Respawns: min(s.Respawns+s.RespawnsBefore, maxCount), CPUSeconds: seconds(s.CPUSeconds),
		Package: model.PackageFact{State: cut(s.Package.State), Manager: cut(s.Package.Manager), Name: cut(s.Package.Name), Why: cut(s.Package.Why)},
		Process: model.Process{
			Identity: p.Identity, Comm: cut(p.Comm), Exe: cut(p.Exe), ExeDeleted: p.ExeDeleted, Argv: cutAll(secrets.Arguments(p.Argv), maxArguments), UID: p.UID, User: cut(p.User),
			Cgroup: cut(p.Cgroup), Unit: cut(p.Unit), ContainerID: cut(p.ContainerID), Container: compactContainer(p.Container), Origin: cut(p.Origin), Isolation: cut(p.Isolation),
			SHA256: cut(p.SHA256), Started: moment(p.Started),
		},
	}
	for i := range p.Ancestors[:min(len(p.Ancestors), maxAncestors)] {
		a := &p.Ancestors[i]
		out.Process.Ancestors = append(out.Process.Ancestors, model.Ancestor{
			Identity: a.Identity, Comm: cut(a.Comm), Exe: cut(a.Exe), User: cut(a.User), Origin: cut(a.Origin), Started: moment(a.Started),
		})
	}
	for _, signal := range s.Signals[:min(len(s.Signals), maxSignals)] {
		out.Signals = append(out.Signals, model.Signal{
			Rule: cut(signal.Rule), Family: cut(signal.Family), Technique: cut(signal.Technique), Evidence: cut(signal.Evidence), Weak: signal.Weak,
		})
	}
	if g := s.Guardian; g != nil {
		out.Guardian = &model.Guardian{
			Relation: cut(g.Relation), PID: g.PID, Comm: cut(g.Comm), Exe: cut(g.Exe), Origin: cut(g.Origin), User: cut(g.User), Unit: cut(g.Unit), Path: cut(g.Path),
			Line: g.Line, Starts: g.Starts,
		}
	}
	if e := s.Entry; e != nil {
		out.Entry = &model.Entry{App: cut(e.App), Process: cut(e.Process), PID: e.PID, Address: cut(e.Address), Port: e.Port, Alive: e.Alive, RunBefore: e.RunBefore}
		if run := e.Run; run != nil {
			out.Entry.Run = &model.Submission{
				Event: cut(run.Event), Time: moment(run.Time), Text: cut(run.Text), Peers: slices.Clone(run.Peers[:min(len(run.Peers), maxPeers)]),
			}
		}
	}
	return out
}

func compactContainer(c *model.Container) *model.Container {
	if c == nil {
		return nil
	}
	return &model.Container{
		ID: cut(c.ID), Runtime: cut(c.Runtime), Name: cut(c.Name), Image: cut(c.Image), Project: cut(c.Project), Service: cut(c.Service),
		KubeNamespace: cut(c.KubeNamespace), KubePod: cut(c.KubePod), HostRuntime: c.HostRuntime, Owner: c.Owner,
	}
}

// identifier is a finding's ID as it is kept: it may hold a path, and is compared, so that it is not cut where a path may end.
func identifier(id string) string {
	id = text.Escape(id)
	return id[:min(len(id), maxID)]
}

// moment is a time that JSON can hold, in years of four digits, and zero for any other.
func moment(at time.Time) time.Time {
	if at = at.UTC(); at.Year() < 1 || at.Year() > 9999 {
		return time.Time{}
	}
	return at
}

// seconds is a number of them that JSON can hold, and that is none of an attacker's who writes the file.
func seconds(s float64) float64 {
	if math.IsNaN(s) {
		return 0
	}
	return min(max(s, 0), maxSeconds)
}

// cut escapes a text, and shortens it on a character.
func cut[T ~string](raw T) T {
	s := text.Escape(string(raw))
	const mark = "..."
	if len(s) <= maxText {
		return T(s)
	}
	end := maxText - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return T(s[:end] + mark)
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

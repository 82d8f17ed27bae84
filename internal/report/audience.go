package report

import (
	"maps"
	"path"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// Audience is who a report is for.
type Audience int

// The audiences.
const (
	// Public is anybody who reaches the exporter. He is told what /metrics tells too: which
	// findings there are, about which program, file, entry or service. It is the zero value,
	// so that nobody is told more by an oversight.
	Public Audience = iota
	// Full is whoever may read command lines and lines of files, and what to do.
	Full
)

// String is the audience as the JSON names it.
func (a Audience) String() string {
	if a == Full {
		return "full"
	}
	return "public"
}

// withheld tells the public what is left out.
const withheld = "Not shown here: command lines, lines of files, the evidence in full, and what to do. They are shown on the host itself, at localhost, " +
	"by `cryptojack_exporter scan`, and to whoever signs in where --web.config.file asks for passwords or certificates."

// forAudience leaves out what the audience is not told.
func (r Report) forAudience() Report {
	if r.Audience == Full {
		return r
	}
	return r.public()
}

// public makes a report that holds only what is named here: what is added to the model
// later is not told to anybody before somebody adds it here too.
func (r Report) public() Report {
	out := Report{
		Audience: Public, Hostname: r.Hostname, Version: r.Version, Now: r.Now, Watched: r.Watched, Blind: r.Blind,
		Snapshot: model.Snapshot{Time: r.Snapshot.Time},
	}
	if s := r.Snapshot.Processes; s != nil {
		out.Snapshot.Processes = &model.ProcessSnapshot{Meta: s.Meta, CPUs: s.CPUs, Processes: s.Processes, Sources: s.Sources} // counted, and asked for their cores
	}
	if s := r.Snapshot.Files; s != nil {
		files := &model.FileSnapshot{Meta: s.Meta, Directories: s.Directories, Watching: s.Watching, Truncated: maps.Clone(s.Truncated)}
		for i := range s.Files {
			files.Files = append(files.Files, *publicFile(&s.Files[i]))
		}
		out.Snapshot.Files = files
	}
	if s := r.Snapshot.Sockets; s != nil {
		sockets := &model.SocketSnapshot{Meta: s.Meta, Sockets: s.Sockets} // counted
		if s.ForwardingUnknown != "" {
			sockets.ForwardingUnknown = "Some forwarding of ports could not be read."
		}
		out.Snapshot.Sockets = sockets
	}
	if s := r.Snapshot.Services; s != nil {
		out.Snapshot.Services = &model.ServiceSnapshot{Meta: s.Meta, Probing: s.Probing, Answers: s.Answers} // counted
	}
	if s := r.Snapshot.Persistence; s != nil {
		out.Snapshot.Persistence = &model.PersistenceSnapshot{Meta: s.Meta, Counts: s.Counts}
	}
	if s := r.Snapshot.Self; s != nil {
		out.Snapshot.Self = &model.SelfSnapshot{Meta: s.Meta, Contained: s.Contained, Gaps: s.Gaps, LastGaps: s.LastGaps}
	}
	if r.HistoryNote != "" {
		out.HistoryNote = "Not all that was known before the last start is there, or is kept: the exporter's log says why."
	}
	for _, ended := range r.History {
		ended.Finding = publicFinding(&ended.Finding)
		out.History = append(out.History, ended)
	}
	if r.Findings == nil {
		return out
	}
	out.Findings = &model.Findings{Time: r.Findings.Time}
	for i := range r.Findings.Active {
		out.Findings.Active = append(out.Findings.Active, publicFinding(&r.Findings.Active[i]))
	}
	for i := range r.Findings.Exposures {
		out.Findings.Exposures = append(out.Findings.Exposures, *publicExposure(&r.Findings.Exposures[i]))
	}
	return out
}

func publicFinding(f *model.Finding) model.Finding {
	out := model.Finding{
		ID: f.ID, Rule: f.Rule, Severity: f.Severity, Technique: f.Technique, Exemption: f.Exemption, FirstSeen: f.FirstSeen, LastSeen: f.LastSeen,
	}
	meaning := rules.Meaning(f.Rule)
	switch {
	case f.Suspect != nil && f.Severity == model.Info: // what people run is nobody's business
		out.Title = "A program " + meaning
	case f.Suspect != nil:
		out.Title, out.Suspect = f.Title, publicSuspect(f.Suspect)
		for _, signal := range out.Suspect.Signals {
			out.Evidence = appendNew(out.Evidence, signal.Evidence)
		}
	case f.File != nil:
		out.Title, out.File = f.Title, publicFile(f.File)
	case f.Exposure != nil:
		out.Title, out.Exposure = f.Title, publicExposure(f.Exposure)
	case f.Persistence != nil:
		e := f.Persistence
		out.Title, out.MoreOfFile, out.MoreElsewhere = f.Title, f.MoreOfFile, f.MoreElsewhere
		out.Persistence = &model.PersistenceEntry{Kind: e.Kind, Path: e.Path, Line: e.Line, Owner: e.Owner, User: e.User, Unit: e.Unit, Reason: e.Reason}
	default:
		out.Title = capital(meaning)
	}
	return out
}

func publicSuspect(s *model.Suspect) *model.Suspect {
	p := &s.Process
	out := &model.Suspect{
		ID: s.ID, PIDs: s.PIDs, Instances: s.Instances, Running: s.Running, Respawns: s.Respawns, RespawnsBefore: s.RespawnsBefore, CPUSeconds: s.CPUSeconds,
		Process: model.Process{
			Identity: p.Identity, Comm: p.Comm, Exe: p.Exe, ExeDeleted: p.ExeDeleted, SHA256: p.SHA256, UID: p.UID, User: p.User,
			Unit: p.Unit, ContainerID: p.ContainerID, Container: publicContainer(p.Container), Origin: p.Origin, Isolation: p.Isolation, Cores: p.Cores, CPUSeconds: p.CPUSeconds,
		},
	}
	for _, signal := range s.Signals {
		out.Signals = append(out.Signals, model.Signal{
			Rule: signal.Rule, Family: signal.Family, Technique: signal.Technique, Weak: signal.Weak, Evidence: "It " + rules.Meaning(signal.Rule) + ".",
		})
	}
	if g := s.Guardian; g != nil {
		out.Guardian = &model.Guardian{
			Relation: g.Relation, PID: g.PID, Comm: g.Comm, Exe: g.Exe, Origin: g.Origin, User: g.User, Unit: g.Unit, Path: g.Path, Line: g.Line, Starts: g.Starts,
		}
	}
	if e := s.Entry; e != nil {
		out.Entry = &model.Entry{App: e.App, Process: e.Process, PID: e.PID, Address: e.Address, Port: e.Port, Alive: e.Alive}
	}
	return out
}

func publicContainer(c *model.Container) *model.Container {
	if c == nil {
		return nil
	}
	return &model.Container{
		ID: c.ShortID(), Runtime: c.Runtime, Name: c.Name, Image: c.Image, KubeNamespace: c.KubeNamespace, KubePod: c.KubePod, HostRuntime: c.HostRuntime, Owner: c.Owner,
	}
}

func publicFile(f *model.File) *model.File {
	return &model.File{
		Path: f.Path, Directory: f.Directory, Container: f.Container, Reason: f.Reason, KnownMiner: f.KnownMiner, Hidden: f.Hidden, User: f.User,
		SHA256: f.SHA256, Modified: f.Modified, SizeBytes: f.SizeBytes,
	}
}

// ownerName is the base name of whoever owns a socket.
func ownerName(s *model.Socket) string {
	if s.OwnerExe != "" {
		return path.Base(s.OwnerExe)
	}
	return s.OwnerComm
}

func publicExposure(e *model.Exposure) *model.Exposure {
	s := &e.Socket
	return &model.Exposure{
		App: e.App, Confidence: e.Confidence, Scope: e.Scope, Endpoints: e.Endpoints, Forwarded: e.Forwarded, Auth: e.Auth, RunsCode: e.RunsCode, Common: e.Common,
		Socket: model.Socket{
			Protocol: s.Protocol, Address: s.Address, Port: s.Port, Scope: s.Scope, NetNS: s.NetNS, Owner: s.Owner, OwnerComm: ownerName(s),
			App: s.App, Confidence: s.Confidence,
		},
	}
}

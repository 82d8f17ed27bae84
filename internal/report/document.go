package report

import (
	"fmt"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/secrets"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

const (
	maxArgumentBytes = 4096
	maxFindings      = 1024 // of the JSON: the worst; the others are counted
)

func newDocument(r *Report) document {
	d := document{
		SchemaVersion: schemaVersion, Audience: r.Audience.String(), Verdict: r.verdict(), ExitCode: ExitCode(*r),
		Host: text.Escape(r.Hostname), Version: text.Escape(r.Version), Time: fit(r.Now), WatchedSeconds: r.Watched.Seconds(),
		Findings: []jsonFinding{}, Files: []jsonFile{}, Exposed: []jsonExposed{}, History: newJSONHistory(r), HistoryNote: text.Escape(r.HistoryNote), Plan: []jsonStep{}, Coverage: newJSONCoverage(r), Blind: r.blindness(),
	}
	if r.Audience == Public {
		d.Withheld = withheld
	}
	for _, finding := range r.pick(func(*model.Finding) bool { return true }) {
		if len(d.Findings) == maxFindings {
			d.MoreFindings = len(r.Findings.Active) - maxFindings
			break
		}
		d.Findings = append(d.Findings, newJSONFinding(r, finding))
	}
	if s := r.Snapshot.Files; s != nil {
		for i := range s.Files {
			d.Files = append(d.Files, newJSONFile(&s.Files[i]))
		}
	}
	if r.Findings != nil {
		for i := range r.Findings.Exposures {
			d.Exposed = append(d.Exposed, newJSONExposed(&r.Findings.Exposures[i]))
		}
	}
	for _, step := range Plan(*r) {
		d.Plan = append(d.Plan, jsonStep(step))
	}
	return d
}

func newJSONHistory(r *Report) []jsonEnded {
	history := make([]jsonEnded, 0, len(r.History))
	for i := range r.History {
		ended := &r.History[i]
		finding := newJSONFinding(r, &ended.Finding)
		finding.Remedy = []string{}
		history = append(history, jsonEnded{Finding: finding, Ended: fit(ended.At), Times: ended.Times})
	}
	return history
}

func newJSONCoverage(r *Report) jsonCoverage {
	coverage := jsonCoverage{Sensors: []jsonSensor{}, Aspects: []jsonAspect{}}
	for _, sensor := range r.sensors() {
		out := jsonSensor{Sensor: sensor.Name, Overdue: sensor.overdue(r.Now)}
		if sensor.Meta != nil {
			out.LastSample, out.IntervalSeconds = fit(sensor.Meta.Time), sensor.Meta.Interval.Seconds()
		}
		coverage.Sensors = append(coverage.Sensors, out)
	}
	for _, share := range r.aspects() {
		coverage.Aspects = append(coverage.Aspects, jsonAspect{string(share.Aspect), share.Readable, share.Total})
	}
	return coverage
}

func newJSONFinding(r *Report, f *model.Finding) jsonFinding {
	out := jsonFinding{
		ID: text.Escape(f.ID), Rule: f.Rule, Severity: string(f.Severity), Technique: f.Technique,
		Title: text.Escape(f.Title), Evidence: escapeAll(f.Evidence), Remedy: r.remedy(f),
		Exempted: text.Escape(f.Exempted), Exemption: string(f.Exemption), FirstSeen: fit(f.FirstSeen), LastSeen: fit(f.LastSeen),
		Runbook: runbook(f),
	}
	if f.Suspect != nil {
		out.Suspect = newJSONSuspect(r, f.Suspect)
	}
	if f.File != nil {
		file := newJSONFile(f.File)
		out.File = &file
	}
	if entry := f.Persistence; entry != nil {
		out.MoreOfFile, out.MoreElsewhere = f.MoreOfFile, f.MoreElsewhere
		out.Persistence = &jsonPersistence{
			Kind: string(entry.Kind), Path: text.Escape(entry.Path), Line: entry.Line, Owner: text.Escape(entry.Owner), User: text.Escape(entry.User),
			Unit: text.Escape(entry.Unit), Command: text.Escape(entry.Command), Reason: string(entry.Reason),
			Decoded: text.Escape(entry.Decoded),
		}
	}
	if f.Exposure != nil {
		exposed := newJSONExposed(f.Exposure)
		out.Socket = &exposed
	}
	return out
}

func newJSONFile(f *model.File) jsonFile {
	return jsonFile{
		Path: text.Escape(f.Path), Directory: text.Escape(f.Directory), Container: text.Escape(f.Container), Reason: string(f.Reason), KnownMiner: f.KnownMiner, Hidden: f.Hidden,
		User: text.Escape(f.User), SHA256: f.SHA256, Modified: fit(f.Modified), SizeBytes: f.SizeBytes,
	}
}

func newJSONExposed(e *model.Exposure) jsonExposed {
	socket := &e.Socket
	out := jsonExposed{
		Protocol: string(socket.Protocol), Address: text.Escape(socket.Address), Port: socket.Port, Endpoints: escapeAll(e.Endpoints),
		Scope: string(e.Scope), App: text.Escape(e.App), Confidence: string(e.Confidence),
		PID: socket.Owner.PID, Process: text.Escape(socketOwner(socket)), Unit: text.Escape(e.Unit), Container: text.Escape(e.ContainerID), ContainerDetails: newJSONContainer(e.Container),
		Netns: socket.NetNS, Published: string(e.Forwarded), Auth: string(e.Auth), RunsCode: e.RunsCode,
	}
	if e.Answer != nil {
		out.Asked, out.Version, out.Failure = fit(e.Answer.Time), text.Escape(e.Answer.Version), text.Escape(e.Answer.Failure)
	}
	if e.Log != nil {
		out.SubmissionLog = &jsonSubmissionLog{Path: text.Escape(e.Log.Path), Failure: text.Escape(e.Log.Failure), Recent: []jsonSubmission{}}
		for i := range e.Log.Recent {
			out.SubmissionLog.Recent = append(out.SubmissionLog.Recent, newJSONSubmission(&e.Log.Recent[i]))
		}
	}
	return out
}

func newJSONSubmission(e *model.Submission) jsonSubmission {
	out := jsonSubmission{Event: string(e.Event), Time: fit(e.Time), Text: text.Escape(e.Text), Peers: []string{}}
	for _, peer := range e.Peers {
		out.Peers = append(out.Peers, peer.String())
	}
	return out
}

func newJSONSuspect(r *Report, s *model.Suspect) *jsonSuspect {
	p := &s.Process
	out := &jsonSuspect{
		ID: s.ID, PIDs: append([]int{}, s.PIDs...), Instances: s.Instances, Running: s.Running,
		Comm: text.Escape(p.Comm), Exe: text.Escape(p.Exe), ExeDeleted: p.ExeDeleted, Argv: arguments(p.Argv),
		User: text.Escape(p.User), UID: p.UID, Unit: text.Escape(p.Unit), Container: text.Escape(p.ContainerID), Cgroup: text.Escape(p.Cgroup),
		ContainerDetails: newJSONContainer(p.Container),
		Origin:           string(p.Origin), Namespace: string(p.Isolation), SHA256: p.SHA256, Started: fit(p.Started),
		Cores: r.cores(s), CPUSeconds: finite(s.CPUSeconds), RSSBytes: p.RSSBytes, Respawns: s.Respawns + s.RespawnsBefore,
		Package:   packageJSON(&s.Package),
		Signals:   make([]jsonSignal, 0, len(s.Signals)),
		Ancestors: make([]jsonAncestor, 0, len(p.Ancestors)),
	}
	for _, signal := range s.Signals {
		out.Signals = append(out.Signals, jsonSignal{signal.Rule, string(signal.Family), signal.Technique, text.Escape(signal.Evidence), signal.Weak})
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
			User: text.Escape(g.User), Unit: text.Escape(g.Unit), Path: text.Escape(g.Path), Line: g.Line, Starts: g.Starts,
		}
	}
	if e := s.Entry; e != nil {
		out.Entry = &jsonEntry{
			App: text.Escape(e.App), Process: text.Escape(e.Process), PID: e.PID, Address: text.Escape(e.Address), Port: e.Port, Alive: e.Alive,
			RunBeforeSeconds: e.RunBefore.Seconds(),
		}
		if e.Run != nil {
			run := newJSONSubmission(e.Run)
			out.Entry.Run = &run
		}
	}
	return out
}

// arguments are fit to be shown, and as many bytes at most as the kernel's first page of
// them: to escape makes some of them four times as long.
func arguments(argv []string) []string {
	left := maxArgumentBytes
	out := escapeAll(secrets.Arguments(argv))
	for i, argument := range out {
		if left -= len(argument); left < 0 {
			return append(out[:i], fmt.Sprintf("and %d more", len(out)-i))
		}
	}
	return out
}

func socketOwner(s *model.Socket) string {
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

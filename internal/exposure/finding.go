package exposure

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

const (
	maxReach = 4 // addresses that one sentence names
	// A jar that was run is the way in of a process tree that begins at most
	// runSpan later. The clocks of both may differ by runSlack.
	runSpan  = 24 * time.Hour
	runSlack = 2 * time.Second
)

// Finding is about one exposed service. Somebody is woken where anybody may run code
// by it; what is called by its port alone is noted: half of all proxies listen on
// 8081.
func Finding(e *model.Exposure, services *catalogue.Catalogue) model.Finding {
	where := e.Endpoints[0]
	finding := model.Finding{
		ID: fmt.Sprintf("service:%s:%s%s:%s", e.App, inNamespace(e.Socket.NetNS), e.Socket.Protocol, where), Rule: rules.ExposedService,
		Technique: "T1190", Exposure: e, Severity: exposureSeverity(e), Title: serviceTitle(e, where),
		Evidence: []string{listens(e), openness(e)},
	}
	if e.Answer != nil && e.Answer.Lowered != "" && e.Auth == model.AuthNone {
		finding.Evidence = append(finding.Evidence, e.Answer.Lowered)
	}
	finding.Evidence = append(finding.Evidence, forwarding(e))
	if e.Log != nil {
		finding.Evidence = append(finding.Evidence, logEvidence(e.Log)...)
	}
	if service, ok := services.Service(e.App); ok {
		if e.Auth != model.AuthRequired {
			finding.Evidence = append(finding.Evidence, service.Harm)
		}
	}
	return finding
}

func inNamespace(id string) string {
	if id == "" {
		return ""
	}
	return "netns " + id + ":"
}

// exposureSeverity depends on how sure it is what the service is, who gets in, and
// what he gets.
func exposureSeverity(e *model.Exposure) model.Severity {
	inside := e.ContainerID != "" && e.Forwarded == model.ForwardedNo // reached from this host and its containers only
	wide := e.Scope == model.ScopeAny || e.Scope == model.ScopePublic
	switch {
	case e.Common, e.Auth == model.AuthRequired, e.Confidence == model.ConfidencePort && e.Auth != model.AuthNone:
		return model.Info
	case e.Auth == model.AuthNone && e.RunsCode && e.Answer.Lowered == "" && wide && !inside && e.Forwarded != model.ForwardedUnknown:
		return model.Critical
	case e.Auth == model.AuthNone && (e.RunsCode || !inside):
		return model.Warning
	case inside, e.ContainerID != "" && e.Forwarded == model.ForwardedUnknown:
		return model.Info
	default:
		return model.Warning
	}
}

func serviceTitle(e *model.Exposure, where string) string {
	name := nameOf(e)
	switch {
	case e.Confidence == model.ConfidencePort && e.Auth != model.AuthNone:
		return fmt.Sprintf("Something listens on %s, the port of %s", where, e.App)
	case e.Auth == model.AuthNone && e.RunsCode && e.Answer.Lowered == "":
		return fmt.Sprintf("Anybody who reaches %s can run programs%s: %s asks for no password", where, asUser(e), name)
	case e.Auth == model.AuthNone:
		return fmt.Sprintf("%s on %s asks for no password", name, where)
	case e.Auth == model.AuthRequired:
		return fmt.Sprintf("%s on %s can be reached by others and asks who they are", name, where)
	default:
		return fmt.Sprintf("%s can be reached by other machines on %s", name, where)
	}
}

// nameOf is the app with the version that it gave.
func nameOf(e *model.Exposure) string {
	if e.Answer == nil || e.Answer.Version == "" {
		return e.App
	}
	return e.App + " " + text.Label(e.Answer.Version)
}

// listens says who listens where, and why it is called what it is called.
func listens(e *model.Exposure) string {
	socket := &e.Socket
	owner := "An unknown process"
	if socket.Owner.PID != 0 {
		owner = fmt.Sprintf("%s (pid %d%s%s)", text.Label(path.Base(socket.OwnerExe)), socket.Owner.PID, ofUser(e), where(e))
	}
	sentence := fmt.Sprintf("%s listens on %s (%s)", owner, strings.Join(e.Endpoints[:min(len(e.Endpoints), maxReach)], " and "), reach(e))
	switch e.Confidence {
	case model.ConfidenceEvidence:
		return fmt.Sprintf("%s and is %s by its program and arguments.", sentence, e.App)
	case model.ConfidenceAnswer:
		return fmt.Sprintf("%s and answered as %s does.", sentence, e.App)
	default:
		return fmt.Sprintf("%s. Only the port number speaks for %s, which is weak evidence.", sentence, e.App)
	}
}

// where names the container or unit, and the namespace, of an owner.
func where(e *model.Exposure) string {
	var words string
	switch {
	case e.Container.Known() && e.Container.KubePod != "":
		words = ", pod " + text.Label(e.Container.KubeNamespace+"/"+e.Container.KubePod)
	case e.Container.Known():
		words = ", container " + text.Label(e.Container.Name)
	case e.ContainerID != "":
		words = ", container " + text.Label(e.ContainerID)
	case e.Unit != "":
		words = ", unit " + text.Label(e.Unit)
	}
	switch {
	case e.Namespace.Name != "":
		words += ", network namespace " + text.Label(e.Namespace.Name)
	case e.Socket.NetNS != "" && e.ContainerID == "":
		words += ", network namespace " + e.Socket.NetNS
	}
	return words
}

// reach says how far the address of a service leads.
func reach(e *model.Exposure) string {
	switch e.Scope {
	case model.ScopeAny:
		if e.Forwarded == model.ForwardedYes {
			return "a port of this host that is forwarded to it"
		}
		if len(e.Reach) == 0 {
			return "all addresses of this host"
		}
		names := make([]string, 0, maxReach)
		for _, address := range e.Reach[:min(len(e.Reach), maxReach)] {
			names = append(names, fmt.Sprintf("%s, %s", address, kindOf(address)))
		}
		more := ""
		if len(e.Reach) > maxReach {
			more = fmt.Sprintf("; and %d more", len(e.Reach)-maxReach)
		}
		return "all addresses, which are " + strings.Join(names, "; ") + more
	case model.ScopePrivate:
		return "a private address"
	case model.ScopePublic:
		return "a public address"
	default:
		return "this host only"
	}
}

func kindOf(address netip.Addr) string {
	if model.ScopeOf(address) == model.ScopePublic {
		return "public"
	}
	return "private"
}

// ofUser names who runs a service: whatever it says of itself, it says as that user.
func ofUser(e *model.Exposure) string {
	if e.User == "" {
		return ""
	}
	return ", user " + text.Label(e.User)
}

// asUser is whose rights whoever gets in has. In a container they are less.
func asUser(e *model.Exposure) string {
	if e.User == "" || e.ContainerID != "" {
		return ""
	}
	return " as " + text.Label(e.User)
}

// asked says who answered: any user may run what answers like a service.
func asked(e *model.Exposure) string {
	if e.User == "" || e.User == "root" || e.ContainerID != "" {
		return fmt.Sprintf("%s was asked at %s", nameOf(e), e.Answer.Asked)
	}
	return fmt.Sprintf("User %s's process answers as %s: it was asked at %s", text.Label(e.User), nameOf(e), e.Answer.Asked)
}

// openness says whether it asks who one is, and what is not known of that.
func openness(e *model.Exposure) string {
	switch {
	case e.Auth == model.AuthNone && e.RunsCode && e.Answer.Lowered == "":
		return asked(e) + " and let the exporter in without a password: anybody can submit what it runs."
	case e.Auth == model.AuthNone:
		return asked(e) + " and let the exporter in without a password."
	case e.Auth == model.AuthRequired:
		return asked(e) + " and wants to know who one is."
	case e.Answer != nil && e.Answer.Failure != "":
		return "Whether it asks for a password is not known: " + e.Answer.Failure
	default:
		return "Whether it asks for a password was not tried."
	}
}

// forwarding says what stands between it and others, as far as that was seen.
func forwarding(e *model.Exposure) string {
	const firewall = "A host firewall was not read."
	switch e.Forwarded {
	case model.ForwardedYes:
		names := make([]string, 0, len(e.Forwarders))
		for _, forwarder := range e.Forwarders {
			names = append(names, string(forwarder))
		}
		return fmt.Sprintf("The host forwards the port to %s, by %s. %s", endpoint(e.Socket.Address, e.Socket.Port), strings.Join(names, " and "), firewall)
	case model.ForwardedNo:
		return "No port of the host is forwarded to it: it is reached from where its own addresses are. " + firewall
	case model.ForwardedUnknown:
		return "Whether a port of the host is forwarded to it is not known. " + firewall
	default:
		return firewall
	}
}

// logEvidence says what was last submitted to a service.
func logEvidence(log *model.SubmissionLog) []string {
	var evidence []string
	title := logTitle(log.App)
	if log.Failure != "" {
		evidence = append(evidence, fmt.Sprintf("%s %s is not read: %s", title, text.Label(log.Path), log.Failure))
	}
	last := map[model.SubmissionEvent]*model.Submission{}
	for i := range log.Recent {
		last[log.Recent[i].Event] = &log.Recent[i]
	}
	for _, event := range model.SubmissionEvents() {
		if entry := last[event]; entry != nil {
			evidence = append(evidence, fmt.Sprintf("%s: %s at %s%s.", title, does(event), stamp(entry), from(entry)))
		}
	}
	return evidence
}

// logTitle calls a log by its service: "Flink's log".
func logTitle(app string) string {
	return strings.ToUpper(app[:min(1, len(app))]) + app[min(1, len(app)):] + "'s log"
}

func does(event model.SubmissionEvent) string {
	switch event {
	case model.SubmissionUpload:
		return "a jar was uploaded"
	case model.SubmissionRun:
		return "a jar was run through REST"
	default:
		return "a request through REST failed"
	}
}

func stamp(entry *model.Submission) string { return entry.Time.UTC().Format("2006-01-02 15:04:05 UTC") }

// from names who was connected about then.
func from(entry *model.Submission) string {
	if len(entry.Peers) == 0 {
		return ""
	}
	names := make([]string, 0, len(entry.Peers))
	for _, peer := range entry.Peers {
		names = append(names, peer.String())
	}
	return "; connected to it about then: " + strings.Join(names, ", ")
}

// LastRunBefore is what was last submitted and run before the process tree below a
// service began, and how long before, by the logs that are of that service.
func LastRunBefore(s *model.ServiceSnapshot, p *model.Process, entry model.Identity, isOfService func(*model.SubmissionLog) bool) (run *model.Submission, before time.Duration) {
	if s == nil {
		return nil, 0
	}
	began := p.Started
	for a := p.Parent; a != nil && a.Identity != entry; a = a.Parent {
		began = a.Started
	}
	for i := range s.SubmissionLogs {
		if !isOfService(&s.SubmissionLogs[i]) {
			continue
		}
		for j := range s.SubmissionLogs[i].Recent {
			entry := &s.SubmissionLogs[i].Recent[j]
			gap := began.Sub(entry.Time)
			if entry.Event == model.SubmissionRun && gap > -runSlack && gap < runSpan && (run == nil || gap < before) {
				run, before = entry, gap
			}
		}
	}
	return run, max(0, before)
}

// Arrival says which submission brought a suspect.
func Arrival(e *model.Entry) string {
	before := "less than a second"
	if e.RunBefore >= time.Second {
		before = text.Duration(e.RunBefore)
	}
	return fmt.Sprintf("%s: %s at %s, %s before this process tree appeared%s.", logTitle(e.App), does(e.Run.Event), stamp(e.Run), before, from(e.Run))
}

func endpoint(address string, port uint16) string {
	return net.JoinHostPort(address, strconv.Itoa(int(port)))
}

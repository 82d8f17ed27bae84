package lineage

import (
	"fmt"
	"path"
	"slices"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/exposure"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// loginServices listen where others reach them and let in whom they know: people, and
// the jobs of a cluster's users.
func loginServices() []string {
	return []string{
		"sshd", "sshd-session", "dropbear", "xrdp", "xrdp-sesman", "teleport", "tailscaled",
		"slurmd", "slurmstepd", "pbs_mom", "sge_execd", "condor_master", "condor_startd", "condor_starter",
	}
}

// letsIn says whom a process that listens lets in, as far as its services are known:
// AuthNone goes before AuthUnknown, and that before AuthRequired. It is "" for a
// process that does not listen where others reach it. The exposure is that which lets
// anybody in.
func (l *Lineage) letsIn(id model.Identity) (model.Auth, *model.Exposure) {
	auth := model.Auth("")
	service := l.living(id)
	for _, socket := range l.listeners[id] {
		found := l.exposed[exposure.KeyOf(socket)]
		if found == nil && service != nil && l.app(socket) != "" {
			found = l.exposedAs(l.app(socket), service.UID) // another part of the same service takes what it runs
		}
		switch {
		case found != nil && found.Auth == model.AuthNone:
			return model.AuthNone, found
		case found != nil && found.Auth == model.AuthRequired && auth != model.AuthUnknown:
			auth = model.AuthRequired
		default:
			auth = model.AuthUnknown
		}
	}
	return auth, nil
}

// Unguarded returns the nearest ancestor by which a stranger may have come in: it
// listens where others reach it, is not known to ask for a password, and is no login
// service. A build tool itself, with the identity except, does not count.
func (l *Lineage) Unguarded(p *model.Process, except model.Identity) *model.Ancestor {
	for a := p.Parent; a != nil; a = a.Parent {
		if a.Identity == except || len(l.listeners[a.Identity]) == 0 || l.isLoginService(a) {
			continue
		}
		if auth, _ := l.letsIn(a.Identity); auth != model.AuthRequired {
			return a
		}
	}
	return nil
}

func (l *Lineage) isLoginService(a *model.Ancestor) bool {
	return slices.Contains(loginServices(), path.Base(a.Exe)) && a.Origin == model.OriginSystem
}

// OpenEntry holds for a program that burns CPU below an exposed service that lets
// anybody in, and that is neither part of the service nor installed by root (T1190).
// It is asked only of what burns.
func (l *Lineage) OpenEntry(p *model.Process) (model.Signal, bool) {
	for a := p.Parent; a != nil; a = a.Parent {
		auth, open := l.letsIn(a.Identity)
		if auth != model.AuthNone {
			continue
		}
		why := l.foreign(p, a)
		if why == "" {
			return model.Signal{}, false
		}
		return rules.Signal(rules.OpenEntry, fmt.Sprintf("It descends from %s (pid %d %s, port %d), which lets anybody in, and is not part of it: %s.",
			text.Label(open.App), a.PID, text.Label(a.Exe), open.Socket.Port, why)), true
	}
	return model.Signal{}, false
}

// foreign says why a program is neither part of a service nor installed by root, or
// "". What is not known speaks for the program.
func (l *Lineage) foreign(p *model.Process, service *model.Ancestor) string {
	owner, living := p.ExeOwner, l.living(service.Identity)
	if p.Script != "" { // whose the interpreter is says nothing
		if place.IsTemporary(p.Script) || place.IsHidden(p.Script) || place.IsInMemory(p.Script) {
			return "it runs " + text.Label(p.Script) + ", where no program is installed"
		}
		return ""
	}
	same := p.Exe == service.Exe || living != nil && living.ExeFile == p.ExeFile && p.ExeFile != model.FileID{}
	late := owner.Changed.After(service.Started) && !service.Started.IsZero()
	switch {
	case same, owner.Writers == "":
		return ""
	case p.Isolation == model.IsolationContainer, owner.Writers == model.WritersRoot && isRoot(service.User) && p.Origin != model.OriginSystem:
		// In an image all files are older than what runs; root's service may write files of root.
		if late {
			return "its file was put there after the service had started"
		}
		return ""
	case owner.Writers == model.WritersRoot:
		return ""
	case owner.Writers == model.WritersOthers:
		return "others than root may write its file"
	default:
		return fmt.Sprintf("its file belongs to user %d, not to root", owner.UID)
	}
}

func isRoot(user string) bool { return user == "root" || user == "0" }

package detect

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/programs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/secrets"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

const (
	scriptCores  = 0.5
	respawnSpan  = 30 * time.Minute
	respawnCount = 3 // without a guardian in sight: a crash loop of two is no habit
)

// knownHash holds for an executable on the user's list (T1496.001).
func knownHash(of subject) (string, strength) {
	sum := of.process.SHA256
	if sum == "" || !of.isKnown(sum) {
		return "", absent
	}
	return fmt.Sprintf("Its content (SHA-256 %s) is on the list of known miners.", sum), strong
}

// minerName holds for a process with the name of a known miner (T1496.001).
func minerName(of subject) (string, strength) {
	name, where := of.names.Miner(of.process)
	if name == "" {
		return "", absent
	}
	return fmt.Sprintf("Its %s is %s, the name of a known miner or of its guardian.", where, quote(name)), strong
}

// minerCommandLine holds for arguments that only miners take, and for a Monero
// address (T1496.001). A system tool that searches for them is left out.
func minerCommandLine(of subject) (string, strength) {
	argument, what := of.names.MinerArgument(of.process)
	if argument == "" {
		return "", absent
	}
	return fmt.Sprintf("It was started with %s, %s.", quote(secrets.Line(argument)), what), strong
}

// memfd holds for a program that was never a file (memfd_create(2), T1620).
func memfd(of subject) (string, strength) {
	if of.process.Origin != model.OriginMemfd {
		return "", absent
	}
	return "It runs from memory: " + quote(of.process.Exe) + " was never a file on a disk.", strong
}

// deleted holds for a program whose file was unlinked (T1070.004). In a home
// directory a file that came again is a rebuild or an update.
func deleted(of subject) (string, strength) {
	p := of.process
	if p.Origin != model.OriginDeleted || p.ExeReplaced && !place.IsTemporary(p.Exe) {
		return "", absent
	}
	return "Its file " + quote(p.Exe) + " was deleted after it was started.", strong
}

// program is the path of what a process really runs: the dynamic loader runs the
// program that is named to it (ld.so(8)).
func program(p *model.Process) string {
	if p.Script != "" && programs.IsLoader(path.Base(p.Exe)) {
		return p.Script
	}
	return p.Exe
}

// hiddenPath holds for a program behind a dot or among spaces (T1564.001).
func hiddenPath(of subject) (string, strength) {
	p, name := of.process, program(of.process)
	if name == "" || p.Origin == model.OriginMemfd || p.Origin == model.OriginSystem && p.Isolation == model.IsolationContainer || !place.IsHidden(name) {
		return "", absent
	}
	return "It runs from a hidden place: " + quote(name) + ".", strong
}

// runsFromTemp holds for a program in a directory that everybody may write to.
func runsFromTemp(of subject) (string, strength) {
	p, name := of.process, program(of.process)
	if name != p.Exe && (place.IsTemporary(name) || place.IsInMemory(name)) {
		return fmt.Sprintf("It runs %s, where programs are not installed, by the dynamic loader %s.", quote(name), quote(p.Exe)), strong
	}
	if p.Origin != model.OriginTemp {
		return "", absent
	}
	return "It runs from " + quote(path.Dir(p.Exe)) + ", where programs are not installed.", strong
}

// privatePath holds for a program that other processes do not find under its path: its
// own mount namespace has another file there, out of a temporary or hidden directory or
// out of memory (T1564). Containers have a file system of their own, and sandboxes
// (flatpak, snap, bwrap) show files of the host or of a home.
func privatePath(of subject) (string, strength) {
	p := of.process
	switch {
	case p.ExeSource == "":
		return "", absent
	case !strings.HasPrefix(p.ExeSource, "/"):
		return fmt.Sprintf("Only its own mount namespace has %s, in memory (%s).", quote(p.Exe), quote(p.ExeSource)), strong
	case place.IsTemporary(p.ExeSource), place.IsHidden(p.ExeSource):
		return fmt.Sprintf("Only its own mount namespace has %s: the file is %s.", quote(p.Exe), quote(p.ExeSource)), strong
	default:
		return "", absent
	}
}

// scriptFromTemp holds for an interpreter that burns CPU with a script from such
// a place (T1059): who tries something out there does not burn for long.
func scriptFromTemp(v *view) (string, strength) {
	p := v.process
	if !runsScriptFromTemp(p) {
		return "", absent
	}
	cores := v.cores(p)
	if cores < scriptCores {
		return "", absent
	}
	return fmt.Sprintf("It runs the script %s and uses %.1f cores.", quote(p.Script), cores), strong
}

func runsScriptFromTemp(p *model.Process) bool {
	return p.Script != "" && program(p) == p.Exe && (place.IsTemporary(p.Script) || place.IsHidden(p.Script) || place.IsInMemory(p.Script))
}

// respawned holds for a program from a suspicious place that came back: once
// if a guardian from such a place is known, three times in half an hour if not.
func respawned(history model.Respawn, guardian *model.Guardian, fromSuspiciousPlace bool, now time.Time) (model.Signal, bool) {
	recent := history.Within(respawnSpan, now)
	if recent == 0 || recent < respawnCount && !fromSuspiciousPlace {
		return model.Signal{}, false
	}
	evidence := fmt.Sprintf("It came back %s after it had ended", times(recent))
	if history.LastGap > 0 {
		evidence += fmt.Sprintf(", last within %s", gap(history.LastGap))
	}
	if history.Killed > 0 {
		evidence += fmt.Sprintf("; %s a signal had ended it", times(int(min(history.Killed, history.Count))))
	}
	switch {
	case guardian != nil && guardian.Starts > 1:
		evidence += fmt.Sprintf("; pid %d %s started it %s", guardian.PID, quote(guardian.Exe), times(guardian.Starts))
	case guardian != nil:
		evidence += fmt.Sprintf("; pid %d %s starts it", guardian.PID, quote(guardian.Exe))
	}
	return rules.Signal(rules.Respawn, evidence+"."), true
}

// polymorphicRespawn holds for a program that is another one each time that its guardian starts
// it again: only the content changes (T1027.001).
func polymorphicRespawn(history model.Respawn, guardian *model.Process, now time.Time) (model.Signal, bool) {
	recent := history.Within(respawnSpan, now)
	if recent < respawnCount {
		return model.Signal{}, false
	}
	return rules.Signal(rules.Respawn, fmt.Sprintf("Pid %d %s started a program of other content from the same directory %s, each after the last had ended.",
		guardian.PID, quote(guardian.Exe), times(recent))), true
}

// keepsAlive holds for a process from a suspicious place that keeps a suspect alive.
func keepsAlive(protected *model.Suspect) model.Signal {
	evidence := fmt.Sprintf("It keeps %s (pid %d) alive", quote(protected.Process.Subject()), protected.Process.PID)
	switch {
	case protected.Guardian.Starts > 0:
		evidence += fmt.Sprintf(": it started it %s", times(protected.Guardian.Starts))
	case protected.Guardian.Relation == model.RelationCgroup:
		evidence += ": both are in the cgroup " + quote(protected.Process.Cgroup)
	}
	return rules.Signal(rules.Guardian, evidence+".")
}

// quote makes hostile text fit for a sentence.
func quote(s string) string { return text.Label(s) }

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// gap is a duration that may be short.
func gap(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return text.Duration(d)
}

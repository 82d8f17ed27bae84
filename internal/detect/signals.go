package detect

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

const (
	sustainedCores = 0.8
	sustainedSpan  = 55 * time.Second // 60 s, less the jitter of the samples
	respawnSpan    = 30 * time.Minute
	respawnCount   = 3 // without a keeper in sight: a crash loop of two is no habit
)

// knownHash holds for an executable on the user's list (T1496.001).
func knownHash(p *host.Process, hashes map[string]bool) (host.Signal, bool) {
	if p.SHA256 == "" || !hashes[p.SHA256] {
		return host.Signal{}, false
	}
	return signal(RuleKnownMinerHash, fmt.Sprintf("Its content (SHA-256 %s) is on the list of known miners.", p.SHA256)), true
}

// minerName holds for a process with the name of a known miner (T1496.001).
func minerName(p *host.Process) (host.Signal, bool) {
	name, where := knownName(p)
	if name == "" {
		return host.Signal{}, false
	}
	return signal(RuleKnownMinerName, fmt.Sprintf("Its %s is %s, the name of a known miner or of its keeper.", where, quote(name))), true
}

// minerCommandLine holds for arguments that only miners take (T1496.001). A
// system tool that searches for them is left out.
func minerCommandLine(p *host.Process) (host.Signal, bool) {
	argument := minerArgument(p)
	if argument == "" {
		return host.Signal{}, false
	}
	return signal(RuleMinerCommandLine, fmt.Sprintf("It was started with %s, an argument of miners.", quote(argument))), true
}

// memfd holds for a program that was never a file (memfd_create(2), T1620).
func memfd(p *host.Process) (host.Signal, bool) {
	if p.Origin != host.OriginMemfd {
		return host.Signal{}, false
	}
	return signal(RuleMemfdExecutable, "It runs from memory: "+quote(p.Exe)+" was never a file on a disk."), true
}

// deleted holds for a program whose file was unlinked (T1070.004). In a home
// directory a file that came again is a rebuild or an update.
func deleted(p *host.Process) (host.Signal, bool) {
	if p.Origin != host.OriginDeleted || p.ExeAgain && !isTemp(p.Exe) {
		return host.Signal{}, false
	}
	return signal(RuleDeletedExecutable, "Its file "+quote(p.Exe)+" was deleted after it was started."), true
}

// hiddenPath holds for a program behind a dot or among spaces (T1564.001). In
// home directories dots are common (~/.local, ~/.cargo): there only the file's
// own name counts, and names of nothing but dots and spaces.
func hiddenPath(p *host.Process) (host.Signal, bool) {
	if p.Exe == "" || p.Origin == host.OriginMemfd || p.Origin == host.OriginSystem && p.Namespace == host.NamespaceContainer {
		return host.Signal{}, false
	}
	if strings.HasPrefix(p.Exe, "/nix/store/") || strings.HasPrefix(p.Exe, "/gnu/store/") {
		return host.Signal{}, false // their wrappers are called .NAME-wrapped and .NAME-real
	}
	elements := strings.Split(strings.TrimPrefix(p.Exe, "/"), "/")
	for i, element := range elements {
		last := i == len(elements)-1
		odd := element != "" && strings.Trim(element, ". \t") == ""
		dotted := strings.HasPrefix(element, ".") && (last || isTemp(p.Exe))
		if odd || dotted {
			return signal(RuleHiddenPath, "It runs from a hidden place: "+quote(p.Exe)+"."), true
		}
	}
	return host.Signal{}, false
}

// runsFromTemp holds for a program in a directory that everybody may write to.
func runsFromTemp(p *host.Process) (host.Signal, bool) {
	if p.Origin != host.OriginTemp {
		return host.Signal{}, false
	}
	return signal(RuleRunsFromTemp, "It runs from "+quote(path.Dir(p.Exe))+", where programs are not installed."), true
}

// hiddenByMount holds for a process that the tools of this host cannot see: they
// all look into /proc (T1564.013).
func hiddenByMount(p *host.Process) (host.Signal, bool) {
	if p.HiddenBy == "" {
		return host.Signal{}, false
	}
	return signal(RuleHiddenByMount, fmt.Sprintf("It is hidden: %s is mounted over /proc/%d.", quote(p.HiddenBy), p.PID)), true
}

// sustainedCPU holds for at least 0.8 core over a minute, added up over the
// instances of one program (T1496.001).
func sustainedCPU(instances []*host.Process) (host.Signal, bool) {
	cores, span := 0.0, time.Duration(0)
	for _, p := range instances {
		if p.CoresSpan >= sustainedSpan {
			cores += p.Cores
			span = max(span, p.CoresSpan)
		}
	}
	if cores < sustainedCores {
		return host.Signal{}, false
	}
	return signal(RuleSustainedCPU, fmt.Sprintf("It used %.1f cores over %s.", cores, duration(span))), true
}

// respawned holds for a program from a suspicious place that came back: once
// if a keeper from such a place is known, three times in half an hour if not.
func respawned(history host.Respawn, keeper *host.Guardian, keeperSuspicious bool, now time.Time) (host.Signal, bool) {
	recent := history.Within(respawnSpan, now)
	if recent == 0 || recent < respawnCount && !keeperSuspicious {
		return host.Signal{}, false
	}
	evidence := fmt.Sprintf("It came back %s after it had ended", times(recent))
	if history.LastGap > 0 {
		evidence += fmt.Sprintf(", last within %s", gap(history.LastGap))
	}
	if history.Killed > 0 {
		evidence += fmt.Sprintf("; %s a signal had ended it", times(int(min(history.Killed, history.Count))))
	}
	switch {
	case keeper != nil && keeper.Starts > 1:
		evidence += fmt.Sprintf("; pid %d %s started it %s", keeper.PID, quote(keeper.Exe), times(keeper.Starts))
	case keeper != nil:
		evidence += fmt.Sprintf("; pid %d %s starts it", keeper.PID, quote(keeper.Exe))
	}
	return signal(RuleRespawn, evidence+"."), true
}

// bred holds for a program that is another one each time that its keeper starts
// it again: only the content changes (T1027.001).
func bred(history host.Respawn, keeper *host.Process, now time.Time) (host.Signal, bool) {
	recent := history.Within(respawnSpan, now)
	if recent < respawnCount {
		return host.Signal{}, false
	}
	return signal(RuleRespawn, fmt.Sprintf("Pid %d %s started a program of other content from the same directory %s, each after the last had ended.",
		keeper.PID, quote(keeper.Exe), times(recent))), true
}

// keeps holds for a process from a suspicious place that keeps a suspect alive.
func keeps(ward *host.Suspect) host.Signal {
	evidence := fmt.Sprintf("It keeps %s (pid %d) alive", quote(subject(&ward.Process)), ward.Process.PID)
	switch {
	case ward.Guardian.Starts > 0:
		evidence += fmt.Sprintf(": it started it %s", times(ward.Guardian.Starts))
	case ward.Guardian.Relation == host.RelationCgroup:
		evidence += ": both are in the cgroup " + quote(ward.Process.Cgroup)
	}
	return signal(RuleGuardian, evidence+".")
}

func isSuspiciousOrigin(origin host.Origin) bool {
	return origin == host.OriginTemp || origin == host.OriginDeleted || origin == host.OriginMemfd
}

func isTemp(exe string) bool {
	for _, directory := range []string{"/tmp/", "/var/tmp/", "/dev/", "/run/user/"} {
		if strings.HasPrefix(exe, directory) {
			return true
		}
	}
	return false
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
	return duration(d)
}

func duration(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	if d < 2*time.Hour {
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f h", d.Hours())
}

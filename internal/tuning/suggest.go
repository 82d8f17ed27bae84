package tuning

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

const (
	maxOthers     = 8                   // suspects that are named
	suggestedSpan = 30 * 24 * time.Hour // until somebody looks again
)

// AllowAdvice is what the allow list says of a process, and what it could say.
type AllowAdvice struct {
	Matches []AllowMatch // the entries that name it
	// Fits is the narrowest useful entry that would lower it, with an end to be looked at
	// and no reason; nil where there is nothing to lower.
	Fits   *policy.Allow
	Others []string // other suspects that Fits names too, fit to be shown
	More   int      // how many more of them there are
	Doubts []string // what speaks against Fits, a sentence each
}

// AllowMatch is an entry that names a process.
type AllowMatch struct {
	policy.Allow
	Ended bool
}

// Suspected is a program under suspicion, with the processes that run it.
type Suspected struct {
	Entry     *model.Entry
	Severity  model.Severity
	Exemption model.Exemption
	Instances []*model.Process
}

// Advise says what the allow list does about a process, and what would fit. own is its
// suspect, one of those that are suspected, or nil.
func Advise(allow []policy.Allow, now time.Time, suspected []*Suspected, own *Suspected, p *model.Process) AllowAdvice {
	var advice AllowAdvice
	for _, a := range allow {
		if a.Matches(p) {
			advice.Matches = append(advice.Matches, AllowMatch{a, a.Ended(now)})
		}
	}
	if own == nil || own.Exemption == model.ExemptAllowList {
		return advice
	}
	fits := suggest(p)
	if !fits.Matches(p) {
		return advice // nothing is known of it that an entry could name
	}
	fits.Until = now.UTC().Truncate(24 * time.Hour).Add(suggestedSpan + 24*time.Hour)
	advice.Fits = &fits
	for _, c := range suspected {
		i := slices.IndexFunc(c.Instances, fits.Matches)
		switch {
		case c == own || i < 0:
		case len(advice.Others) == maxOthers:
			advice.More++
		default:
			other := c.Instances[i]
			advice.Others = append(advice.Others, fmt.Sprintf("%s (pid %d, user %s)", text.Label(other.Subject()), other.PID, text.Label(other.User)))
		}
	}
	advice.Doubts = doubts(policy.InForce(allow, now), own, &fits, p)
	return advice
}

// suggest is the narrowest entry that still holds tomorrow: a script by its path, a
// program of a service by its path and unit, so that an update does not matter, and
// any other program by path and content. The user is always named.
func suggest(p *model.Process) policy.Allow {
	a := policy.Allow{User: p.User, Containers: p.Isolation == model.IsolationContainer || p.ContainerID != ""}
	if c := p.Container; c.Known() && c.HostRuntime {
		a.Container, a.Image, a.Namespace, a.Containers = literal(c.Name), literal(c.Image), literal(c.KubeNamespace), false
	}
	real := p.PathOnHost()
	switch {
	case p.Script != "":
		a.Path = literal(p.Script)
	case strings.HasPrefix(real, "/"):
		a.Path = literal(real)
	}
	service := strings.HasSuffix(p.Unit, ".service") && !strings.HasPrefix(p.Unit, "user@") && !p.Origin.Suspicious()
	switch {
	case service:
		a.Unit = p.Unit
	case p.Script == "":
		a.SHA256 = p.SHA256
	}
	if a.Path == "" && a.SHA256 == "" && a.Unit == "" && p.Cgroup != "" {
		a.Cgroup = literal(p.Cgroup)
	}
	return a
}

// literal is a glob that matches one name only.
func literal(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}

func doubts(inForce []policy.Allow, own *Suspected, fits *policy.Allow, p *model.Process) []string {
	var sentences []string
	if entry := own.Entry; entry != nil {
		app := entry.App
		if app == "" {
			app = entry.Process
		}
		sentences = append(sentences, fmt.Sprintf("It came in by %s on port %d. Close that before you allow anything that it starts.", text.Label(app), entry.Port))
	}
	if own.Severity == model.Critical {
		sentences = append(sentences, "It is critical: allow it only if you know who started it, and why.")
	}
	if p.Script != "" {
		sentences = append(sentences, "Which script it runs is what the process itself says: its user can run anything under that name.")
	}
	if fits.Path == "" && fits.SHA256 == "" {
		sentences = append(sentences, "Neither path nor content of its program is known, so the entry names whatever runs there.")
	}
	for _, other := range own.Instances {
		if !fits.Matches(other) && policy.Allowed(inForce, other) == nil {
			sentences = append(sentences, fmt.Sprintf("It alone lowers nothing: pid %d (user %s) is the same program and needs an entry too.", other.PID, text.Label(other.User)))
			break
		}
	}
	return sentences
}

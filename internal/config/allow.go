package config

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
)

const (
	maxAllow  = 1024 // each is compared with every suspect
	maxReason = 256  // bytes
)

// What can match an id or a name of a container, a namespace or a pod, and an image.
var (
	containerPattern = regexp.MustCompile(`^[A-Za-z0-9_.*?^\[\]\\-]{1,253}$`)
	imagePattern     = regexp.MustCompile(`^[A-Za-z0-9_.:/@+*?^\[\]\\-]{1,512}$`)
)

// allow is an entry of the allow list as it is written.
type allow struct {
	Path       string `yaml:"path"`
	SHA256     string `yaml:"sha256"`
	User       string `yaml:"user"`
	Unit       string `yaml:"unit"`
	Container  string `yaml:"container"`
	Image      string `yaml:"image"`
	Namespace  string `yaml:"namespace"`
	Pod        string `yaml:"pod"`
	Cgroup     string `yaml:"cgroup"`
	Containers bool   `yaml:"containers"`
	Reason     string `yaml:"reason"`
	Until      string `yaml:"until"`
}

func (d *document) allowList(lines lines) ([]policy.Allow, error) {
	if len(d.Allow) > maxAllow {
		return nil, fmt.Errorf("allow: at most %d entries, not %d", maxAllow, len(d.Allow))
	}
	var list []policy.Allow
	for i := range d.Allow {
		entry, err := d.Allow[i].parse()
		if err != nil {
			return nil, fmt.Errorf("allow, entry %d: %w", i+1, err)
		}
		stands := lines.item("allow", i)
		entry.Line, entry.File = stands.line, stands.file
		list = append(list, entry)
	}
	return list, nil
}

func (a *allow) parse() (policy.Allow, error) {
	out := policy.Allow{
		Path: a.Path, SHA256: strings.ToLower(a.SHA256), User: a.User, Unit: a.Unit, Container: a.Container, Cgroup: a.Cgroup,
		Image: a.Image, Namespace: a.Namespace, Pod: a.Pod, Containers: a.Containers, Reason: strings.TrimSpace(a.Reason),
	}
	if a.Path == "" && a.SHA256 == "" && a.User == "" && a.Unit == "" && a.Cgroup == "" && !out.NamesContainer() {
		return out, errors.New("set at least one of path, sha256, user, unit, container, image, namespace, pod, cgroup")
	}
	for _, glob := range []struct{ field, value string }{
		{"path", a.Path}, {"cgroup", a.Cgroup}, {"container", a.Container}, {"image", a.Image}, {"namespace", a.Namespace}, {"pod", a.Pod},
	} {
		if _, err := path.Match(glob.value, ""); err != nil {
			return out, fmt.Errorf("%s %q: %w", glob.field, glob.value, err)
		}
	}
	switch {
	case a.SHA256 != "" && !sha256Pattern.MatchString(out.SHA256):
		return out, fmt.Errorf("sha256 %q is not 64 hex digits", a.SHA256)
	case a.Container != "" && !containerPattern.MatchString(a.Container):
		return out, fmt.Errorf("container %q can be no container: give a glob over its name, without the / that docker inspect shows before it, or at least 12 digits of its id", a.Container)
	case a.Image != "" && !imagePattern.MatchString(a.Image):
		return out, fmt.Errorf("image %q can be no image: give a glob over it as docker ps or the pod shows it", a.Image)
	case a.Namespace != "" && !containerPattern.MatchString(a.Namespace), a.Pod != "" && !containerPattern.MatchString(a.Pod):
		return out, fmt.Errorf("namespace %q or pod %q can be none: give globs over their names", a.Namespace, a.Pod)
	case len(out.Reason) > maxReason:
		return out, fmt.Errorf("reason: at most %d bytes, not %d", maxReason, len(out.Reason))
	}
	var err error
	out.Until, err = parseUntil(a.Until)
	return out, err
}

// parseUntil reads a day, which ends at midnight UTC, or a time; "" is no end.
func parseUntil(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("until %q is neither a day (2026-12-31) nor a time (2026-12-31T18:00:00Z)", s)
	}
	return at.UTC(), nil
}

// Ended says which entries of the allow list lower nothing any more, a sentence each.
func (c *Config) Ended(now time.Time) []string {
	var sentences []string
	for i := range c.Policy.Allow {
		a := &c.Policy.Allow[i]
		if !a.Ended(now) {
			continue
		}
		sentence := fmt.Sprintf("allow, entry %d (%s): it ended %s and lowers nothing any more: %s", i+1, policy.LineOf(a.File, a.Line), a.End(), a)
		if a.Reason != "" {
			sentence += ", because: " + a.Reason
		}
		sentences = append(sentences, sentence)
	}
	return sentences
}

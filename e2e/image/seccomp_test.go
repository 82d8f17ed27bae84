package image

import (
	"encoding/json"
	"os"
	"runtime"
	"slices"
	"testing"
)

// seccompProfile is a profile of Podman and Docker (containers-seccomp.json(5)): it allows system calls by architecture, and
// by the capabilities that a container is given.
type seccompProfile struct {
	DefaultAction   string `json:"defaultAction"`
	DefaultErrnoRet uint   `json:"defaultErrnoRet"`
	Syscalls        []struct {
		seccompRule
		Includes conditions `json:"includes"`
		Excludes conditions `json:"excludes"`
	} `json:"syscalls"`
}

type seccompRule struct {
	Names    []string `json:"names"`
	Action   string   `json:"action"`
	ErrnoRet *uint    `json:"errnoRet,omitempty"`
	Args     []any    `json:"args,omitempty"`
}

type conditions struct {
	Arches []string `json:"arches"`
	Caps   []string `json:"caps"`
}

// usualProfile is the one that Debian installs for Podman and buildah.
func usualProfile(t *testing.T) *seccompProfile {
	t.Helper()
	content, err := os.ReadFile("/usr/share/containers/seccomp.json")
	if err != nil {
		t.Skipf("there is no seccomp profile of containers: %v", err)
	}
	profile := &seccompProfile{}
	if err := json.Unmarshal(content, profile); err != nil {
		t.Fatal(err)
	}
	return profile
}

// rulesFor is the seccomp section of a container that has these capabilities. With docker23, bpf(2) and perf_event_open(2)
// need the capabilities of their own, as in Docker's profile from version 23 on, else CAP_SYS_ADMIN.
func (p *seccompProfile) rulesFor(capabilities []string, docker23 bool) anObject {
	has := func(capability string) bool { return slices.Contains(capabilities, capability) }
	own := map[string]string{"bpf": "CAP_BPF", "perf_event_open": "CAP_PERFMON"}
	var rules, allowed []seccompRule
	for _, rule := range p.Syscalls {
		met := !slices.ContainsFunc(rule.Includes.Caps, func(c string) bool { return !has(c) }) && !slices.ContainsFunc(rule.Excludes.Caps, has) &&
			(len(rule.Includes.Arches) == 0 || slices.Contains(rule.Includes.Arches, runtime.GOARCH))
		if !met {
			continue
		}
		if docker23 {
			rule.Names = slices.DeleteFunc(slices.Clone(rule.Names), func(name string) bool { return own[name] != "" && has(own[name]) })
		}
		if len(rule.Names) > 0 {
			rules = append(rules, rule.seccompRule)
		}
	}
	for name, capability := range own {
		if docker23 && has(capability) {
			allowed = append(allowed, seccompRule{Names: []string{name}, Action: "SCMP_ACT_ALLOW"})
		}
	}
	return anObject{"defaultAction": p.DefaultAction, "defaultErrnoRet": p.DefaultErrnoRet, "syscalls": append(rules, allowed...)}
}

package detect

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/tuning"
)

// TestSuggestedEntry holds what is suggested for each kind of process, and that it
// would lower it.
func TestSuggestedEntry(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC) // noon is on 2026-11-23
	own := xmrig(unchanged)
	service := inUnit("render.service", "/system.slice/render.service")
	for name, test := range map[string]struct {
		process *model.Process
		want    policy.Allow
		doubts  []string // a part of each
	}{
		"a program": {own, policy.Allow{Path: "/opt/mine/xmrig", SHA256: own.SHA256, User: "alice"}, []string{"It is critical"}},
		"a program whose content was not read": {
			xmrig(func(p *model.Process) { p.SHA256 = "" }), policy.Allow{Path: "/opt/mine/xmrig", User: "alice"}, []string{"It is critical"},
		},
		"a program with a name of globs": {
			process(10, inTemp("/tmp/[a]*?\\\xff")), policy.Allow{Path: `/tmp/\[a]\*\?\\` + "\xff", SHA256: own.SHA256, User: "alice"}, nil,
		},
		"a program in memory": {
			process(10, func(p *model.Process) {
				p.Exe, p.Origin, p.Started = "/memfd:x", model.OriginMemfd, noon.Add(-time.Minute)
			}),
			policy.Allow{Path: "/memfd:x", SHA256: own.SHA256, User: "alice"},
			nil,
		},
		"a program that nobody can name": {
			process(10, func(p *model.Process) { p.Exe, p.SHA256, p.Origin, p.Comm = "", "", model.OriginUnreadable, "kinsing" }),
			policy.Allow{User: "alice", Cgroup: "/user.slice/session-1.scope"},
			[]string{"It is critical", "Neither path nor content"},
		},
		"a script": {
			xmrig(asScript("/srv/job.py")), policy.Allow{Path: "/srv/job.py", User: "alice"}, []string{"It is critical", "Which script it runs"},
		},
		"a service":                {xmrig(service), policy.Allow{Path: "/opt/mine/xmrig", User: "alice", Unit: "render.service"}, []string{"It is critical"}},
		"a service runs from temp": {process(10, all(inTemp("/tmp/x"), service)), policy.Allow{Path: "/tmp/x", SHA256: own.SHA256, User: "alice"}, nil},
		"a container": {
			xmrig(contained), policy.Allow{Path: "/opt/mine/xmrig", SHA256: own.SHA256, User: "1000", Container: "render-1", Image: "registry.example/ci/render:3"}, []string{"It is critical"},
		},
		"a path of its own namespace only": {
			xmrig(func(p *model.Process) { p.MountNS, p.ExeSource = "mnt:[7]", "tmpfs" }), policy.Allow{SHA256: own.SHA256, User: "alice"}, []string{"It is critical"},
		},
	} {
		test.want.Until = until
		s := snapshotOf(test.process)
		e, ok := Explain(s, policy.Policy{}, nil, 10)
		if !ok || e.Severity == "" || e.AllowList.Fits == nil {
			t.Fatalf("%s: %+v", name, e)
		}
		if diff := cmp.Diff(test.want, *e.AllowList.Fits); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if len(e.AllowList.Doubts) != len(test.doubts) {
			t.Errorf("%s: %q", name, e.AllowList.Doubts)
		}
		for i, doubt := range e.AllowList.Doubts {
			if !strings.HasPrefix(doubt, test.doubts[i]) {
				t.Errorf("%s: %q", name, doubt)
			}
		}
		if e, _ := Explain(s, policy.Policy{Allow: []policy.Allow{*e.AllowList.Fits}}, nil, 10); e.Severity != model.Info || len(e.AllowList.Matches) != 1 || e.AllowList.Fits != nil {
			t.Errorf("%s: with it, %+v", name, e)
		}
	}
}

// TestSuggestedEntryNamesOthers: a script that bob runs is another suspect, one of the
// same user under another interpreter is named too.
func TestSuggestedEntryNamesOthers(t *testing.T) {
	t.Parallel()
	script := func(pid int, exe, user string, uid uint32) *model.Process {
		return process(pid, all(asScript("/srv/job.py"), func(p *model.Process) { p.Exe, p.User, p.UID = exe, user, uid }))
	}
	e, _ := Explain(snapshotOf(script(10, "/usr/bin/python3.11", "alice", 1000), script(11, "/usr/bin/python3.12", "alice", 1000), script(12, "/usr/bin/python3.11", "bob", 1001)), policy.Policy{}, nil, 10)
	if diff := cmp.Diff([]string{"/usr/bin/python3.12 (pid 11, user alice)"}, e.AllowList.Others); diff != "" {
		t.Error(diff)
	}
}

// TestSuggestedEntryIsNotEnough: mallory runs the same program.
func TestSuggestedEntryIsNotEnough(t *testing.T) {
	t.Parallel()
	hers := xmrig(busy)
	his := process(11, func(p *model.Process) { p.Exe, p.User, p.SHA256 = "/opt/mine/xmrig", "mallory", hers.SHA256 })
	e, _ := Explain(snapshotOf(hers, his), policy.Policy{Allow: []policy.Allow{{User: "alice", Path: "/opt/**"}}}, nil, 10)
	if len(e.AllowList.Matches) != 1 || e.AllowList.Fits == nil || e.Severity != model.Critical {
		t.Fatalf("%+v", e.AllowList)
	}
	if doubts := strings.Join(e.AllowList.Doubts, " "); !strings.Contains(doubts, "It alone lowers nothing: pid 11 (user mallory)") {
		t.Errorf("%q", doubts)
	}
}

// TestAdviceOfTheInnocent: there is nothing to lower, and an entry that has ended is named.
func TestAdviceOfTheInnocent(t *testing.T) {
	t.Parallel()
	ended := policy.Allow{User: "alice", Line: 4, Until: noon.Add(-time.Hour)}
	e, _ := Explain(snapshotOf(process(10, nil)), policy.Policy{Allow: []policy.Allow{ended, {User: "bob"}}}, nil, 10)
	if diff := cmp.Diff(tuning.AllowAdvice{Matches: []tuning.AllowMatch{{Allow: ended, Ended: true}}}, e.AllowList); diff != "" {
		t.Error(diff)
	}
}

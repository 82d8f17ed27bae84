package detect

import (
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
)

// TestShortLived: a program that always ends before it can be seen is judged as it would be if it lived, once it is
// certain that it is none of what compilers, tests and packages try out.
func TestShortLived(t *testing.T) {
	t.Parallel()
	loop := process(40, func(p *model.Process) { p.Exe = "/usr/bin/dash" })
	goTool := process(41, func(p *model.Process) { p.Comm, p.Exe, p.Origin = "go", "/usr/local/go/bin/go", model.OriginLocal })
	gone := func(exe string, origin model.Origin) func(*model.Process) {
		return func(p *model.Process) {
			p.Parent = &model.Ancestor{Identity: model.Identity{PID: 777, StartTime: 5}, Exe: exe, Origin: origin, User: p.User}
		}
	}
	comesBack := func(exe string) map[string]model.Respawn {
		return map[string]model.Respawn{process(10, nil).SHA256: {Key: exe, Count: 9, Recent: []time.Time{noon, noon, noon, noon}}}
	}
	installed := func(p *model.Process) { p.Exe, p.Comm, p.Origin = "/usr/local/bin/xmrig", "xmrig", model.OriginLocal }
	for name, test := range map[string]struct {
		change   func(*model.Process)
		count    int
		span     time.Duration
		respawns map[string]model.Respawn
		want     model.Severity
	}{
		"kdevtmpfsi for 0.2 s, each 10 s":                {inTemp("/tmp/kdevtmpfsi"), 3, 20 * time.Second, nil, model.Critical},
		"kdevtmpfsi once":                                {inTemp("/tmp/kdevtmpfsi"), 1, 0, nil, model.Critical},
		"an installed miner that is asked for its help":  {installed, 1, 0, nil, ""},
		"an installed miner that comes again":            {installed, 2, 10 * time.Second, nil, model.Critical},
		"a conftest":                                     {all(inTemp("/tmp/cc/conftest"), gone("/usr/bin/dash", model.OriginSystem)), 1, 0, nil, ""},
		"a program that configure tries out many times":  {all(inTemp("/tmp/cc/conftest"), gone("/usr/bin/dash", model.OriginSystem)), 400, 4 * time.Second, nil, ""},
		"a name of the system that a build tries once":   {all(inTemp("/tmp/build/sshd"), gone("/usr/bin/dash", model.OriginSystem)), 1, 0, nil, ""},
		"a test that go runs":                            {all(inTemp("/tmp/go-build1/x.test"), childOf(goTool, model.OriginLocal)), 30, time.Minute, nil, model.Info},
		"a test whose go has ended":                      {all(inTemp("/tmp/go-build1/x.test"), gone("/usr/local/go/bin/go", model.OriginLocal)), 30, time.Minute, nil, model.Info},
		"a helper that make runs again and again":        {all(inTemp("/tmp/build/gen"), gone("/usr/bin/make", model.OriginSystem)), 500, time.Minute, comesBack("gen"), model.Info},
		"a make of an intruder":                          {all(inTemp("/tmp/build/gen"), gone("/tmp/make", model.OriginTemp)), 500, time.Minute, nil, model.Warning},
		"a shell below nginx":                            {gone("/usr/sbin/nginx", model.OriginSystem), 900, time.Hour, nil, ""},
		"random name, every 10 s":                        {all(inTemp("/tmp/a8f3"), childOf(loop, model.OriginSystem)), 4, 30 * time.Second, nil, model.Warning},
		"random name, every 10 s, seen to come back":     {all(inTemp("/tmp/a8f3"), childOf(loop, model.OriginSystem)), 4, 30 * time.Second, comesBack("a8f3"), model.Critical},
		"a kernel thread's name, in a home, each second": {func(p *model.Process) { p.Exe, p.Comm, p.Origin = "/home/x/kswapd0", "kswapd0", model.OriginHome }, 60, time.Minute, nil, model.Warning},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := snapshotOf(loop, goTool)
			if test.respawns != nil {
				s.Processes.Respawns = test.respawns
			}
			s.Processes.ShortLived = []model.ShortLived{{Last: process(10, test.change), Count: test.count, Span: test.span}}
			var got model.Severity
			for _, finding := range evaluate(t, s, policy.Policy{}) {
				got = finding.Severity
				if finding.Suspect.Running || len(finding.Suspect.PIDs) != 0 {
					t.Error("it is said to run")
				}
				if said := strings.Join(finding.Evidence, " "); !strings.Contains(said, "ended") {
					t.Errorf("its end is not told: %s", said)
				}
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

package detect

import (
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// xmrig is a known miner of alice's in a session of hers.
func xmrig(change func(*model.Process)) *model.Process {
	return process(10, all(func(p *model.Process) { p.Exe, p.Comm, p.Origin = "/opt/mine/xmrig", "xmrig", model.OriginLocal }, change))
}

func unchanged(*model.Process) {}

func contained(p *model.Process) {
	p.Isolation, p.ContainerID, p.User = model.IsolationContainer, "0123456789ab", "1000"
	p.Cgroup, p.Unit = "/system.slice/docker-0123456789ab"+strings.Repeat("c", 52)+".scope", "docker-0123456789ab"+strings.Repeat("c", 52)+".scope"
	p.Container = &model.Container{
		ID: "0123456789ab" + strings.Repeat("c", 52), Runtime: model.RuntimeDocker, HostRuntime: true, Name: "render-1", Image: "registry.example/ci/render:3",
	}
}

// inOther is in a container of which this is changed.
func inOther(change func(*model.Container)) func(*model.Process) {
	return func(p *model.Process) {
		contained(p)
		other := *p.Container
		change(&other)
		p.Container = &other
	}
}

// inPod is in one of Kubernetes'.
func inPod(p *model.Process) {
	inOther(func(c *model.Container) { c.Name, c.KubeNamespace, c.KubePod = "app", "shop", "web-7d9" })(p)
}

// inUsers is in one that a user has started and named.
func inUsers(p *model.Process) {
	inOther(func(c *model.Container) { c.HostRuntime, c.Owner = false, 1000 })(p)
	p.Cgroup = "/user.slice/user-1000.slice/user@1000.service/docker-" + p.Container.ID + ".scope"
}

func inUnit(unit, cgroup string) func(*model.Process) {
	return func(p *model.Process) { p.Unit, p.Cgroup = unit, cgroup }
}

func asScript(name string) func(*model.Process) {
	return func(p *model.Process) {
		p.Exe, p.Comm, p.Origin, p.Script, p.Argv = "/usr/bin/python3.11", "python3", model.OriginSystem, name, []string{"python3", name, "--donate-level=1"}
	}
}

// TestAllow holds each field to what it names and to what it does not.
func TestAllow(t *testing.T) {
	t.Parallel()
	own := xmrig(unchanged)
	for name, test := range map[string]struct {
		allow   policy.Allow
		process *model.Process
		want    bool
	}{
		"path":                           {policy.Allow{Path: "/opt/mine/*"}, own, true},
		"path: one level":                {policy.Allow{Path: "/opt/*"}, own, false},
		"path: all below":                {policy.Allow{Path: "/opt/**"}, own, true},
		"path: all below a glob":         {policy.Allow{Path: "/o*/mine/**"}, own, true},
		"path: not the directory itself": {policy.Allow{Path: "/opt/mine/xmrig/**"}, own, false},
		"path: not beside it":            {policy.Allow{Path: "/opt/min/**"}, own, false},
		"path: everything":               {policy.Allow{Path: "/**"}, own, true},
		"path: none is known":            {policy.Allow{Path: "/**"}, xmrig(func(p *model.Process) { p.Exe = "" }), false},
		"path: only in its namespace":    {policy.Allow{Path: "/opt/mine/*"}, xmrig(func(p *model.Process) { p.MountNS, p.ExeSource = "mnt:[7]", "tmpfs" }), false},
		"path: bound from elsewhere":     {policy.Allow{Path: "/opt/mine/*"}, xmrig(func(p *model.Process) { p.MountNS, p.ExeSource = "mnt:[7]", "/home/bob/x" }), false},
		"path: bound to elsewhere":       {policy.Allow{Path: "/srv/mine/*"}, xmrig(func(p *model.Process) { p.MountNS, p.ExeSource = "mnt:[7]", "/srv/mine/xmrig" }), true},
		"path and user":                  {policy.Allow{Path: "/opt/mine/*", User: "alice"}, own, true},
		"path and another user":          {policy.Allow{Path: "/opt/mine/*", User: "bob"}, own, false},
		"hash":                           {policy.Allow{SHA256: strings.ToUpper(own.SHA256)}, own, true},
		"another hash":                   {policy.Allow{SHA256: strings.Repeat("0", 64)}, own, false},
		"script":                         {policy.Allow{Path: "/srv/job.py"}, xmrig(asScript("/srv/job.py")), true},
		"another script":                 {policy.Allow{Path: "/srv/job.py"}, xmrig(asScript("/srv/other.py")), false},
		"nothing":                        {policy.Allow{}, own, false},
		"nothing but containers":         {policy.Allow{Containers: true, Reason: "x"}, xmrig(contained), false},

		"unit":                   {policy.Allow{Unit: "session-1.scope"}, own, true},
		"service":                {policy.Allow{Unit: "render.service"}, xmrig(inUnit("render.service", "/system.slice/render.service")), true},
		"unit of a user's own":   {policy.Allow{Unit: "render.service"}, xmrig(inUnit("render.service", "/user.slice/user-1000.slice/user@1000.service/app.slice/render.service")), false},
		"unit in a delegated":    {policy.Allow{Unit: "render.service"}, xmrig(inUnit("render.service", "/system.slice/runner.service/render.service")), false},
		"unit of the user named": {policy.Allow{Unit: "render.service", User: "alice"}, xmrig(inUnit("render.service", "/user.slice/user-1000.slice/user@1000.service/app.slice/render.service")), true},

		"cgroup":                {policy.Allow{Cgroup: "/user.slice/*"}, own, true},
		"cgroup: all below":     {policy.Allow{Cgroup: "/batch.slice/**"}, xmrig(inUnit("run-1.scope", "/batch.slice/batch-alice.slice/run-1.scope")), true},
		"another cgroup":        {policy.Allow{Cgroup: "/batch.slice/**"}, own, false},
		"cgroup: none is known": {policy.Allow{Cgroup: "/**"}, xmrig(inUnit("", "")), false},

		"path: of a container":       {policy.Allow{Path: "/opt/mine/*"}, xmrig(contained), false},
		"hash: of a container":       {policy.Allow{SHA256: own.SHA256}, xmrig(contained), false},
		"containers too":             {policy.Allow{Path: "/opt/mine/*", Containers: true}, xmrig(contained), true},
		"containers too: the host":   {policy.Allow{Path: "/opt/mine/*", Containers: true}, own, true},
		"user: of a container":       {policy.Allow{User: "1000"}, xmrig(contained), false},
		"user: containers too":       {policy.Allow{User: "1000", Containers: true}, xmrig(contained), true},
		"user: a name, containers":   {policy.Allow{User: "alice", Containers: true}, xmrig(contained), false},
		"container":                  {policy.Allow{Container: "0123456789ab"}, xmrig(contained), true},
		"container: few digits":      {policy.Allow{Container: "0123"}, xmrig(contained), false},
		"container: the whole id":    {policy.Allow{Container: "0123456789ab" + strings.Repeat("c", 52)}, xmrig(contained), true},
		"container: digits of more":  {policy.Allow{Container: "0123456789abcccd"}, xmrig(contained), false},
		"container: its name":        {policy.Allow{Container: "render-1"}, xmrig(contained), true},
		"container: part of it":      {policy.Allow{Container: "render"}, xmrig(contained), false},
		"container: a glob":          {policy.Allow{Container: "rend*-?"}, xmrig(contained), true},
		"container: unnamed":         {policy.Allow{Container: "*"}, xmrig(inOther(func(c *model.Container) { c.Name = "" })), false},
		"container: hex, a name":     {policy.Allow{Container: "cafe"}, xmrig(inOther(func(c *model.Container) { c.Name = "cafe" })), true},
		"container: a user's":        {policy.Allow{Container: "render-1"}, xmrig(inUsers), false},
		"container: a user's id":     {policy.Allow{Container: "0123456789ab"}, xmrig(inUsers), false},
		"container: a user's cgroup": {policy.Allow{Container: "render-1", Cgroup: "/user.slice/user-1000.slice/**"}, xmrig(inUsers), true},
		"image":                      {policy.Allow{Image: "registry.example/ci/*"}, xmrig(contained), true},
		"image: all below":           {policy.Allow{Image: "registry.example/**"}, xmrig(contained), true},
		"image: another":             {policy.Allow{Image: "registry.example/ci/render:2"}, xmrig(contained), false},
		"image: of another registry": {policy.Allow{Image: "ci/*"}, xmrig(contained), false},
		"image: a user's":            {policy.Allow{Image: "registry.example/**"}, xmrig(inUsers), false},
		"image: the host":            {policy.Allow{Image: "**"}, own, false},
		"namespace":                  {policy.Allow{Namespace: "shop"}, xmrig(inPod), true},
		"namespace: another":         {policy.Allow{Namespace: "kube-*"}, xmrig(inPod), false},
		"namespace: no pod":          {policy.Allow{Namespace: "*"}, xmrig(contained), false},
		"pod":                        {policy.Allow{Namespace: "shop", Pod: "web-*", Container: "app"}, xmrig(inPod), true},
		"pod: another container":     {policy.Allow{Namespace: "shop", Pod: "web-*", Container: "sidecar"}, xmrig(inPod), false},
		"container: another":         {policy.Allow{Container: "0123456789ac"}, xmrig(contained), false},
		"container: not the host":    {policy.Allow{Container: "*"}, own, false},
		"container and path":         {policy.Allow{Container: "*", Path: "/opt/mine/xmrig"}, xmrig(contained), true},
		"container and another path": {policy.Allow{Container: "*", Path: "/opt/other"}, xmrig(contained), false},
	} {
		want := model.Critical
		if test.want {
			want = model.Info
		}
		for _, finding := range evaluate(t, snapshotOf(test.process), policy.Policy{Allow: []policy.Allow{test.allow}}) {
			if finding.Severity != want || (finding.Exemption == model.ExemptAllowList) != test.want {
				t.Errorf("%s: %s (%s), want %s", name, finding.Severity, finding.Exempted, want)
			}
		}
	}
}

// TestAllowedUserIsOfTheHost gives a container's process the name of a user of the
// host, and its number.
func TestAllowedUserIsOfTheHost(t *testing.T) {
	t.Parallel()
	for _, user := range []string{"alice", "1000"} {
		p := xmrig(func(p *model.Process) { p.User, p.Isolation = user, model.IsolationContainer })
		if got := evaluate(t, snapshotOf(p), policy.Policy{Allow: []policy.Allow{{User: user}}})[0]; got.Severity != model.Critical {
			t.Errorf("user %s of a container: %s", user, got.Severity)
		}
		p.Isolation = model.IsolationHost
		if got := evaluate(t, snapshotOf(p), policy.Policy{Allow: []policy.Allow{{User: user}}})[0]; got.Severity != model.Info {
			t.Errorf("user %s of the host: %s", user, got.Severity)
		}
	}
}

// TestAllowedCopy: what alice may run, mallory may not, also where it is the same
// program and hers is the busier one.
func TestAllowedCopy(t *testing.T) {
	t.Parallel()
	hers := xmrig(busy)
	his := process(11, func(p *model.Process) {
		p.Exe, p.Comm, p.User, p.SHA256 = "/opt/mine/xmrig", "xmrig", "mallory", hers.SHA256
	})
	settings := policy.Policy{Allow: []policy.Allow{{Path: "/opt/mine/*", User: "alice"}}}
	if got := evaluate(t, snapshotOf(hers), settings); got[0].Severity != model.Info {
		t.Errorf("hers alone: %s", got[0].Severity)
	}
	if got := evaluate(t, snapshotOf(hers, his), settings); len(got) != 1 || got[0].Severity != model.Critical {
		t.Errorf("with his: %+v", got)
	}
}

func TestReasonIsShown(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		allow policy.Allow
		want  string
	}{
		{policy.Allow{User: "alice"}, "it is on the allow list of the configuration"},
		{policy.Allow{User: "alice", Line: 7, Reason: "her thesis\nand \x1b[2J"}, `it is on the allow list of the configuration (line 7): her thesis\x0aand \x1b[2J`},
	} {
		if got := evaluate(t, snapshotOf(xmrig(unchanged)), policy.Policy{Allow: []policy.Allow{test.allow}})[0]; got.Exempted != test.want {
			t.Errorf("%q, want %q", got.Exempted, test.want)
		}
	}
}

// TestAllowUntil: an entry lowers until its end and not from then on, without a reload.
func TestAllowUntil(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		until time.Time
		want  model.Severity
	}{
		{time.Time{}, model.Info},
		{noon.Add(time.Second), model.Info},
		{noon, model.Critical},
		{noon.Add(-24 * time.Hour), model.Critical},
	} {
		findings := evaluate(t, snapshotOf(xmrig(unchanged)), policy.Policy{Allow: []policy.Allow{{User: "alice", Until: test.until}}})
		ended := 0
		for _, f := range findings {
			if f.Rule == rules.AllowListExpired {
				ended++
			} else if f.Severity != test.want {
				t.Errorf("until %s: %s, want %s", test.until, f.Severity, test.want)
			}
		}
		if (ended == 1) != (test.want == model.Critical) {
			t.Errorf("until %s: %d findings about the end", test.until, ended)
		}
	}
}

// TestEndedEntry warns of one that something would match now; its benign counterpart
// is one that nothing would.
func TestEndedEntry(t *testing.T) {
	t.Parallel()
	yesterday := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	cron := model.PersistenceEntry{Kind: model.PersistenceCrontab, Path: "/etc/cron.d/vendor", Line: 3, Command: "/tmp/x", Reason: model.PersistenceTempPath}
	for name, test := range map[string]struct {
		allow    policy.Allow
		severity model.Severity
		mention  string
	}{
		"a process that is no suspect now": {policy.Allow{Path: "/usr/bin/worker"}, model.Warning, "It would match /usr/bin/worker (pid 10, user alice), which runs now."},
		"a file that starts programs":      {policy.Allow{Path: "/etc/cron.d/*"}, model.Warning, "It would match line 3 of /etc/cron.d/vendor."},
		"nothing":                          {policy.Allow{Path: "/opt/gone"}, model.Info, "It names path /opt/gone."},
		"nothing of a container":           {policy.Allow{Container: "*"}, model.Info, "It names container *."},
	} {
		test.allow.Until, test.allow.Line, test.allow.Reason = yesterday, 12, "a benchmark"
		s := snapshotOf(process(10, nil))
		s.Persistence = entries(cron)
		var found []model.Finding
		for _, f := range evaluate(t, s, policy.Policy{Allow: []policy.Allow{test.allow, test.allow}}) {
			if f.Rule == rules.AllowListExpired {
				found = append(found, f)
			}
		}
		if len(found) != 1 || found[0].Severity != test.severity {
			t.Fatalf("%s: %+v", name, found)
		}
		if want := "Line 12 of the configuration, an entry of the allow list, ended at the end of 2026-11-22 (UTC) and lowers nothing any more"; found[0].Title != want {
			t.Errorf("%s: %q", name, found[0].Title)
		}
		if words := strings.Join(found[0].Evidence, " "); !strings.Contains(words, test.mention) || !strings.Contains(words, "Its reason: a benchmark.") {
			t.Errorf("%s: %q does not mention %q", name, words, test.mention)
		}
	}
}

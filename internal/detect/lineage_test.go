package detect

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// incident is the one that the product exists for.
func incident() *model.Snapshot {
	flink := process(100, func(p *model.Process) {
		p.Comm, p.Exe, p.User, p.Started = "java", "/usr/lib/jvm/bin/java", "flink", noon.Add(-24*time.Hour)
	})
	guardian := process(200, all(inTemp("/var/tmp/x812"), childOf(flink, model.OriginSystem), func(p *model.Process) {
		p.User, p.Cgroup, p.Unit, p.Started = "flink", "/system.slice/flink.service", "flink.service", noon.Add(-2*time.Hour)
	}))
	miner := process(300, all(inTemp("/tmp/x9f3ka"), busy, func(p *model.Process) {
		p.User, p.Cgroup, p.Unit, p.Started = "flink", "/system.slice/flink.service", "flink.service", noon.Add(-3*time.Minute)
		p.PPID, p.Parent = 200, &model.Ancestor{
			Identity: guardian.Identity, Comm: guardian.Comm, Exe: guardian.Exe, User: "flink", Origin: model.OriginTemp, Parent: guardian.Parent,
		}
	}))
	s := snapshotOf(process(1, nil), flink, guardian, miner)
	s.Processes.Respawns[miner.SHA256] = model.Respawn{
		Key: miner.SHA256, Count: 14, Recent: []time.Time{noon.Add(-3 * time.Minute)}, LastGap: 2 * time.Second, Killed: 12,
		Starters: []model.Starter{{Ancestor: model.Ancestor{Identity: guardian.Identity, Exe: guardian.Exe}, Count: 15}},
	}
	s.Sockets = &model.SocketSnapshot{Sockets: []model.Socket{
		{Protocol: model.TCP, Address: "127.0.0.1", Port: 6123, Scope: model.ScopeLoopback, Owner: flink.Identity},
		{Protocol: model.TCP, Address: "0.0.0.0", Port: 40001, Scope: model.ScopeAny, Owner: flink.Identity},
		{Protocol: model.TCP, Address: "0.0.0.0", Port: 8081, Scope: model.ScopeAny, Owner: flink.Identity, OwnerExe: flink.Exe, App: "flink", Confidence: model.ConfidenceEvidence},
	}}
	return s
}

func TestIncidentWithUnknownNames(t *testing.T) {
	t.Parallel()
	byPID := map[int]model.Finding{}
	for _, f := range evaluate(t, incident(), policy.Policy{}) {
		if f.Suspect != nil {
			byPID[f.Suspect.Process.PID] = f
		}
	}
	miner, guardian := byPID[300], byPID[200]
	if miner.Severity != model.Critical || guardian.Severity != model.Critical {
		t.Fatalf("miner %s, guardian %s, want both critical", miner.Severity, guardian.Severity)
	}
	if evidence := strings.Join(miner.Evidence, "\n"); !strings.Contains(evidence, "last within 2.0 s; 12 times a signal had ended it; pid 200 /var/tmp/x812 started it 15 times.") {
		t.Errorf("evidence:\n%s", evidence)
	}
	g := miner.Suspect.Guardian
	if g == nil || g.Relation != model.RelationParent || g.PID != 200 || g.Exe != "/var/tmp/x812" || g.Starts != 15 {
		t.Errorf("guardian %+v", g)
	}
	e := miner.Suspect.Entry
	if e == nil || e.App != "flink" || e.PID != 100 || e.Port != 8081 || e.Process != "java" || !e.Alive {
		t.Errorf("entry %+v", e)
	}
	if chain := miner.Suspect.Process.Ancestors; len(chain) != 2 || !chain[0].Alive || chain[1].PID != 100 {
		t.Errorf("ancestors %+v", chain)
	}
	if !strings.Contains(strings.Join(guardian.Evidence, " "), "/tmp/x9f3ka (pid 300) alive: it started it 15 times") {
		t.Errorf("guardian: %q", guardian.Evidence)
	}
}

// TestEntryThatHasExited: the service was restarted after somebody came in by it.
func TestEntryThatHasExited(t *testing.T) {
	t.Parallel()
	s := incident()
	s.Sockets.RecentlyClosed, s.Sockets.Sockets = s.Sockets.Sockets, nil
	s.Processes.Processes = slices.Delete(s.Processes.Processes, 1, 2)
	for _, f := range evaluate(t, s, policy.Policy{}) {
		if f.Suspect == nil || f.Suspect.Process.PID != 300 {
			continue
		}
		if e := f.Suspect.Entry; e == nil || e.App != "flink" || e.PID != 100 || e.Port != 8081 || e.Alive {
			t.Errorf("entry %+v", e)
		}
		return
	}
	t.Error("the miner was not found")
}

// TestOtherContentEachTime: what changes at each start is caught by its guardian
// and directory, and a program that starts two helpers is not.
func TestOtherContentEachTime(t *testing.T) {
	t.Parallel()
	for count, want := range map[int]model.Severity{respawnCount: model.Critical, respawnCount - 1: model.Warning} {
		s := incident()
		s.Sockets = nil
		guardian, miner := s.Processes.Processes[2], s.Processes.Processes[3]
		miner.Cores = 0
		var recent []time.Time
		for i := range count {
			recent = append(recent, noon.Add(time.Duration(-i-1)*time.Minute))
		}
		s.Processes.Respawns = map[string]model.Respawn{model.PolymorphicKey(guardian.Identity, "/tmp"): {Count: uint64(count), Recent: recent}}
		for _, f := range evaluate(t, s, policy.Policy{}) {
			if f.Suspect != nil && f.Suspect.Process.PID == 300 && f.Severity != want {
				t.Errorf("%d starts: %s, want %s: %q", count, f.Severity, want, f.Evidence)
			}
		}
	}
}

func TestGuardianByCgroup(t *testing.T) {
	t.Parallel()
	s := incident()
	miner := s.Processes.Processes[3]
	miner.PPID, miner.Parent = 1, nil // double-forked
	s.Processes.Respawns = map[string]model.Respawn{}
	find := func() *model.Guardian {
		for _, f := range evaluate(t, s, policy.Policy{}) {
			if f.Suspect != nil && f.Suspect.Process.PID == 300 {
				return f.Suspect.Guardian
			}
		}
		t.Fatal("the miner was not found")
		return nil
	}
	if g := find(); g == nil || g.Relation != model.RelationCgroup || g.PID != 200 {
		t.Errorf("guardian %+v", g)
	}
	for i := range s.Processes.Processes {
		s.Processes.Processes[i].Cgroup = "/"
	}
	if g := find(); g != nil {
		t.Errorf("the root cgroup made a guardian: %+v", g)
	}
}

// TestSiblingsThatAreNoGuardians: benign siblings of the guardian in the cgroup, each unlike
// it in one thing.
func TestSiblingsThatAreNoGuardians(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*model.Process){
		"the guardian itself":  nil,
		"another user":         func(p *model.Process) { p.UID = 1001 },
		"older than the entry": func(p *model.Process) { p.Started = noon.Add(-25 * time.Hour) },
		"younger":              func(p *model.Process) { p.Started = noon },
		"an AppImage":          func(p *model.Process) { p.Exe, p.ExeFUSE, p.Parent = "/tmp/.mount_x/AppRun", true, nil },
		"on the allow list":    func(p *model.Process) { p.Exe = "/tmp/allowed" },
		"an agent's idle copy": func(p *model.Process) { p.Exe, p.Origin = "/memfd:agent", model.OriginMemfd },
	} {
		s := incident()
		s.Processes.Respawns = map[string]model.Respawn{}
		guardian, miner := s.Processes.Processes[2], s.Processes.Processes[3]
		miner.PPID, miner.Parent = 1, guardian.Parent // double-forked
		if change != nil {
			parent := *guardian.Parent
			parent.User = guardian.User
			guardian.Parent = &parent
			change(guardian)
		}
		for _, f := range evaluate(t, s, policy.Policy{Allow: []policy.Allow{{Path: "/tmp/allowed"}}}) {
			if f.Suspect == nil || f.Suspect.Process.PID != miner.PID {
				continue
			}
			if isGuardian := f.Suspect.Guardian != nil; isGuardian != (change == nil) {
				t.Errorf("%s: guardian %+v", name, f.Suspect.Guardian)
			}
		}
	}
}

// TestOneProgramUnderTwoNames: a guardian with the miner's own content is named as
// such, and a miner that only forked is not.
func TestOneProgramUnderTwoNames(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{"/var/tmp/kinsing": true, "/tmp/kdevtmpfsi": false} {
		guardian := process(20, all(inTemp(path), func(p *model.Process) { p.SHA256 = strings.Repeat("ef", 32) }))
		miner := process(30, all(inTemp("/tmp/kdevtmpfsi"), busy, childOf(guardian, model.OriginTemp), func(p *model.Process) { p.SHA256 = guardian.SHA256 }))
		f := evaluate(t, snapshotOf(guardian, miner), policy.Policy{})[0]
		if g := f.Suspect.Guardian; (g != nil && g.PID == 20) != want {
			t.Errorf("%s: guardian %+v", path, g)
		}
		if f.Suspect.Process.PID != 30 || !strings.Contains(f.Evidence[0], "kdevtmpfsi") {
			t.Errorf("pid %d, evidence %q: not of the one that burns", f.Suspect.Process.PID, f.Evidence)
		}
	}
}

// TestTwoToolsInOneSession is the benign counterpart of the cgroup rule: somebody runs two
// programs that they built in /tmp.
func TestTwoToolsInOneSession(t *testing.T) {
	t.Parallel()
	for _, f := range evaluate(t, snapshotOf(process(10, inTemp("/tmp/p/server")), process(11, inTemp("/tmp/p/client"))), policy.Policy{}) {
		if f.Severity == model.Critical {
			t.Errorf("%s: %v", f.Title, f.Evidence)
		}
	}
}

// TestRespawnByGuardianFromMemory: a guardian that runs from memory or from a deleted
// file is from a suspicious place like one in /tmp, so one respawn is enough.
func TestRespawnByGuardianFromMemory(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*model.Process){
		"temp":    func(*model.Process) {},
		"memfd":   func(p *model.Process) { p.Exe, p.ExeDeleted, p.Origin = "/memfd:x", true, model.OriginMemfd },
		"deleted": func(p *model.Process) { p.Exe, p.ExeDeleted, p.Origin = "/root/x", true, model.OriginDeleted },
	} {
		s := incident()
		guardian, _ := s.Processes.Process(200)
		change(guardian)
		for _, finding := range evaluate(t, s, policy.Policy{}) {
			if finding.Suspect == nil || finding.Suspect.Process.PID != 300 {
				continue
			}
			if !slices.ContainsFunc(finding.Suspect.Signals, func(signal model.Signal) bool { return signal.Rule == rules.Respawn }) {
				t.Errorf("%s: no signal for the respawn: %q", name, finding.Evidence)
			}
		}
	}
}

// TestPreloadedFromTemp: however the path of a library is spelled.
func TestPreloadedFromTemp(t *testing.T) {
	t.Parallel()
	for library, want := range map[string]bool{
		"/tmp/x.so": true, "/var/../tmp/x.so": true, "/run/shm/x.so": true, "/proc/self/root/tmp/x.so": true, "/usr/lib/x.so": false, "/tmp/../usr/lib/x.so": false,
	} {
		p := process(300, all(busy, func(p *model.Process) { p.Inspection = &model.Inspection{Preload: library} }))
		found := false
		for _, finding := range evaluate(t, snapshotOf(process(1, nil), p), policy.Policy{}) {
			for _, signal := range finding.Suspect.Signals {
				found = found || signal.Rule == rules.PreloadedLibrary && !signal.Weak
			}
		}
		if found != want {
			t.Errorf("%s: preloaded %v, want %v", library, found, want)
		}
	}
}

// TestGuardiansOfGuardians: each link of a chain of guardians is named, whatever the
// order in which they are looked at: the outermost is critical only once the one
// below it is.
func TestGuardiansOfGuardians(t *testing.T) {
	t.Parallel()
	first := process(200, inTemp("/var/tmp/a"))
	second := process(210, all(inTemp("/var/tmp/b"), childOf(first, model.OriginTemp)))
	third := process(220, all(inTemp("/var/tmp/c"), childOf(second, model.OriginTemp)))
	miner := process(300, all(inTemp("/tmp/kdevtmpfsi"), busy, childOf(third, model.OriginTemp)))
	for range 100 {
		named := map[int]string{}
		for _, finding := range evaluate(t, snapshotOf(process(1, nil), first, second, third, miner), policy.Policy{}) {
			if finding.Suspect == nil {
				continue
			}
			for _, signal := range finding.Suspect.Signals {
				if signal.Rule == rules.Guardian {
					named[finding.Suspect.Process.PID] = signal.Evidence
				}
			}
		}
		want := map[int]string{
			200: "It keeps /var/tmp/b (pid 210) alive.", 210: "It keeps /var/tmp/c (pid 220) alive.", 220: "It keeps /tmp/kdevtmpfsi (pid 300) alive.",
		}
		if diff := cmp.Diff(want, named); diff != "" {
			t.Fatalf("guardians (-want +got):\n%s", diff)
		}
	}
}

// TestGuardianBehindLaunchers: a guardian that idles in memory is found through any
// program that only starts others, but not through one with work of its own.
func TestGuardianBehindLaunchers(t *testing.T) {
	t.Parallel()
	for exe, want := range map[string]bool{
		"/usr/bin/sudo": true, "/usr/bin/doas": true, "/usr/bin/taskset": true, "/usr/bin/chrt": true, "/usr/bin/systemd-run": true,
		"/usr/bin/fish": true, "/usr/bin/screen": false, "/usr/sbin/sshd": false,
	} {
		guardian := process(20, func(p *model.Process) {
			p.Exe, p.ExeDeleted, p.Origin, p.CPUSeconds = "/memfd:x", true, model.OriginMemfd, 0
		})
		launcher := process(25, all(childOf(guardian, model.OriginMemfd), func(p *model.Process) { p.Exe = exe }))
		miner := process(30, all(inTemp("/tmp/kdevtmpfsi"), busy, childOf(launcher, model.OriginSystem)))
		miner.Parent.Parent = launcher.Parent
		found := false
		for _, f := range evaluate(t, snapshotOf(guardian, launcher, miner), policy.Policy{}) {
			if f.Suspect != nil && f.Suspect.Process.PID == 30 {
				found = f.Suspect.Guardian != nil && f.Suspect.Guardian.PID == 20
			}
		}
		if found != want {
			t.Errorf("through %s: guardian found %v, want %v", exe, found, want)
		}
	}
}

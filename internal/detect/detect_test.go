package detect

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/exposure"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// process returns an innocent process; change mends it into a case.
func process(pid int, change func(*model.Process)) *model.Process {
	p := &model.Process{
		Identity: model.Identity{PID: pid, StartTime: uint64(pid)}, PPID: 1, Comm: "worker", Exe: "/usr/bin/worker",
		Argv: []string{"worker"}, UID: 1000, User: "alice", Cgroup: "/user.slice/session-1.scope", Unit: "session-1.scope",
		Origin: model.OriginSystem, Isolation: model.IsolationHost, SHA256: fmt.Sprintf("%012x%052x", pid, pid),
		Started: noon.Add(-time.Hour), CPUSeconds: 10, CoresSpan: time.Minute,
		ExeOwner: model.FileOwner{Writers: model.WritersRoot, Changed: noon.Add(-24 * time.Hour)},
	}
	if change != nil {
		change(p)
	}
	return p
}

func inTemp(exe string) func(*model.Process) {
	return func(p *model.Process) {
		p.Exe, p.Origin = exe, model.OriginTemp
		p.Comm = exe[strings.LastIndex(exe, "/")+1:]
		p.Argv = []string{exe}
	}
}

func busy(p *model.Process) { p.Cores = 4 }

func onFUSE(p *model.Process) { p.ExeFUSE = true }

func childOf(parent *model.Process, tool model.Origin) func(*model.Process) {
	return func(p *model.Process) {
		p.PPID = parent.PID
		p.Parent = &model.Ancestor{Identity: parent.Identity, Comm: parent.Comm, Exe: parent.Exe, User: parent.User, Origin: tool, Started: parent.Started}
	}
}

func all(changes ...func(*model.Process)) func(*model.Process) {
	return func(p *model.Process) {
		for _, change := range changes {
			change(p)
		}
	}
}

func snapshotOf(processes ...*model.Process) *model.Snapshot {
	slices.SortFunc(processes, func(a, b *model.Process) int { return a.PID - b.PID })
	return &model.Snapshot{Time: noon, Processes: &model.ProcessSnapshot{Processes: processes, Respawns: map[string]model.Respawn{}}}
}

func evaluate(t *testing.T, s *model.Snapshot, settings policy.Policy) []model.Finding {
	t.Helper()
	catalogue, err := catalogue.New()
	if err != nil {
		t.Fatal(err)
	}
	return Evaluate(s, settings, catalogue, exposure.Find(s, catalogue))
}

// TestAttacksAndBenignCounterparts holds each rule to an attack that it must name and
// to a benign counterpart that must stay at info or below.
func TestAttacksAndBenignCounterparts(t *testing.T) {
	t.Parallel()
	goTool := process(900, func(p *model.Process) { p.Comm, p.Exe, p.Origin = "go", "/usr/local/go/bin/go", model.OriginLocal })
	stolenTool := process(901, all(inTemp("/tmp/go"), func(p *model.Process) { p.Comm = "go" }))
	shim := process(902, func(p *model.Process) { p.Exe = "/usr/bin/containerd-shim-runc-v2" })
	runc := func(p *model.Process) {
		p.Comm, p.Exe, p.Origin = "runc:[2:INIT]", "/memfd:runc_cloned:/proc/self/exe", model.OriginMemfd
	}
	fresh := func(p *model.Process) { p.Started, p.CPUSeconds = noon.Add(-time.Minute), 0.1 }
	hash := strings.Repeat("ab", 32)
	for _, test := range []struct {
		name     string
		process  *model.Process
		rule     string
		severity model.Severity
		mention  string
	}{
		{"kdevtmpfsi", process(10, inTemp("/tmp/kdevtmpfsi")), rules.KnownMinerName, model.Critical, "kdevtmpfsi"},
		{"numbered copy", process(10, inTemp("/tmp/kdevtmpfsi123456")), rules.KnownMinerName, model.Critical, "kdevtmpfsi123456"},
		{"name in comm only", process(10, func(p *model.Process) { p.Comm = "kinsing" }), rules.KnownMinerName, model.Critical, "process name"},
		{"benign: the real kernel thread", process(10, func(p *model.Process) { p.Comm, p.Exe, p.Origin = "kdevtmpfs", "", model.OriginKernel }), "", "", ""},
		{"benign: an editor of the file", process(10, func(p *model.Process) {
			p.Comm, p.Exe, p.Argv = "vim", "/usr/bin/vim.basic", []string{"vim", "/tmp/kdevtmpfsi"}
		}), "", "", ""},

		{"hash on the list", process(10, func(p *model.Process) { p.SHA256 = hash }), rules.KnownMinerHash, model.Critical, hash},
		{"benign: another hash", process(10, nil), "", "", ""},

		{"stratum", process(10, func(p *model.Process) { p.Argv = []string{"worker", "-o", "stratum+tcp://127.0.0.1:3333"} }), rules.MinerCommandLine, model.Critical, "stratum+tcp"},
		{"donate level", process(10, func(p *model.Process) { p.Argv = []string{"worker", "--Donate-Level=1"} }), rules.MinerCommandLine, model.Critical, "Donate-Level"},
		{"benign: grep for it", process(10, func(p *model.Process) { p.Exe, p.Argv = "/usr/bin/grep", []string{"grep", "stratum+tcp://"} }), "", "", ""},
		{"a grep in temp is no grep", process(10, all(inTemp("/tmp/grep"), func(p *model.Process) { p.Argv = []string{"grep", "stratum+tcp://x"} })), rules.MinerCommandLine, model.Critical, "stratum"},

		{"benign: rg of an editor searches for it", process(10, func(p *model.Process) {
			p.Exe, p.Origin = "/home/alice/.vscode-server/cli/servers/x/node_modules/@vscode/ripgrep/bin/rg", model.OriginHome
			p.Argv = []string{"rg", "--json", "-e", "--donate-level", "-e", "stratum\\+tcp://", "/home/alice"}
		}), "", "", ""},
		{"benign: so does one of cargo, and burns", process(10, all(func(p *model.Process) {
			p.Exe, p.Origin, p.Argv = "/home/alice/.cargo/bin/rg", model.OriginHome, []string{"rg", "stratum+tcp://pool:3333", "."}
		}, busy)), rules.SustainedCPU, model.Info, ""},
		{"benign: ack is a script", process(10, func(p *model.Process) {
			p.Exe, p.Script, p.Argv = "/usr/bin/perl", "/usr/bin/ack", []string{"perl", "/usr/bin/ack", "stratum+tcp://"}
		}), "", "", ""},
		{"benign: grep of Nix", process(10, func(p *model.Process) {
			p.Exe, p.Origin, p.Argv = "/nix/store/abc-gnugrep/bin/grep", model.OriginOther, []string{"grep", "-r", "stratum+tcp://"}
		}), "", "", ""},
		{"a miner at home that is called rg", process(10, func(p *model.Process) {
			p.Exe, p.Origin, p.Argv = "/home/alice/bin/rg", model.OriginHome, []string{"rg", "-o", "stratum+tcp://pool:3333", "-u", "4" + strings.Repeat("A", 94)}
		}), rules.MinerCommandLine, model.Critical, "stratum"},
		{"a rg in temp is no rg", process(10, all(inTemp("/tmp/rg"), func(p *model.Process) { p.Argv = []string{"rg", "stratum+tcp://x"} })), rules.MinerCommandLine, model.Critical, "stratum"},
		{"a hidden rg is no rg", process(10, func(p *model.Process) {
			p.Exe, p.Origin, p.Argv = "/home/alice/.../rg", model.OriginHome, []string{"rg", "stratum+tcp://x"}
		}), rules.MinerCommandLine, model.Critical, "stratum"},
		{"another program at home with such a word", process(10, func(p *model.Process) {
			p.Exe, p.Origin, p.Argv = "/home/alice/bin/app", model.OriginHome, []string{"app", "stratum+tcp://x"}
		}), rules.MinerCommandLine, model.Critical, "stratum"},
		{"ddgs, the miner", process(10, inTemp("/tmp/ddgs.3013")), rules.KnownMinerName, model.Critical, "ddgs.3013"},
		{"ddgs where no program belongs", process(10, func(p *model.Process) { p.Exe, p.Origin = "/etc/ddgs", model.OriginOther }), rules.KnownMinerName, model.Critical, "ddgs"},
		{"benign: ddgs of pip", process(10, func(p *model.Process) {
			p.Comm, p.Exe, p.Script = "ddgs", "/usr/bin/python3.11", "/home/alice/.local/bin/ddgs"
			p.Argv = []string{"/usr/bin/python3", "/home/alice/.local/bin/ddgs", "text", "-k", "cats"}
		}), "", "", ""},
		{"benign: ddgs of pip in temp", process(10, func(p *model.Process) {
			p.Comm, p.Exe, p.Script, p.Argv = "ddgs", "/usr/bin/python3.11", "/tmp/venv/bin/ddgs", []string{"python3", "/tmp/venv/bin/ddgs"}
		}), "", "", ""},

		{"runs from temp", process(10, inTemp("/var/tmp/x")), rules.RunsFromTemp, model.Warning, "/var/tmp"},
		{"burns from temp", process(10, all(inTemp("/tmp/x"), busy)), rules.RunsFromTemp, model.Critical, "4.0 cores"},
		{"benign: go test", process(10, all(inTemp("/tmp/go-build1/b001/x.test"), busy, childOf(goTool, model.OriginLocal))), rules.RunsFromTemp, model.Info, ""},
		{"not exempt: go from temp", process(10, all(inTemp("/tmp/x"), busy, childOf(stolenTool, model.OriginTemp))), rules.RunsFromTemp, model.Critical, ""},
		{"not exempt: another user's go", process(10, all(inTemp("/tmp/x"), busy, childOf(goTool, model.OriginLocal), func(p *model.Process) { p.User = "www-data" })), rules.RunsFromTemp, model.Critical, ""},
		{"not exempt: an indicator under go", process(10, all(inTemp("/tmp/xmrig"), childOf(goTool, model.OriginLocal))), rules.KnownMinerName, model.Critical, ""},
		{"benign: AppImage", process(10, all(inTemp("/tmp/.mount_app1/AppRun"), onFUSE, busy, childOf(process(2, func(p *model.Process) { p.Exe = "/home/alice/App.AppImage" }), model.OriginHome))), rules.HiddenPath, model.Info, "AppImage"},

		{"hidden directory", process(10, inTemp("/tmp/.ICEd-unix/x")), rules.HiddenPath, model.Warning, "/tmp/.ICEd-unix/x"},
		{"directory of dots", process(10, func(p *model.Process) { p.Exe, p.Origin = "/home/alice/.../x", model.OriginHome }), rules.HiddenPath, model.Warning, "..."},
		{"directory of a space", process(10, inTemp("/dev/shm/ /x")), rules.HiddenPath, model.Warning, ""},
		{"benign: ~/.cargo", process(10, all(func(p *model.Process) { p.Exe, p.Origin = "/home/alice/.cargo/bin/x", model.OriginHome }, busy)), rules.SustainedCPU, model.Info, ""},
		{"benign: a wrapper of Nix", process(10, func(p *model.Process) { p.Exe, p.Origin = "/nix/store/abc/bin/.firefox-wrapped", model.OriginOther }), "", "", ""},

		{"deleted", process(10, func(p *model.Process) { p.Exe, p.Origin, p.ExeDeleted = "/tmp/x", model.OriginDeleted, true }), rules.DeletedExecutable, model.Warning, "/tmp/x"},
		{"deleted and busy", process(10, all(func(p *model.Process) { p.Exe, p.Origin, p.ExeDeleted = "/home/alice/x", model.OriginDeleted, true }, busy)), rules.DeletedExecutable, model.Critical, ""},
		{"benign: rebuilt at home", process(10, all(func(p *model.Process) {
			p.Exe, p.Origin, p.ExeDeleted, p.ExeReplaced = "/home/alice/x", model.OriginDeleted, true, true
		}, busy)), rules.SustainedCPU, model.Info, ""},
		{"benign: package upgrade", process(10, func(p *model.Process) { p.Exe, p.ExeDeleted, p.ExeReplaced = "/usr/sbin/sshd", true, true }), "", "", ""},

		{"memfd", process(10, all(func(p *model.Process) { p.Exe, p.Origin, p.ExeDeleted = "/memfd:x", model.OriginMemfd, true }, busy)), rules.MemfdExecutable, model.Critical, "/memfd:x"},
		{"fresh memfd", process(10, func(p *model.Process) {
			p.Exe, p.Origin, p.Started, p.CPUSeconds = "/memfd:x", model.OriginMemfd, noon.Add(-time.Minute), 0.1
		}), rules.MemfdExecutable, model.Warning, "/memfd:x"},
		{"benign: an agent's idle copy of itself", process(10, func(p *model.Process) { p.Exe, p.Origin = "/memfd:sealed", model.OriginMemfd }), rules.MemfdExecutable, model.Info, "idle"},
		{"not exempt: it wakes up", process(10, func(p *model.Process) { p.Exe, p.Origin, p.Cores = "/memfd:x", model.OriginMemfd, 0.2 }), rules.MemfdExecutable, model.Warning, ""},
		{"benign: runc", process(10, all(fresh, runc, childOf(shim, model.OriginSystem))), rules.MemfdExecutable, model.Info, "container runtime"},
		{"not exempt: called runc", process(10, all(fresh, runc)), rules.MemfdExecutable, model.Warning, "runc_cloned"},
		{"not exempt: a container that burns", process(10, all(fresh, runc, childOf(shim, model.OriginSystem), busy, func(p *model.Process) { p.CPUSeconds = 240 })), rules.MemfdExecutable, model.Critical, ""},

		{"benign: training", process(10, all(func(p *model.Process) { p.Exe, p.Comm = "/usr/bin/python3.11", "python3" }, func(p *model.Process) { p.Cores = 16 })), rules.SustainedCPU, model.Info, "16.0 cores"},
		{"benign: compile", process(10, all(func(p *model.Process) { p.Exe = "/usr/lib/gcc/cc1plus" }, func(p *model.Process) { p.Cores, p.CoresSpan = 1, 20*time.Second })), "", "", ""},
		{"benign: a pause is not sustained", process(10, func(p *model.Process) { p.Cores = 0.5 }), "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			findings := evaluate(t, snapshotOf(process(1, nil), test.process, goTool, shim), policy.Policy{Hashes: map[string]bool{hash: true}})
			if test.rule == "" {
				if len(findings) != 0 {
					t.Errorf("found %+v", findings)
				}
				return
			}
			if len(findings) != 1 {
				t.Fatalf("%d findings, want 1", len(findings))
			}
			f := findings[0]
			if f.Rule != test.rule || f.Severity != test.severity {
				t.Errorf("got %s %s, want %s %s", f.Severity, f.Rule, test.severity, test.rule)
			}
			if text := strings.Join(append(f.Evidence, f.Exempted), " "); !strings.Contains(text, test.mention) {
				t.Errorf("%q does not mention %q", text, test.mention)
			}
			if f.Technique == "" || f.Title == "" || f.ID != "suspect:"+test.process.Suspect() {
				t.Errorf("incomplete: %+v", f)
			}
		})
	}
}

func TestRespawnNeedsAGuardianOrAHabit(t *testing.T) {
	t.Parallel()
	for count, want := range map[int]model.Severity{1: model.Warning, 2: model.Warning, 3: model.Critical} {
		s := snapshotOf(process(10, inTemp("/tmp/job")))
		history := model.Respawn{Count: uint64(count)}
		for i := range count {
			history.Recent = append(history.Recent, noon.Add(-time.Duration(i)*time.Minute))
		}
		s.Processes.Respawns[s.Processes.Processes[0].SHA256] = history
		if got := evaluate(t, s, policy.Policy{})[0].Severity; got != want {
			t.Errorf("%d respawns: %s, want %s", count, got, want)
		}
	}
	// The benign counterpart: a service of the system in a crash loop.
	s := snapshotOf(process(10, nil))
	s.Processes.Respawns["/usr/bin/worker"] = model.Respawn{Count: 50, Recent: []time.Time{noon, noon, noon, noon}}
	if findings := evaluate(t, s, policy.Policy{}); len(findings) != 0 {
		t.Errorf("a crash loop of the system: %+v", findings)
	}
}

func TestTwoHalvesMakeAWhole(t *testing.T) {
	t.Parallel()
	half := func(p *model.Process) { p.Cores, p.SHA256 = 0.45, strings.Repeat("cd", 32) }
	findings := evaluate(t, snapshotOf(process(10, all(inTemp("/tmp/a"), half)), process(11, all(inTemp("/tmp/b"), half))), policy.Policy{})
	if len(findings) != 1 || findings[0].Severity != model.Critical || findings[0].Suspect.Instances != 2 {
		t.Errorf("two miners at half a core each: %+v", findings)
	}
}

func TestOwnProcessIsNoSuspect(t *testing.T) {
	t.Parallel()
	if findings := evaluate(t, snapshotOf(process(10, all(inTemp("/tmp/cryptojack_exporter"), busy))), policy.Policy{OwnPID: 10}); len(findings) != 0 {
		t.Errorf("%+v", findings)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	s := &model.Snapshot{Time: noon, Files: &model.FileSnapshot{Files: []model.File{
		{Path: "/tmp/kdevtmpfsi", Directory: "/tmp", Reason: model.FileRunning, KnownMiner: true},
		{Path: "/tmp/kinsing", Directory: "/tmp", Reason: model.FileKnownMiner, KnownMiner: true},
		{Path: "/tmp/.x", Directory: "/tmp", Reason: model.FileHidden, Hidden: true},
		{Path: "/tmp/tool", Directory: "/tmp", Reason: model.FileELF},
	}}}
	got := map[string]model.Severity{}
	for _, f := range evaluate(t, s, policy.Policy{}) {
		got[f.File.Path] = f.Severity
	}
	want := map[string]model.Severity{"/tmp/kinsing": model.Warning, "/tmp/.x": model.Warning, "/tmp/tool": model.Info}
	for path, severity := range want {
		if got[path] != severity {
			t.Errorf("%s: %q, want %q", path, got[path], severity)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v: what runs is told as a suspect", got)
	}
}

func TestServices(t *testing.T) {
	t.Parallel()
	s := incident()
	s.Processes = nil
	s.Sockets.Sockets = append(s.Sockets.Sockets,
		model.Socket{Protocol: model.TCP, Address: "::", Port: 6379, Scope: model.ScopeAny, App: "redis", Confidence: model.ConfidencePort},
		model.Socket{Protocol: model.TCP, Address: "127.0.0.1", Port: 2375, Scope: model.ScopeLoopback, App: "docker", Confidence: model.ConfidenceEvidence},
	)
	findings := evaluate(t, s, policy.Policy{})
	if len(findings) != 2 || findings[0].Severity != model.Warning || findings[1].Severity != model.Info {
		t.Fatalf("%+v", findings)
	}
	if text := strings.Join(findings[1].Evidence, " "); !strings.Contains(text, "[::]:6379") || !strings.Contains(text, "weak evidence") {
		t.Errorf("by port alone: %q", text)
	}
}

func TestHostileNamesAreEscaped(t *testing.T) {
	t.Parallel()
	p := process(10, inTemp("/tmp/\x1b[2J\xff\n"+strings.Repeat("x", 4000)))
	for _, f := range evaluate(t, snapshotOf(p), policy.Policy{}) {
		for _, sentence := range append(f.Evidence, f.Title) {
			if strings.ContainsAny(sentence, "\x1b\n") || !utf8.ValidString(sentence) || len(sentence) > 1000 {
				t.Errorf("%q", sentence)
			}
		}
	}
}

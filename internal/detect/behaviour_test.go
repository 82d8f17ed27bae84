package detect

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

func looking(look model.Inspection) func(*model.Process) {
	return func(p *model.Process) { p.Inspection = &look }
}

func at(origin model.Origin, exe string) func(*model.Process) {
	return func(p *model.Process) {
		p.Exe, p.Origin, p.Comm = exe, origin, exe[strings.LastIndex(exe, "/")+1:]
		p.Argv = []string{exe}
	}
}

func named(comm string) func(*model.Process) { return func(p *model.Process) { p.Comm = comm } }

func arguments(words ...string) func(*model.Process) {
	return func(p *model.Process) { p.Argv = words }
}

func running(script string) func(*model.Process) {
	return func(p *model.Process) { p.Exe, p.Comm, p.Script = "/usr/bin/python3.11", "python3", script }
}

func throttled(cores float64, span time.Duration) func(*model.Process) {
	return func(p *model.Process) { p.Cores, p.ConstantCores, p.ConstantSpan = cores, cores, span }
}

// TestBehaviourAndBenignCounterparts holds each sign of behaviour and disguise to an
// attack, alone and with a second kind of evidence, and to benign counterparts.
func TestBehaviourAndBenignCounterparts(t *testing.T) {
	t.Parallel()
	wallet := "4" + strings.Repeat("8AJ", 31) + "x"
	fast := resident(model.MemoryShape{Signature: model.SignatureRandomXFast, KiB: 2_129_920, Exact: true, CompiledKiB: 96})
	home := at(model.OriginHome, "/home/alice/bin/worker")
	opt := at(model.OriginLocal, "/opt/app/worker")
	temp := inTemp("/tmp/x")
	pip := process(900, at(model.OriginSystem, "/usr/bin/pip3"))
	for _, test := range []struct {
		name     string
		change   func(*model.Process)
		rule     string
		severity model.Severity
		mention  string
	}{
		{"wallet", arguments("worker", "-u", wallet+".rig"), rules.MinerCommandLine, model.Critical, "Monero wallet"},
		{"benign: a long token", arguments("worker", "--token="+strings.Repeat("a1", 60)), "", "", ""},
		{"benign: a path with its words", arguments("worker", "/srv/"+strings.Repeat("x", 95)), "", "", ""},
		{"script called as a miner", running("/opt/xmrig.py"), rules.KnownMinerName, model.Critical, "script"},

		{"RandomX memory", all(opt, fast), rules.RandomXMemory, model.Warning, "2129920 KiB"},
		{"RandomX memory and load", all(opt, fast, busy), rules.RandomXMemory, model.Critical, "4.0 cores"},
		{"RandomX light in temp", all(temp, resident(model.MemoryShape{Signature: model.SignatureRandomXLight, KiB: 262144, Scratchpads: 2, CompiledKiB: 96})), rules.RunsFromTemp, model.Critical, "scratchpad"},
		{"benign: a JIT engine that was looked at", all(opt, looking(model.Inspection{}), busy), rules.SustainedCPU, model.Info, ""},

		{"throttled and RandomX", all(opt, fast, throttled(.4, 10*time.Minute)), rules.RandomXMemory, model.Critical, "0.4 cores"},
		{"throttled in temp", all(temp, throttled(.3, 10*time.Minute)), rules.RunsFromTemp, model.Critical, "10 min"},
		{"benign: a steady service", all(opt, throttled(.4, 10*time.Minute)), rules.ThrottledCPU, model.Info, ""},
		{"benign: steady for a moment", all(opt, throttled(.4, 3*time.Minute)), "", "", ""},

		{"MSR and load", all(opt, looking(model.Inspection{MSR: true}), busy), rules.MSRAccess, model.Critical, "/msr"},
		{"benign: turbostat", all(opt, looking(model.Inspection{MSR: true})), "", "", ""},
		{"benign: huge pages of a database", all(opt, looking(model.Inspection{HugePagesKiB: 8 << 20}), busy), rules.SustainedCPU, model.Info, "huge pages"},
		{"benign: equal threads of a training job", all(opt, looking(model.Inspection{EqualThreads: 16}), busy), rules.SustainedCPU, model.Info, "16 of its threads"},

		{"bracketed", all(home, arguments("[kworker/0:2]")), rules.KernelThreadName, model.Warning, "[kworker/0:2]"},
		{"name of a kernel thread", all(home, named("kswapd0")), rules.KernelThreadName, model.Warning, "kswapd0"},
		{"of the system, and burns", all(named("kworker/u8:3"), busy), rules.KernelThreadName, model.Critical, "/usr/bin/worker"},
		{"not exempt: under go", all(temp, arguments("[kauditd]"), childOf(process(900, at(model.OriginLocal, "/usr/local/go/bin/go")), model.OriginLocal)), rules.RunsFromTemp, model.Critical, ""},
		{"benign: a title in brackets", arguments("[celeryd: worker@host:MainProcess] -active-"), "", "", ""},
		{"benign: migration", all(home, named("migration")), "", "", ""},
		{"benign: (sd-pam)", arguments("(sd-pam)"), "", "", ""},
		{"benign: the kernel's own", func(p *model.Process) { p.Comm, p.Exe, p.Origin, p.Argv = "kswapd0", "", model.OriginKernel, nil }, "", "", ""},

		{"nearly a kernel thread", at(model.OriginHome, "/home/alice/kdevtmpfsj"), rules.LookalikeName, model.Warning, "kdevtmpfs"},
		{"nearly a daemon", at(model.OriginOther, "/etc/systemd-network1"), rules.LookalikeName, model.Warning, "systemd-networkd"},
		{"just a daemon, elsewhere", at(model.OriginWeb, "/var/www/sshd"), rules.LookalikeName, model.Warning, "sshd"},
		{"nearly a server, in temp", inTemp("/tmp/nginxs"), rules.RunsFromTemp, model.Critical, "nginx"},
		{"benign: a server that a test runs from temp", inTemp("/tmp/redis-server"), rules.RunsFromTemp, model.Warning, ""},
		{"benign: an own build of a server", at(model.OriginHome, "/home/alice/nginx/objs/nginx"), "", "", ""},
		{"benign: versioned", at(model.OriginHome, "/home/alice/.pyenv/bin/python3.11"), "", "", ""},
		{"nearly a daemon, installed", at(model.OriginLocal, "/usr/local/lib/systemd-networkd1"), rules.LookalikeName, model.Warning, "systemd-networkd"},
		{"benign: a newer sshd", at(model.OriginLocal, "/usr/local/sbin/sshd"), "", "", ""},
		{"nearly a daemon, in a directory of its own at home", at(model.OriginHome, "/home/alice/x/systemd-logind2"), rules.LookalikeName, model.Warning, "systemd-logind"},
		{"just a daemon, at the top of a home", at(model.OriginHome, "/home/alice/sshd"), rules.LookalikeName, model.Warning, "sshd"},
		{"just a daemon, in a hidden directory of a home", at(model.OriginHome, "/home/alice/.configrc/bin/crond"), rules.LookalikeName, model.Warning, "crond"},
		{"nearly a daemon with a short name, in temp", inTemp("/tmp/smarte"), rules.RunsFromTemp, model.Critical, "smartd"},
		{"benign: a tool for audits at home", at(model.OriginHome, "/home/alice/bin/audit"), "", "", ""},
		{"benign: it burns", all(at(model.OriginHome, "/home/alice/bin/audit"), busy), rules.SustainedCPU, model.Info, "auditd"},
		{"benign: a DHCP server that was built here", all(at(model.OriginLocal, "/usr/local/sbin/dhcpd"), busy), rules.SustainedCPU, model.Info, ""},
		{"benign: kcrypt", at(model.OriginHome, "/home/alice/go/kcrypt"), "", "", ""},
		{"benign: httpx of pip in temp", inTemp("/tmp/venv/bin/httpx"), rules.RunsFromTemp, model.Warning, ""},
		{"benign: the router of MongoDB in temp", inTemp("/tmp/mongos"), rules.RunsFromTemp, model.Warning, ""},
		{"benign: a daemon of conda", at(model.OriginHome, "/home/alice/miniconda3/bin/dbus-daemon"), "", "", ""},
		{"benign: sshd of Nix", at(model.OriginOther, "/nix/store/abc-openssh/bin/sshd"), "", "", ""},
		{"benign: a daemon of a snap", at(model.OriginOther, "/snap/core22/1/usr/lib/systemd/systemd"), "", "", ""},
		{"benign: other k-names", at(model.OriginHome, "/home/alice/bin/kdevelop"), "", "", ""},
		{"benign: kubectl", at(model.OriginHome, "/home/alice/bin/kubectl"), "", "", ""},

		{"wiped arguments", all(home, func(p *model.Process) { p.ArgvErased, p.Argv = true, nil }), rules.ForgedArguments, model.Warning, "wiped"},
		{"arguments of another", all(home, arguments("/usr/sbin/sshd", "-D")), rules.ForgedArguments, model.Warning, "/usr/sbin/sshd"},
		{"arguments of another, and burns", all(home, busy, arguments("/usr/bin/python3")), rules.ForgedArguments, model.Critical, "/usr/bin/python3"},
		{"benign: a link of root's leads to it", all(home, busy, arguments("/usr/bin/python3"), func(p *model.Process) { p.ArgvIsExe = true }), rules.SustainedCPU, model.Info, ""},
		{"not exempt: wiped, though a link leads to it", all(home, func(p *model.Process) { p.ArgvErased, p.ArgvIsExe = true, true }), rules.ForgedArguments, model.Warning, "wiped"},
		{"name of a login shell, in temp", all(temp, arguments("-bash")), rules.RunsFromTemp, model.Critical, "shows -bash"},
		{"name of a shell alone, in temp", all(temp, arguments("sh")), rules.RunsFromTemp, model.Warning, "/tmp"},
		{"benign: name of a login shell, at home", all(home, arguments("-zsh")), "", "", ""},
		{"title of a server, in temp", all(temp, arguments("nginx: worker process")), rules.RunsFromTemp, model.Critical, "shows nginx: worker"},
		{"wiped, installed, and burns", all(opt, busy, func(p *model.Process) { p.ArgvErased, p.Argv = true, nil }), rules.ForgedArguments, model.Critical, "wiped"},
		{"benign: wiped by a program of the system", all(func(p *model.Process) { p.ArgvErased = true }, busy), rules.SustainedCPU, model.Info, "wiped"},
		{"benign: a login shell", all(at(model.OriginSystem, "/usr/bin/bash"), arguments("-bash")), "", "", ""},
		{"benign: a title at home", all(home, arguments("worker: idle")), "", "", ""},
		{"benign: a link in the path", all(home, arguments("/usr/bin/worker")), "", "", ""},

		{"memory hangs in temp", all(temp, hanging(time.Minute)), rules.RunsFromTemp, model.Critical, "cannot be read"},
		{"memory hangs, and computes", all(opt, hanging(time.Minute), busy), rules.MemoryHangs, model.Critical, "cannot be read"},
		{"benign: waits for a dead file server", all(opt, hanging(time.Hour)), "", "", ""},
		{"benign: a late answer", all(temp, hanging(5*time.Second)), rules.RunsFromTemp, model.Warning, ""},

		{"preloaded from temp", all(opt, looking(model.Inspection{Preload: "/usr/lib/libjemalloc.so:/dev/shm/x.so"}), busy), rules.PreloadedLibrary, model.Critical, "/dev/shm/x.so"},
		{"benign: jemalloc", all(opt, looking(model.Inspection{Preload: "/usr/lib/libjemalloc.so.2"}), busy), rules.SustainedCPU, model.Info, ""},
		{"packed in temp", all(temp, looking(model.Inspection{Packed: true})), rules.RunsFromTemp, model.Critical, "UPX"},
		{"benign: packed and installed", all(opt, looking(model.Inspection{Packed: true}), busy), rules.SustainedCPU, model.Info, "UPX"},
		{"benign: static in temp", all(temp, looking(model.Inspection{Static: true})), rules.RunsFromTemp, model.Warning, "statically"},

		{"library of /tmp in a program of the system", looking(model.Inspection{Library: "/tmp/exp.so"}), rules.ForeignLibrary, model.Warning, "/tmp/exp.so"},
		{"library of /tmp in a busy one", all(looking(model.Inspection{Library: "/tmp/exp.so"}), busy), rules.ForeignLibrary, model.Critical, "/tmp/exp.so"},
		{"benign: R with what it has compiled", all(at(model.OriginSystem, "/usr/lib/R/bin/exec/R"), looking(model.Inspection{Library: "/tmp/RtmpX/sourceCpp_1.so"}), busy), rules.SustainedCPU, model.Info, ""},
		{"benign: a program of /opt that serves nobody", all(opt, looking(model.Inspection{Library: "/tmp/x.so"}), busy), rules.SustainedCPU, model.Info, ""},
		{"benign: a plugin of a compiler", all(looking(model.Inspection{Library: "/tmp/plugin.so"}), func(p *model.Process) { p.CPUSeconds = 3 }), "", "", ""},
		{"benign: a JVM with a library in /tmp", all(looking(model.Inspection{Library: "/tmp/jna.so", Runtime: true}), busy), rules.SustainedCPU, model.Info, "/tmp/jna.so"},
		{"benign: python with a library in /tmp", all(running("/home/alice/train.py"), looking(model.Inspection{Library: "/tmp/x.so"}), busy), rules.SustainedCPU, model.Info, "/tmp/x.so"},
		{"benign: a program that unpacks itself", all(opt, looking(model.Inspection{Library: "/tmp/_MEI1/libz.so"}), busy), rules.SustainedCPU, model.Info, ""},

		{"script in temp", all(running("/tmp/x.py"), busy), rules.ScriptFromTemp, model.Warning, "/tmp/x.py"},
		{"script in a hidden place", all(running("/dev/shm/.a/x.pl"), func(p *model.Process) { p.Cores = .6 }), rules.ScriptFromTemp, model.Warning, ""},
		{"benign: a quick script in temp", running("/tmp/x.py"), "", "", ""},
		{"benign: a script at home", all(running("/home/alice/train.py"), busy), rules.SustainedCPU, model.Info, ""},
		{"benign: pip builds there", all(running("/tmp/pip-install-x/setup.py"), busy, childOf(pip, model.OriginSystem)), rules.ScriptFromTemp, model.Info, "pip3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			findings := evaluate(t, snapshotOf(process(1, nil), process(10, test.change), pip), policy.Policy{})
			if test.rule == "" {
				if len(findings) != 0 {
					t.Errorf("found %s %s: %v", findings[0].Severity, findings[0].Rule, findings[0].Evidence)
				}
				return
			}
			if len(findings) != 1 {
				t.Fatalf("%d findings, want 1", len(findings))
			}
			f := findings[0]
			if f.Rule != test.rule || f.Severity != test.severity {
				t.Errorf("got %s %s, want %s %s: %v", f.Severity, f.Rule, test.severity, test.rule, f.Evidence)
			}
			if text := strings.Join(append(f.Evidence, f.Exempted), " "); !strings.Contains(text, test.mention) {
				t.Errorf("%q does not mention %q", text, test.mention)
			}
		})
	}
}

// TestPoolConnections looks at the connections of one busy process.
func TestPoolConnections(t *testing.T) {
	t.Parallel()
	pools := []policy.Pool{{Prefix: netip.MustParsePrefix("192.0.2.0/24")}, {Prefix: netip.MustParsePrefix("198.51.100.7/32"), Port: 443}}
	for _, test := range []struct {
		name    string
		change  func(*model.Process)
		remotes []string
		want    model.Severity
		match   model.PoolMatch
	}{
		{"on the list", nil, []string{"192.0.2.9:443"}, model.Warning, model.PoolHost},
		{"on the list, and burns", busy, []string{"192.0.2.9:443"}, model.Critical, model.PoolHost},
		{"on the list with its port", busy, []string{"198.51.100.7:443"}, model.Critical, model.PoolHost},
		{"benign: another port there", busy, []string{"198.51.100.7:80", "198.51.100.7:81"}, model.Info, ""},
		{"a pool's port, and burns", busy, []string{"203.0.113.5:14444"}, model.Critical, model.PoolPort},
		{"a pool's port on this host, from temp", inTemp("/tmp/x"), []string{"127.0.0.1:3333"}, model.Critical, model.PoolPort},
		{"a pool's port nearby, from temp", inTemp("/tmp/x"), []string{"10.1.2.3:45700"}, model.Critical, model.PoolPort},
		{"a pool's port nearby, from a hidden directory", func(p *model.Process) { p.Exe, p.Origin = "/var/lib/.../x", model.OriginOther }, []string{"10.1.2.3:45700"}, model.Critical, model.PoolPort},
		{"a pool's port in the next network, and burns", busy, []string{"203.0.114.5:45700"}, model.Critical, model.PoolPort},
		{"a pool's port over IPv6, and burns", busy, []string{"[2001:db8:1::9]:3333"}, model.Critical, model.PoolPort},
		{"benign: a worker of Ray on this host", busy, []string{"127.0.0.1:14444"}, model.Info, ""},
		{"benign: port 3333 on this host, installed", busy, []string{"127.0.0.1:3333"}, model.Info, ""},
		{"benign: a scheduler of Dask", busy, []string{"10.1.2.3:33333", "10.1.2.4:37329"}, model.Info, ""},
		{"benign: torchrun behind a carrier's NAT", busy, []string{"100.64.3.4:45560"}, model.Info, ""},
		{"benign: NCCL over IPv6", busy, []string{"[fe80::1]:45700", "[fd00::1]:45700"}, model.Info, ""},
		{"benign: Spark in the same public network", busy, []string{"192.88.99.7:45700"}, model.Info, ""},
		{"benign: the same over IPv6", busy, []string{"[2001:db8::9]:45700"}, model.Info, ""},
		{"benign: the same, as IPv4 within IPv6", busy, []string{"[::ffff:10.1.2.3]:45700"}, model.Info, ""},
		{"a shared port, from temp", inTemp("/tmp/x"), []string{"203.0.113.5:5555"}, model.Critical, model.PoolPort},
		{"benign: a shared port, installed", busy, []string{"203.0.113.5:5555"}, model.Info, ""},
		{"benign: a crawler", busy, []string{"203.0.113.1:3333", "203.0.113.2:80", "203.0.113.3:80", "203.0.113.4:80", "203.0.113.5:80"}, model.Info, ""},
		{"by behaviour only", busy, []string{"203.0.113.5:443"}, model.Info, model.PoolStratum},
		{"benign: idle", nil, []string{"203.0.113.5:443"}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := process(10, test.change)
			s := snapshotOf(p)
			s.Sockets = &model.SocketSnapshot{}
			for _, remote := range test.remotes {
				local := netip.MustParseAddrPort("192.88.99.200:50000")
				if strings.HasPrefix(remote, "[2001") {
					local = netip.MustParseAddrPort("[2001:db8::1]:50000")
				}
				s.Sockets.Connections = append(s.Sockets.Connections, model.Connection{
					Owner: p.Identity, Remote: netip.MustParseAddrPort(remote), Local: local, Outbound: true, Since: noon.Add(-time.Hour),
				})
			}
			settings := policy.Policy{Pools: pools}
			findings := evaluate(t, s, settings)
			var got model.Severity
			if len(findings) > 0 {
				got = findings[0].Severity
			}
			if got != test.want {
				t.Errorf("%q, want %q: %+v", got, test.want, findings)
			}
			counts := Pools(s, settings)
			for _, match := range model.PoolMatches() {
				want := 0
				if match == test.match {
					want = 1
				}
				if counts[match] != want {
					t.Errorf("%d connections by %s, want %d", counts[match], match, want)
				}
			}
		})
	}
}

// largeHost has 30,000 processes, four of them suspects.
func largeHost(b *testing.B) (*model.Snapshot, *catalogue.Catalogue) {
	b.Helper()
	catalogue, err := catalogue.New()
	if err != nil {
		b.Fatal(err)
	}
	s := snapshotOf()
	for pid := range 30_000 {
		s.Processes.Processes = append(s.Processes.Processes, process(pid+10, nil))
	}
	for pid := range 4 {
		s.Processes.Processes[pid*1000] = process(pid*1000+10, all(inTemp("/tmp/x"), busy))
	}
	return s, catalogue
}

// BenchmarkEvaluate evaluates a large host that was never seen before.
func BenchmarkEvaluate(b *testing.B) {
	s, catalogue := largeHost(b)
	b.ReportAllocs()
	for b.Loop() {
		if found := Evaluate(s, policy.Policy{}, catalogue, nil); len(found) != 4 {
			b.Fatalf("%d findings", len(found))
		}
	}
}

// BenchmarkEvaluateByChange evaluates the next sample of a large host, about some of whose
// processes something has changed.
func BenchmarkEvaluateByChange(b *testing.B) {
	for _, changed := range []int{0, 100, 1000} {
		b.Run(fmt.Sprintf("%d", changed), func(b *testing.B) {
			s, catalogue := largeHost(b)
			evaluator := NewEvaluator(policy.Policy{}, catalogue)
			evaluator.Evaluate(s, nil)
			samples := [2]*model.ProcessSnapshot{s.Processes}
			next := *s.Processes
			next.Processes = slices.Clone(next.Processes)
			for i := range changed {
				other := *next.Processes[i*29+1]
				other.CPUSeconds++
				next.Processes[i*29+1] = &other
			}
			samples[1] = &next
			at := 0
			b.ReportAllocs()
			for b.Loop() {
				at = 1 - at
				s.Processes, s.Time = samples[at], s.Time.Add(5*time.Second)
				if found := evaluator.Evaluate(s, nil); len(found) != 4 {
					b.Fatalf("%d findings", len(found))
				}
			}
		})
	}
}

func hanging(since time.Duration) func(*model.Process) {
	return func(p *model.Process) { p.MemoryHangs = since }
}

// TestFactsSayWhatWasNotRead holds that blindness is never reported as health.
func TestFactsSayWhatWasNotRead(t *testing.T) {
	t.Parallel()
	unread := map[model.InspectionPart]model.Reason{}
	for part, fact := range map[model.InspectionPart]func(*view) string{
		model.PartArguments: factArguments, model.PartEnvironment: factPreload, model.PartMemoryMap: factMemory, model.PartThreads: factThreads,
		model.PartHugePages: factHugePages, model.PartOpenFiles: factMSR, model.PartProgram: factPacked,
	} {
		unread[part] = model.ReasonTimeout
		v := &view{subject: subject{process: &model.Process{Inspection: &model.Inspection{Unread: unread}}}}
		if got, want := fact(v), "Its "+string(part)+" could not be read: timeout."; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

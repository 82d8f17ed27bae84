package detect

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/exposure"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/tracker"
)

// host is a made-up host on which anything may change at any time. What was handed on is
// never changed: a process about which something changes is another pointer, and so is a
// part of the snapshot.
type host struct {
	*rand.Rand
	catalogue *catalogue.Catalogue
	settings  policy.Policy
	living    map[int]*model.Process
	snapshot  model.Snapshot
}

const hostPIDs = 48

func newHost(seed uint64, services *catalogue.Catalogue) *host {
	h := &host{Rand: rand.New(rand.NewPCG(seed, 17)), catalogue: services, living: map[int]*model.Process{}}
	h.snapshot.Time = noon
	for range 40 {
		h.changeProcess()
	}
	h.configure()
	return h
}

func pick[T any](h *host, of ...T) T { return of[h.IntN(len(of))] }

func (h *host) chance(one int) bool { return h.IntN(one) == 0 }

func (h *host) someone() *model.Process {
	pids := slices.Sorted(maps.Keys(h.living))
	if len(pids) == 0 {
		return nil
	}
	return h.living[pids[h.IntN(len(pids))]]
}

const listedHash = "00000000000000000000000000000000000000000000000000000000000000ff"

// kinds are what a process may be.
func (h *host) kinds() []func(*model.Process) {
	return []func(*model.Process){
		func(*model.Process) {}, func(*model.Process) {}, func(*model.Process) {}, func(*model.Process) {},
		inTemp("/tmp/x"), inTemp("/tmp/.mount_app1/AppRun"), inTemp("/tmp/xmrig"), idleInMemory, at(model.OriginDeleted, "/tmp/gone"),
		at(model.OriginHome, "/home/alice/.../agent"), at(model.OriginSystem, "/usr/bin/make"), at(model.OriginSystem, "/usr/sbin/sshd"),
		at(model.OriginSystem, "/usr/bin/bash"), at(model.OriginSystem, "/usr/bin/tmux"), at(model.OriginSystem, "/usr/bin/java"),
		at(model.OriginLocal, "/opt/app/sshdd"), at(model.OriginOther, "/var/lib/kworkers"),
		func(p *model.Process) {
			p.Exe, p.Script = "/usr/bin/python3", pick(h, "/tmp/run.py", "/home/alice/run.py", "/dev/shm/.x/run.py")
		},
		func(p *model.Process) { p.Comm, p.Exe, p.Origin = "kworker/0:1", "", model.OriginKernel },
		func(p *model.Process) { p.Comm, p.Argv = "kworker/0:1", []string{"[kworker/0:1]"} },
		func(p *model.Process) { p.Exe, p.ExeSource = "/usr/bin/top", pick(h, "tmpfs", "/tmp/top", "/srv/top") },
		func(p *model.Process) { p.Argv = []string{"worker", "-o", "stratum+tcp://pool"} },
		func(p *model.Process) {
			p.Origin, p.Exe, p.ArgvErased, p.Argv = model.OriginHome, "/home/alice/w", true, nil
		},
	}
}

// circumstances are what may be so of any process.
func (h *host) circumstances() []func(*model.Process) {
	return []func(*model.Process){
		func(p *model.Process) { p.Cores = pick(h, 0, 0.005, 0.02, 0.6, 0.9, 4) },
		func(p *model.Process) {
			p.ConstantCores, p.ConstantSpan = 0.3, pick(h, 0, 5*time.Minute, 20*time.Minute)
		},
		func(p *model.Process) { p.CPUSeconds = pick(h, 0.1, 8, 100) },
		func(p *model.Process) { p.CoresSpan = pick(h, 5*time.Second, time.Minute) },
		func(p *model.Process) { p.SHA256 = pick(h, "", listedHash, fmt.Sprintf("%064x", h.IntN(5))) },
		func(p *model.Process) { p.MemoryHangs = pick(h, 0, 20*time.Second, time.Minute) },
		func(p *model.Process) {
			p.Hiding = pick(h, "", "", model.HiddenByMount, model.HiddenDirectory, model.HiddenListing)
		},
		func(p *model.Process) { p.TTY, p.Session = pick(h, 0, 34816), 1+h.IntN(hostPIDs) },
		func(p *model.Process) { p.UID, p.User = 1000, "alice" },
		func(p *model.Process) { p.UID, p.User = 0, "root" },
		func(p *model.Process) { p.Cgroup, p.Unit = "/system.slice/app.service", "app.service" },
		func(p *model.Process) { p.Isolation, p.ContainerID = model.IsolationContainer, "0123456789ab" },
		func(p *model.Process) {
			p.ExeOwner = model.FileOwner{UID: 1000, Writers: pick(h, model.WritersRoot, model.WritersOwner, model.WritersOthers), Changed: noon}
		},
		func(p *model.Process) { p.ExeFUSE = !p.ExeFUSE },
		func(p *model.Process) {
			p.GPU = pick(h, nil, &model.GPUUse{Devices: []string{"/dev/kfd"}, Compute: h.chance(2)}, &model.GPUUse{})
		},
		func(p *model.Process) {
			p.Content = pick(h, model.ContentFacts{}, model.ContentFacts{}, model.ContentFacts{RandomX: true}, model.ContentFacts{RandomX: true, Node: true}, model.ContentFacts{MinerWords: []string{"a", "b", "c"}})
		},
		h.inspect, h.inspect, h.inspect, h.inspect,
		func(p *model.Process) {
			parent := h.someone()
			if parent == nil || parent.PID >= p.PID {
				return
			}
			p.PPID = parent.PID
			p.Parent = &model.Ancestor{
				Identity: parent.Identity, Comm: parent.Comm, Exe: parent.Exe, User: parent.User, Origin: parent.Origin, Started: parent.Started, Parent: parent.Parent,
			}
		},
	}
}

func (h *host) inspect(p *model.Process) {
	if p.Inspection != nil && h.chance(3) {
		p.Inspection = nil
		return
	}
	p.ExeFile = model.FileID{Dev: 1, Inode: uint64(p.PID)}
	p.Inspection = &model.Inspection{
		Library: pick(h, "", "/tmp/lib.so"), Preload: pick(h, "", "", "/tmp/hide.so"), Packed: h.chance(3), MSR: h.chance(3), EqualThreads: h.IntN(2) * 4,
		HugePagesKiB: uint64(h.IntN(2)) << 20, Memory: pick(h, model.MemoryShape{}, model.MemoryShape{Signature: model.SignatureRandomXFast, KiB: 2080 << 10, Exact: true, CompiledKiB: 128}),
	}
}

// changeProcess starts, ends or changes one.
func (h *host) changeProcess() {
	pid := 2 + h.IntN(hostPIDs)
	old, lives := h.living[pid]
	switch {
	case lives && h.chance(6):
		delete(h.living, pid)
	case lives && !h.chance(5):
		changed := *old
		pick(h, h.circumstances()...)(&changed)
		h.living[pid] = &changed
	default: // or another has the pid by now
		p := process(pid, pick(h, h.kinds()...))
		p.StartTime, p.Started = uint64(h.IntN(1e6)), h.snapshot.Time.Add(-time.Duration(h.IntN(1200))*time.Second)
		if h.chance(2) {
			pick(h, h.circumstances()...)(p)
		}
		h.living[pid] = p
	}
}

// step changes something, or nothing, and takes a sample.
func (h *host) step() *model.Snapshot {
	h.snapshot.Time = h.snapshot.Time.Add(pick(h, 0, time.Second, 5*time.Second, 40*time.Second, 3*time.Minute, -90*time.Second))
	if h.chance(3) {
		s := h.snapshot
		return &s
	}
	if !h.chance(4) {
		for range h.IntN(4) {
			h.changeProcess()
		}
		h.sampleProcesses()
	}
	for _, change := range []func(){h.sampleAgain, h.sampleSockets, h.probe, h.askPackages, h.readEntries, h.scanFiles} {
		if h.chance(5) {
			change()
		}
	}
	s := h.snapshot
	return &s
}

func (h *host) sampleProcesses() {
	s := &model.ProcessSnapshot{Loads: map[model.ProgramKey]model.Load{}, Respawns: map[string]model.Respawn{}}
	for _, pid := range slices.Sorted(maps.Keys(h.living)) {
		s.Processes = append(s.Processes, h.living[pid])
	}
	for range h.IntN(4) {
		p := h.someone()
		load := model.Load{
			Cores: pick(h, 0.3, 0.9, 3), Span: pick(h, 10*time.Second, time.Minute), ConstantCores: 0.4, ConstantSpan: pick(h, 0, 15*time.Minute), Living: h.IntN(3), Ended: h.IntN(9),
		}
		if h.chance(2) {
			ended := *p
			ended.PID, ended.StartTime = 1000+h.IntN(9), 7
			load.Last = &ended
		}
		s.Loads[p.Program()] = load
	}
	for range h.IntN(4) {
		p := h.someone()
		history := model.Respawn{Key: p.Exe, Count: 4, Recent: []time.Time{h.snapshot.Time.Add(-time.Minute), h.snapshot.Time.Add(-25 * time.Minute), h.snapshot.Time}}
		if starter := h.someone(); starter != nil {
			history.Starters = []model.Starter{{Ancestor: model.Ancestor{Identity: starter.Identity, Exe: starter.Exe}, Count: 2}}
		}
		s.Respawns[p.Exe], s.Respawns[p.SHA256] = history, history
	}
	s.UnattributedRate = model.UnattributedRate{Cores: pick(h, 0, 0, 2.0), Span: time.Minute, Complete: h.chance(2)}
	h.snapshot.Processes = s
}

// sampleAgain makes new samples that show the same, but for what the connections are.
func (h *host) sampleAgain() {
	if h.snapshot.Sockets != nil {
		again := *h.snapshot.Sockets
		again.Sockets, again.Connections = slices.Clone(again.Sockets), again.Connections[:len(again.Connections)/2]
		h.snapshot.Sockets = &again
	}
	if h.snapshot.Services != nil {
		again := *h.snapshot.Services
		again.Answers = maps.Clone(again.Answers)
		h.snapshot.Services = &again
	}
}

func (h *host) sampleSockets() {
	if h.chance(8) {
		h.snapshot.Sockets = nil
		return
	}
	s := &model.SocketSnapshot{}
	for i := range h.IntN(6) {
		p := h.someone()
		s.Sockets = append(s.Sockets, model.Socket{
			Protocol: model.TCP, Address: "0.0.0.0", Port: pick[uint16](h, 8081, 6379, 22, 2375), Scope: pick(h, model.ScopeAny, model.ScopeAny, model.ScopeLoopback), Inode: uint64(i + 1),
			Owner: p.Identity, OwnerExe: p.Exe, App: pick(h, "", "flink", "redis", "docker"), Confidence: pick(h, model.ConfidenceEvidence, model.ConfidencePort),
		})
	}
	for range h.IntN(12) {
		s.Connections = append(s.Connections, model.Connection{
			Owner: h.someone().Identity, Remote: netip.MustParseAddrPort(pick(h, "192.0.2.9:443", "203.0.113.5:14444", "203.0.113.5:443", "203.0.113.6:5555")),
			Local: netip.MustParseAddrPort("192.88.99.200:50000"), Outbound: !h.chance(5), Since: h.snapshot.Time.Add(-time.Duration(h.IntN(600)) * time.Second),
		})
	}
	slices.SortFunc(s.Connections, func(a, b model.Connection) int {
		if a.Owner != b.Owner {
			return a.Owner.PID - b.Owner.PID
		}
		return a.Remote.Compare(b.Remote)
	})
	h.snapshot.Sockets = s
}

func (h *host) probe() {
	s := &model.ServiceSnapshot{Probing: !h.chance(5), Answers: map[model.SocketKey]model.Answer{}, Waiting: map[model.SocketKey]time.Time{}}
	if h.snapshot.Sockets != nil {
		for i := range h.snapshot.Sockets.Sockets {
			socket := &h.snapshot.Sockets.Sockets[i]
			switch h.IntN(4) {
			case 0:
				s.Waiting[socket.Key()] = h.snapshot.Time.Add(-time.Duration(h.IntN(90)) * time.Second)
			case 1, 2:
				s.Answers[socket.Key()] = model.Answer{
					App: pick(h, "", "flink", "redis"), Auth: pick(h, model.AuthNone, model.AuthNone, model.AuthRequired, model.AuthUnknown), OtherApp: h.chance(6),
					Asked: netip.MustParseAddrPort("192.168.1.7:8081"),
				}
			}
		}
	}
	h.snapshot.Services = s
}

func (h *host) askPackages() {
	s := &model.PackageSnapshot{Programs: map[model.ProgramFile]model.PackageFact{}}
	for _, p := range h.living {
		if p.Inspection != nil {
			s.Programs[model.ProgramFile{Path: p.Exe, File: p.ExeFile}] = model.PackageFact{
				State: pick(h, model.PackageUnaltered, model.PackageAltered, model.PackageUnowned), Manager: "dpkg", Name: "worker", Changed: noon.Add(time.Duration(h.IntN(9)) * time.Minute), LastChange: noon.Add(-time.Hour),
			}
		}
	}
	h.snapshot.Packages = s
}

func (h *host) readEntries() {
	s := &model.PersistenceSnapshot{}
	for i := range h.IntN(5) {
		p := h.someone()
		s.Entries = append(s.Entries, model.PersistenceEntry{
			Kind: pick(h, model.PersistenceCrontab, model.PersistenceSystemdService), Path: "/etc/cron.d/a", Line: i, Unit: pick(h, "", "app.service"), Command: p.Exe,
			Programs: []string{p.Exe, p.Script}, Reason: pick(h, "", model.PersistenceTempPath),
		})
	}
	h.snapshot.Persistence = s
}

func (h *host) scanFiles() {
	s := &model.FileSnapshot{}
	for i := range h.IntN(5) {
		s.Files = append(s.Files, model.File{
			Path: fmt.Sprintf("/tmp/file%d", i), Directory: "/tmp", Reason: pick(h, model.FileELF, model.FileRunning), KnownMiner: h.chance(3), SHA256: pick(h, "", listedHash),
		})
	}
	h.snapshot.Files = s
}

// configure sets another policy.
func (h *host) configure() {
	h.settings = policy.Policy{OwnPID: pick(h, 0, 2+h.IntN(hostPIDs)), Limits: policy.Limits{}}
	if h.chance(2) {
		h.settings.Hashes = map[string]bool{listedHash: true}
	}
	if h.chance(2) {
		h.settings.Pools = []policy.Pool{{Prefix: netip.MustParsePrefix("192.0.2.0/24")}}
	}
	for range h.IntN(3) {
		h.settings.Limits[pick(h, rules.Names()...)] = policy.Limit{Severity: pick(h, policy.Off, model.Info, model.Warning)}
	}
	for i := range h.IntN(4) {
		h.settings.Allow = append(h.settings.Allow, policy.Allow{
			Path: pick(h, "/tmp/*", "/usr/bin/*", "/usr/sbin/sshd"), User: pick(h, "", "alice"), Line: i, Until: pick(h, time.Time{}, h.snapshot.Time.Add(time.Duration(h.IntN(20)-5)*time.Minute)),
		})
	}
}

// TestEvaluatorRemembersNothingThatMatters compares an evaluator that sees one sample after
// the other with one that sees each for the first time, and that with a look at every process
// by every check.
func TestEvaluatorRemembersNothingThatMatters(t *testing.T) {
	t.Parallel()
	services, err := catalogue.New()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	changedByTime := 0
	for seed := range uint64(20) {
		h := newHost(seed, services)
		h.sampleProcesses()
		evaluator := NewEvaluator(h.settings, services)
		var finder exposure.Finder
		track := tracker.New(tracker.DefaultHold)
		var last []model.Finding
		before := h.snapshot
		for step := range 60 {
			s := h.step()
			if h.chance(25) {
				h.configure()
				evaluator, last = NewEvaluator(h.settings, services), nil
			}
			exposures, want := finder.Find(s, services), exposure.Find(s, services)
			if !reflect.DeepEqual(exposures, want) {
				t.Fatalf("seed %d, step %d: exposures %+v, want %+v", seed, step, exposures, want)
			}
			found, again := evaluator.Evaluate(s, exposures), Evaluate(s, h.settings, services, want)
			if !reflect.DeepEqual(found, again) {
				t.Fatalf("seed %d, step %d:\n%s\nwant\n%s", seed, step, told(found), told(again))
			}
			holdNothingIsOverlooked(t, h, s, want, found)
			for i := range found {
				if found[i].Suspect != nil {
					for _, signal := range found[i].Suspect.Signals {
						seen[signal.Rule] = true
					}
				}
			}
			same := before
			same.Time = s.Time
			if last != nil && same == *s && told(last) != told(found) {
				changedByTime++
			}
			last, before = found, *s
			track.Update(s, found) // which changes nothing that the evaluator keeps
		}
	}
	for _, check := range checks() {
		if !seen[check.rule] {
			t.Errorf("%s never held", check.rule)
		}
	}
	if changedByTime < 3 {
		t.Errorf("only %d findings changed by the time alone", changedByTime)
	}
}

// holdNothingIsOverlooked looks at every process by every check.
func holdNothingIsOverlooked(t *testing.T, h *host, s *model.Snapshot, exposures []model.Exposure, found []model.Finding) {
	t.Helper()
	suspected := map[int]bool{}
	for i := range found {
		if found[i].Suspect != nil {
			for _, pid := range found[i].Suspect.PIDs {
				suspected[pid] = true
			}
		}
	}
	e := NewEvaluator(h.settings, h.catalogue).evaluation(s, exposures)
	for _, p := range s.Processes.Processes {
		alone, _ := e.look(p)
		want := p.Origin != model.OriginKernel && p.PID != h.settings.OwnPID && (hasStrong(e.signals(p, alone.signals)) || e.isLoaded(p))
		one := candidate{limits: h.settings.Limits, instances: []*model.Process{p}}
		for _, signal := range e.signals(p, alone.signals) {
			one.add(signal)
		}
		if want && !suspected[p.PID] && hasStrong(one.suspect.Signals) && !one.isTried(s.Time) {
			t.Fatalf("pid %d (%s) was overlooked: %+v", p.PID, p.Exe, one.suspect.Signals)
		}
		if suspected[p.PID] && !want {
			t.Fatalf("pid %d (%s) is suspected for nothing", p.PID, p.Exe)
		}
	}
}

func told(found []model.Finding) string {
	var words []string
	for i := range found {
		words = append(words, fmt.Sprintf("%s %s %s %v", found[i].ID, found[i].Severity, found[i].Exempted, found[i].Evidence))
	}
	return strings.Join(words, "\n")
}

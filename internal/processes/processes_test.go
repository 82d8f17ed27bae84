package processes

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func TestIdentity(t *testing.T) {
	t.Parallel()
	proc := newFakeProc(t)
	exe := program(t, "kdevtmpfsi", "not really")
	unit := "/system.slice/flink.service"
	proc.put(fakeProcess{pid: 1, comm: "systemd", exe: "/usr/lib/systemd/systemd", start: 1})
	proc.put(fakeProcess{pid: 2, comm: "kthreadd", start: 1})
	proc.put(fakeProcess{pid: 100, ppid: 1, comm: "java", exe: "/usr/bin/java", uid: 9999, start: 50, cgroup: unit})
	proc.put(fakeProcess{pid: 200, ppid: 100, comm: ") R 1 (x\xff", exe: exe, argv: []string{"", "-o"}, uid: 9999, start: 60, cgroup: unit})
	snapshot := sampleAt(t, proc.sensor(), 100)

	got := processOf(t, snapshot, 200)
	want := model.Process{
		Inspection: &model.Inspection{},
		Identity:   model.Identity{PID: 200, StartTime: 6000}, PPID: 100, Comm: ") R 1 (x\xff", Exe: exe, Argv: []string{"", "-o"},
		UID: 9999, User: "user9999", Cgroup: unit, Unit: "flink.service", Origin: model.OriginTemp, Isolation: model.IsolationHost,
		Started: after(60), Threads: 1, CoresSpan: 40 * time.Second,
	}
	ignored := cmp.FilterPath(func(path cmp.Path) bool {
		switch path.Last().String() {
		case ".Parent", ".ExeFile", ".ExeOwner", ".SHA256", ".Group", ".RSSBytes":
			return true
		}
		return false
	}, cmp.Ignore())
	if diff := cmp.Diff(want, got, ignored); diff != "" {
		t.Error(diff)
	}
	if want := "/tmp#" + got.SHA256[:6]; got.Group != want {
		t.Errorf("group %q, want %q", got.Group, want)
	}
	if got.Suspect() != got.SHA256[:12] {
		t.Errorf("suspect %q", got.Suspect())
	}
	if got.Parent == nil || got.Parent.Comm != "java" || got.Parent.Parent == nil || got.Parent.Parent.PID != 1 {
		t.Errorf("ancestors: %+v", got.Parent)
	}
	if kernel := processOf(t, snapshot, 2); kernel.Origin != model.OriginKernel || kernel.Group != "kernel" {
		t.Errorf("kernel thread: %+v", kernel)
	}
}

// TestSanitizedGroups: two names that become the same text are one group, and how
// many of its texts were changed goes with it.
func TestSanitizedGroups(t *testing.T) {
	t.Parallel()
	proc := newFakeProc(t)
	for i, name := range []string{"mi\xff", `mi\xff`, "plain"} {
		proc.put(fakeProcess{pid: 10 + i, comm: name, exe: "/home/user/" + name, uid: 1000, start: 10})
	}
	sensor, err := New(Options{
		Proc: proc.root, Logger: log.NewNopLogger(), UserName: func(uint32) string { return "\x1b[31m" },
	})
	if err != nil {
		t.Fatal(err)
	}
	sampleAt(t, sensor, 100)
	for i, name := range []string{"mi\xff", `mi\xff`, "plain"} {
		proc.put(fakeProcess{pid: 10 + i, comm: name, exe: "/home/user/" + name, uid: 1000, start: 10, used: 3})
	}
	got := map[string]model.GroupTotals{}
	for _, group := range sampleAt(t, sensor, 105).Groups {
		got[group.Process] = group
	}
	if group := got[`mi\xff`]; group.Sanitized != 2 || group.Processes != 2 || group.User != `\x1b[31m` {
		t.Errorf("a hostile name: %+v", group)
	}
	if group := got["plain"]; group.Sanitized != 1 || group.Processes != 1 {
		t.Errorf("a plain name of a hostile user: %+v", group)
	}
	if group := got["other"]; group.Sanitized != 0 {
		t.Errorf("the rest: %+v", group)
	}
}

func TestCPUCounters(t *testing.T) {
	t.Parallel()
	proc, exe := newFakeProc(t), program(t, "burner", "burner")
	sensor := proc.sensor()
	temp := model.OriginKey{Origin: model.OriginTemp, Isolation: model.IsolationHost}

	proc.setBusy(500)
	proc.put(fakeProcess{pid: 1, comm: "init", exe: "/sbin/init", used: 400})
	first := sampleAt(t, sensor, 100)
	if first.BusySeconds != 0 || first.Unattributed != 0 || first.Origins[model.OriginKey{Origin: model.OriginSystem, Isolation: model.IsolationHost}].CPUSeconds != 0 {
		t.Errorf("counting did not begin at 0: %+v", first)
	}
	// Born after the first sample: counts from its birth.
	proc.setBusy(504)
	proc.put(fakeProcess{pid: 10, ppid: 1, comm: "burner", exe: exe, start: 101, used: 4})
	second := sampleAt(t, sensor, 105)
	if got := second.Origins[temp]; got.CPUSeconds != 4 || got.Starts != 1 || got.Processes != 1 {
		t.Errorf("after the birth: %+v", got)
	}
	// The kernel's time steps back and comes again: counted once.
	proc.put(fakeProcess{pid: 10, ppid: 1, comm: "burner", exe: exe, start: 101, used: 3})
	third := sampleAt(t, sensor, 110)
	proc.setBusy(506)
	proc.put(fakeProcess{pid: 10, ppid: 1, comm: "burner", exe: exe, start: 101, used: 6})
	fourth := sampleAt(t, sensor, 115)
	if third.Origins[temp].CPUSeconds != 4 || fourth.Origins[temp].CPUSeconds != 6 {
		t.Errorf("after a step back: %v and %v, want 4 and 6", third.Origins[temp].CPUSeconds, fourth.Origins[temp].CPUSeconds)
	}
	// It ends, and its parent waited for it: 2 s that no sample saw.
	proc.remove(10)
	proc.setBusy(508)
	proc.put(fakeProcess{pid: 1, comm: "init", exe: "/sbin/init", used: 400, children: 8})
	fifth := sampleAt(t, sensor, 120)
	system := fifth.Origins[model.OriginKey{Origin: model.OriginSystem, Isolation: model.IsolationHost}]
	if fifth.Origins[temp].CPUSeconds != 6 || system.CPUSeconds != 2 || fifth.Unattributed > 0 {
		t.Errorf("after the end: temp %v, system %v, unattributed %v; want 6, 2, 0", fifth.Origins[temp].CPUSeconds, system.CPUSeconds, fifth.Unattributed)
	}
	// Nobody owns this.
	proc.setBusy(538)
	sixth := sampleAt(t, sensor, 125)
	if sixth.Unattributed != 30 || sixth.BusySeconds != 38 {
		t.Errorf("unattributed %v of %v, want 30 of 38", sixth.Unattributed, sixth.BusySeconds)
	}
}

// TestCountersNeverGoBack lives through random births, ends, execs and reused
// pids, with times that step back.
func TestCountersNeverGoBack(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	proc := newFakeProc(t)
	programs := []string{"/usr/bin/cc1", "/home/a/train", program(t, "a", "a"), program(t, "b", "b"), ""}
	sensor := proc.sensor()
	busy, living := 0.0, map[int]fakeProcess{}
	proc.put(fakeProcess{pid: 1, comm: "init", exe: "/sbin/init"})
	var previous *model.ProcessSnapshot
	for step := range 60 {
		for range 20 {
			pid := 2 + random.IntN(30)
			p, ok := living[pid]
			switch random.IntN(5) {
			case 0:
				proc.remove(pid)
				delete(living, pid)
				continue
			case 1:
				p, ok = fakeProcess{}, false // the pid is reused
			case 2:
				if ok && p.exe != "" {
					p.exe = programs[random.IntN(4)] // execve(2)
				}
			}
			if !ok {
				p = fakeProcess{pid: pid, ppid: 1, start: float64(step*5 + random.IntN(5)), comm: "x", exe: programs[random.IntN(len(programs))]}
			}
			used := random.Float64() - 0.1
			p.used = max(0, p.used+used)
			busy += max(0, used)
			living[pid] = p
			proc.put(p)
		}
		proc.setBusy(busy)
		current := sampleAt(t, sensor, float64(step*5+5))
		if previous != nil {
			compareCounters(t, previous, current)
		}
		previous = current
	}
}

func compareCounters(t *testing.T, before, now *model.ProcessSnapshot) {
	t.Helper()
	sum := 0.0
	for key, totals := range now.Origins {
		old := before.Origins[key]
		if totals.CPUSeconds < old.CPUSeconds || totals.Starts < old.Starts || totals.Respawns < old.Respawns {
			t.Fatalf("%v went back from %+v to %+v", key, old, totals)
		}
		sum += totals.CPUSeconds
	}
	if now.Unattributed < before.Unattributed || now.Unattributed < now.BusySeconds-sum-1e-6 {
		t.Fatalf("unattributed %v (before %v) of %v busy and %v attributed", now.Unattributed, before.Unattributed, now.BusySeconds, sum)
	}
	groups := map[model.GroupKey]model.GroupTotals{}
	for _, group := range now.Groups {
		groups[group.GroupKey] = group
	}
	for _, old := range before.Groups {
		if group, ok := groups[old.GroupKey]; ok && (group.CPUSeconds < old.CPUSeconds || group.Starts < old.Starts) {
			t.Fatalf("group %v went back from %+v to %+v", old.GroupKey, old.CPUTotals, group.CPUTotals)
		}
	}
}

func TestRespawn(t *testing.T) {
	t.Parallel()
	proc, exe := newFakeProc(t), program(t, "miner", "one content")
	other := program(t, "x9f3ka", "one content")
	sensor := proc.sensor()
	guardian := fakeProcess{pid: 5, ppid: 1, comm: "guardian", exe: "/var/tmp/guardian", start: 10}
	proc.put(fakeProcess{pid: 1, comm: "init", exe: "/sbin/init"})
	proc.put(guardian)
	proc.put(fakeProcess{pid: 20, ppid: 5, comm: "miner", exe: exe, start: 20})
	first := sampleAt(t, sensor, 100)
	key := processOf(t, first, 20).SHA256

	// Killed, not waited for, and back under another name within one sample.
	proc.put(fakeProcess{pid: 20, ppid: 5, comm: "miner", exe: exe, start: 20, state: "Z"})
	proc.put(fakeProcess{pid: 21, ppid: 5, comm: "x9f3ka", exe: other, start: 103})
	second := sampleAt(t, sensor, 105)
	if got := second.Respawns[key]; got.Count != 1 || len(got.Starters) != 1 || got.Starters[0].PID != 5 {
		t.Errorf("after the first kill: %+v", got)
	}
	if processOf(t, second, 21).Group != processOf(t, first, 20).Group {
		t.Error("the other name is another group")
	}
	temp := model.OriginKey{Origin: model.OriginTemp, Isolation: model.IsolationHost}
	if got := second.Origins[temp]; got.Respawns != 1 || got.Processes != 2 { // the miner and the guardian, no zombie
		t.Errorf("origin temp: %+v", got)
	}
	// A second instance at the same time is no respawn.
	proc.remove(20)
	proc.put(fakeProcess{pid: 22, ppid: 5, comm: "x9f3ka", exe: other, start: 107})
	if got := sampleAt(t, sensor, 110).Respawns[key]; got.Count != 1 {
		t.Errorf("another instance counted as a respawn: %+v", got)
	}
	// Too late to be one.
	proc.remove(21)
	proc.remove(22)
	sampleAt(t, sensor, 115)
	proc.put(fakeProcess{pid: 23, ppid: 5, comm: "miner", exe: exe, start: 600})
	if got := sampleAt(t, sensor, 601).Respawns[key]; got.Count != 1 {
		t.Errorf("a start after the window counted: %+v", got)
	}
}

// TestGuardianWithTheMinersContent: one program under two names hides nothing.
func TestGuardianWithTheMinersContent(t *testing.T) {
	t.Parallel()
	proc := newFakeProc(t)
	guardian, miner := program(t, "kinsing", "one content"), program(t, "kdevtmpfsi", "one content")
	sensor := proc.sensor()
	proc.put(fakeProcess{pid: 5, comm: "kinsing", exe: guardian, start: 10})
	proc.put(fakeProcess{pid: 20, ppid: 5, comm: "kdevtmpfsi", exe: miner, start: 20})
	key := processOf(t, sampleAt(t, sensor, 100), 20).SHA256
	proc.remove(20)
	proc.put(fakeProcess{pid: 21, ppid: 5, comm: "kdevtmpfsi", exe: miner, start: 103})
	if got := sampleAt(t, sensor, 105).Respawns[key]; got.Count != 1 || got.Starters[0].PID != 5 {
		t.Errorf("respawns %+v", got)
	}
}

// TestOtherContentEachTime: a guardian that pads its miner anew at each start.
func TestOtherContentEachTime(t *testing.T) {
	t.Parallel()
	proc := newFakeProc(t)
	guardian := program(t, "guardian", "guardian")
	directory := program(t, "first", "first")
	directory = directory[:strings.LastIndex(directory, "/")]
	sensor := proc.sensor()
	proc.put(fakeProcess{pid: 5, comm: "guardian", exe: guardian, start: 10})
	proc.put(fakeProcess{pid: 6, ppid: 5, comm: "sh", exe: "/usr/bin/dash", start: 11})
	proc.put(fakeProcess{pid: 20, ppid: 6, comm: "first", exe: directory + "/first", start: 20})
	sampleAt(t, sensor, 100)
	for i := range 3 {
		exe := fmt.Sprintf("%s/padded%d", directory, i)
		if err := os.WriteFile(exe, []byte(exe), 0o700); err != nil {
			t.Fatal(err)
		}
		proc.remove(20 + i)
		proc.put(fakeProcess{pid: 21 + i, ppid: 6, comm: "padded", exe: exe, start: 103 + 5*float64(i)})
		sampleAt(t, sensor, 105+5*float64(i))
	}
	s := sensor.Snapshot()
	key := model.PolymorphicKey(processOf(t, s, 5).Identity, directory)
	if got := s.Respawns[key]; got.Count != 3 || len(s.Respawns) != 1 {
		t.Errorf("polymorphic program %q: %+v of %d histories", key, got, len(s.Respawns))
	}
}

func TestWorkersAreNoRespawns(t *testing.T) {
	t.Parallel()
	proc := newFakeProc(t)
	sensor := proc.sensor()
	proc.put(fakeProcess{pid: 1, comm: "init", exe: "/sbin/init"})
	proc.put(fakeProcess{pid: 10, ppid: 1, comm: "nginx", exe: "/usr/sbin/nginx", start: 5})
	for i := range 5 {
		proc.put(fakeProcess{pid: 20 + i, ppid: 10, comm: "nginx", exe: "/usr/sbin/nginx", start: float64(100 + i*5)})
		sampleAt(t, sensor, float64(102+i*5))
		proc.remove(20 + i)
	}
	if got := sampleAt(t, sensor, 200).Respawns["/usr/sbin/nginx"]; got.Count != 0 {
		t.Errorf("workers of a server counted as respawns: %+v", got)
	}
}

func TestExecBecomesAnotherProgram(t *testing.T) {
	t.Parallel()
	proc, exe := newFakeProc(t), program(t, "dropped", "dropped")
	sensor := proc.sensor()
	proc.put(fakeProcess{pid: 1, comm: "init", exe: "/sbin/init"})
	proc.put(fakeProcess{pid: 30, ppid: 1, comm: "sh", exe: "/usr/bin/dash", start: 90, used: 1})
	sampleAt(t, sensor, 100)
	proc.put(fakeProcess{pid: 30, ppid: 1, comm: "dropped", exe: exe, argv: []string{"dropped"}, start: 90, used: 3})
	got := sampleAt(t, sensor, 105)
	p := processOf(t, got, 30)
	if p.Origin != model.OriginTemp || p.Exe != exe || len(p.Argv) != 1 {
		t.Errorf("after the exec: %+v", p)
	}
	if totals := got.Origins[model.OriginKey{Origin: model.OriginTemp, Isolation: model.IsolationHost}]; totals.Starts != 1 || totals.CPUSeconds != 2 {
		t.Errorf("origin temp: %+v", totals)
	}
}

// TestClockIsSet: what a process' age is, does not change with the host's clock.
func TestClockIsSet(t *testing.T) {
	t.Parallel()
	proc, exe := newFakeProc(t), program(t, "dropped", "dropped")
	sensor := proc.sensor()
	proc.put(fakeProcess{pid: 1, comm: "init", exe: "/sbin/init", start: 1})
	proc.put(fakeProcess{pid: 10, ppid: 1, comm: "sh", exe: "/usr/bin/dash", start: 50})
	sampleAt(t, sensor, 100)
	proc.boot += 3600 // a clock that was an hour late
	proc.setBusy(0)
	proc.put(fakeProcess{pid: 20, ppid: 1, comm: "dropped", exe: exe, start: 102})
	s := sampleAt(t, sensor, 3600+105)
	for pid, age := range map[int]time.Duration{1: 104 * time.Second, 10: 55 * time.Second, 20: 3 * time.Second} {
		if got := s.Time.Sub(processOf(t, s, pid).Started); got != age {
			t.Errorf("pid %d is %s old, want %s", pid, got, age)
		}
	}
	if got := s.Origins[model.OriginKey{Origin: model.OriginTemp, Isolation: model.IsolationHost}]; got.Starts != 1 {
		t.Errorf("a start after the clock was set: %+v", got)
	}
	// /proc/stat cuts the boot time to seconds: it may be one more or less, and nothing moves.
	proc.boot--
	proc.setBusy(0)
	s = sampleAt(t, sensor, 3600+110)
	if got := s.Time.Sub(processOf(t, s, 10).Started); got != time.Minute {
		t.Errorf("after a second of rounding: %s old", got)
	}
}

func TestContainers(t *testing.T) {
	t.Parallel()
	proc := newFakeProc(t)
	proc.put(fakeProcess{pid: 1, comm: "init", exe: "/sbin/init"})
	proc.put(fakeProcess{pid: 40, ppid: 1, comm: "redis", exe: "/usr/bin/redis", cgroup: "/docker/" + strings.Repeat("ab", 32), nsPIDs: "40\t1"})
	proc.put(fakeProcess{pid: 41, ppid: 1, comm: "zygote", exe: "/usr/bin/chrome", nsPIDs: "41\t1"}) // a browser's sandbox
	snapshot := sampleAt(t, proc.sensor(), 10)
	if p := processOf(t, snapshot, 40); p.Isolation != model.IsolationContainer || p.ContainerID != "abababababab" || p.User != "0" {
		t.Errorf("container: %+v", p)
	}
	if p := processOf(t, snapshot, 41); p.Isolation != model.IsolationHost || p.User != "user0" {
		t.Errorf("sandbox: %+v", p)
	}
}

func TestSustainedUse(t *testing.T) {
	t.Parallel()
	proc := newFakeProc(t)
	sensor := proc.sensor()
	proc.put(fakeProcess{pid: 1, comm: "init", exe: "/sbin/init"})
	for i := range 15 {
		at := float64(100 + i*5)
		proc.put(fakeProcess{pid: 10, ppid: 1, comm: "new", exe: "/usr/bin/new", start: 100, used: float64(i * 10)}) // 2 cores from birth
		proc.put(fakeProcess{pid: 11, ppid: 1, comm: "was", exe: "/usr/bin/was", start: 0, used: 100})               // busy for its life, idle now
		proc.put(fakeProcess{pid: 12, ppid: 1, comm: "is", exe: "/usr/bin/is", start: 0, used: at})                  // 1 core for its life
		snapshot := sampleAt(t, sensor, at)
		fresh, was, is := processOf(t, snapshot, 10), processOf(t, snapshot, 11), processOf(t, snapshot, 12)
		if i > 0 && (fresh.Cores < 1.9 || fresh.Cores > 2.1 || fresh.CoresSpan > 65*time.Second) {
			t.Errorf("%v s: new: %v cores over %v", at, fresh.Cores, fresh.CoresSpan)
		}
		if i > 0 && was.Cores > 0.01 {
			t.Errorf("%v s: idle: %v cores", at, was.Cores)
		}
		if is.Cores < 0.99 || is.Cores > 1.01 || is.CoresSpan < time.Minute {
			t.Errorf("%v s: steady: %v cores over %v", at, is.Cores, is.CoresSpan)
		}
	}
}

// BenchmarkSample samples processes that do nothing, from both sources.
func BenchmarkSample(b *testing.B) {
	for _, source := range []string{"poll", "tasks"} {
		for _, count := range []int{100, 5_000, 30_000} {
			b.Run(fmt.Sprintf("source=%s/processes=%d", source, count), func(b *testing.B) {
				proc := newFakeProc(b)
				for pid := 1; pid <= count; pid++ {
					p := fakeProcess{pid: pid, ppid: 1, comm: "p", exe: fmt.Sprintf("/usr/bin/p%d", pid%100)}
					if source == "poll" {
						proc.put(p)
						continue
					}
					proc.list(p, 0) // of which little is read
					if err := os.Mkdir(filepath.Join(proc.root, strconv.Itoa(pid)), 0o755); err != nil {
						b.Fatal(err)
					}
					if err := os.Symlink(p.exe, filepath.Join(proc.root, strconv.Itoa(pid), "exe")); err != nil {
						b.Fatal(err)
					}
				}
				sensor := proc.sensor()
				if source == "tasks" {
					tasks := make([]taskiter.Task, 0, count)
					if err := proc.tasks(func(t *taskiter.Task) { tasks = append(tasks, *t) }); err != nil {
						b.Fatal(err)
					}
					sensor.options.Tasks = func(each func(*taskiter.Task)) error {
						for i := range tasks {
							each(&tasks[i])
						}
						return nil
					}
				}
				now := 1.0
				for now < 100 { // until they rest
					sampleAt(b, sensor, now)
					now += 30
				}
				b.ReportAllocs()
				for b.Loop() {
					now += 5
					sampleAt(b, sensor, now)
				}
			})
		}
	}
}

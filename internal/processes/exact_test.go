package processes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/procevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// burnLoops is what dash counts to in about 50 ms.
const burnLoops = 40_000

// following returns a sensor that is fed by the kernel. The test is skipped where
// CAP_NET_ADMIN is missing.
func following(t *testing.T) *Sensor {
	t.Helper()
	connector, err := procevents.NewConnector()
	needEvents(t, err)
	taskstats, err := procevents.NewTaskstats("/sys")
	needEvents(t, err)
	o := Options{Proc: "/proc", UserName: func(uint32) string { return "tester" }, Logger: log.NewNopLogger()}
	if tasks, err := taskiter.New(); err == nil {
		t.Cleanup(func() { tasks.Close() })
		o.Tasks = tasks.Read
	}
	sensor, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = sensor.FollowConnector(ctx, connector) })
	running.Go(func() { _ = sensor.FollowTaskstats(ctx, taskstats) })
	t.Cleanup(func() { stop(); running.Wait() })
	return sensor
}

// needEvents ends the test if an event source cannot be had: by skipping it where
// the reason is a missing capability, which the error must name.
func needEvents(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if os.Getuid() == 0 || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
		t.Fatal(err)
	}
	t.Skip(err)
}

// sampled takes a sample and holds that no counter went back since the last.
func sampled(t *testing.T, sensor *Sensor) *model.ProcessSnapshot {
	t.Helper()
	before := sensor.Snapshot()
	if err := sensor.Sample(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	now := sensor.Snapshot()
	if before == nil {
		return now
	}
	for key, totals := range before.Origins {
		if got := now.Origins[key]; got.CPUSeconds < totals.CPUSeconds || got.Starts < totals.Starts || got.Respawns < totals.Respawns {
			t.Errorf("%v went back from %+v to %+v", key, totals, got)
		}
	}
	if now.BusySeconds < before.BusySeconds || now.Unattributed < before.Unattributed {
		t.Error("busy or unattributed time went back")
	}
	return now
}

// skipIfStarved ends a test that needs the events of short processes while they live, where the machine has so much
// else to do that they are read seconds later.
func skipIfStarved(t *testing.T, took, used time.Duration) {
	t.Helper()
	if took > 10*time.Second && took > 5*used {
		t.Skipf("%s of CPU time took %s: the machine is too busy", used, took)
	}
}

func hasGroup(s *model.ProcessSnapshot, name string) bool {
	return slices.ContainsFunc(s.Groups, func(g model.GroupTotals) bool { return g.Process == name })
}

func groupOf(t *testing.T, s *model.ProcessSnapshot, name string) model.CPUTotals {
	t.Helper()
	for _, group := range s.Groups {
		if group.Process == name {
			return group.CPUTotals
		}
	}
	t.Fatalf("the group %s has no series", name)
	return model.CPUTotals{}
}

// shell returns a copy of /bin/sh in a temporary directory whose content is its
// own, and the name of its group.
func shell(t *testing.T, name string) (exe, group string) {
	t.Helper()
	content, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	content = append(content, fmt.Sprint(t.Name(), os.Getpid())...) // not that of another run of this test
	sum := sha256.Sum256(content)
	return program(t, name, string(content)), "/tmp#" + hex.EncodeToString(sum[:3])
}

// burn has a shell count, and returns the CPU time that wait(2) reports of it.
func burn(exe string, loops int) (time.Duration, error) {
	command := exec.Command(exe, "-c", "i=0; while [ $i -lt "+strconv.Itoa(loops)+" ]; do i=$((i+1)); done")
	err := command.Run()
	return command.ProcessState.UserTime() + command.ProcessState.SystemTime(), err
}

// lateFork reports a fork only after /proc was read.
type lateFork struct {
	sensor *Sensor
	event  procevents.Event
}

func (l *lateFork) Lost() uint64 { return 0 }

func (l *lateFork) Drain(time.Duration) bool {
	if l.event.Kind != 0 {
		l.sensor.follower.event(l.event)
		l.event = procevents.Event{}
	}
	return true
}

// TestLateFork: an orphan is in /proc before its fork was reported. Who forked it
// is known from the same sample on.
func TestLateFork(t *testing.T) {
	t.Parallel()
	proc := newFakeProc(t)
	sensor := proc.sensor()
	proc.put(fakeProcess{pid: 1, start: 1, comm: "init", exe: "/usr/sbin/init"})
	proc.put(fakeProcess{pid: 20, ppid: 1, start: 20, comm: "guardian", exe: "/var/tmp/guardian"})
	sampleAt(t, sensor, 100)
	late := &lateFork{sensor: sensor}
	sensor.follower.setActive(model.SourceConnector, late)
	late.event = procevents.Event{
		Kind: procevents.Fork, PID: 30, TGID: 30, ParentTGID: 20, Time: 103*time.Second - sensor.follower.sleep,
	}
	proc.put(fakeProcess{pid: 30, ppid: 1, start: 103, comm: "miner", exe: "/tmp/miner"})
	if p := processOf(t, sampleAt(t, sensor, 105), 30); p.Parent == nil || p.Parent.PID != 20 || p.Parent.Exe != "/var/tmp/guardian" {
		t.Errorf("parent %+v", p.Parent)
	}
}

// TestAccountBeforeFork: who forks and ends at once may have its account told
// before the event of the fork.
func TestAccountBeforeFork(t *testing.T) {
	t.Parallel()
	proc := newFakeProc(t)
	sensor := proc.sensor()
	proc.put(fakeProcess{pid: 1, start: 1, comm: "init", exe: "/usr/sbin/init"})
	proc.put(fakeProcess{pid: 20, ppid: 1, start: 20, comm: "guardian", exe: "/var/tmp/guardian"})
	sampleAt(t, sensor, 100)
	sensor.follower.setActive(model.SourceConnector, &lateFork{})
	sensor.follower.setActive(model.SourceTaskstats, &lateFork{})
	fork := func(pid, parent int) {
		sensor.follower.event(procevents.Event{
			Kind: procevents.Fork, PID: pid, TGID: pid, ParentTGID: parent, Time: 103*time.Second - sensor.follower.sleep,
		})
	}
	fork(29, 20)
	sensor.follower.account(procevents.Account{PID: 29, TGID: 29, Last: true})
	fork(30, 29)
	proc.put(fakeProcess{pid: 30, ppid: 1, start: 103, comm: "miner", exe: "/tmp/miner"})
	p := processOf(t, sampleAt(t, sensor, 105), 30)
	if p.Parent == nil || p.Parent.PID != 29 || p.Parent.Parent == nil || p.Parent.Parent.PID != 20 {
		t.Errorf("parent %+v", p.Parent)
	}
}

// TestShortProcesses runs 200 processes of 50 ms each between samples that are
// seconds apart: all of them, and all that they used, count for their program.
func TestShortProcesses(t *testing.T) {
	sensor := following(t)
	exe, group := shell(t, "burner")
	sampled(t, sensor)
	for used, began := time.Duration(0), time.Now(); !hasGroup(sampled(t, sensor), group); { // it earns a series of its own
		took, err := burn(exe, 30*burnLoops)
		if err != nil {
			t.Fatal(err)
		}
		used += took
		skipIfStarved(t, time.Since(began), used)
	}
	sampled(t, sensor) // on a busy machine the account comes late
	before := groupOf(t, sampled(t, sensor), group)

	const count = 200
	var mu sync.Mutex
	var used time.Duration
	var running sync.WaitGroup
	for range 2 {
		running.Go(func() {
			for range count / 2 {
				took, err := burn(exe, burnLoops)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				used += took
				mu.Unlock()
			}
		})
	}
	began, finished := time.Now(), make(chan struct{})
	go func() { running.Wait(); close(finished) }()
	for waiting := true; waiting; {
		select {
		case <-finished:
			waiting = false
		case <-time.After(2 * time.Second):
			sampled(t, sensor)
		}
	}
	skipIfStarved(t, time.Since(began), used/2)
	// On a machine with seven times more to do than it can, up to 3 of the 200 starts
	// were not seen.
	const atLeast = count * 95 / 100
	var after model.CPUTotals
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		last := after
		sampled(t, sensor)
		after = groupOf(t, sampled(t, sensor), group)
		if after == last && after.Starts-before.Starts >= atLeast {
			break // nothing more comes
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d starts, want %d", after.Starts-before.Starts, count)
		}
	}
	attributed := after.CPUSeconds - before.CPUSeconds
	t.Logf("wait(2) says %.2f s, the table %.2f s (%.1f %%), %d starts, %d respawns",
		used.Seconds(), attributed, 100*attributed/used.Seconds(), after.Starts-before.Starts, after.Respawns-before.Respawns)
	// Accounts tell the run time, as wait(2) does; some starts may be lost, see above.
	least, most := 0.95, 1.03
	if _, err := os.Stat("/proc/sys/kernel/task_delayacct"); err != nil {
		// A kernel without CONFIG_TASK_DELAY_ACCT counts by the tick. The bound leaves room for other load that keeps
		// step with it, and still tells a lost share and one that counts twice.
		least, most = 0.7, 1.5
	}
	if attributed < least*used.Seconds() || attributed > most*used.Seconds() {
		t.Errorf("%.2f s of %.2f s are attributed", attributed, used.Seconds())
	}
}

// TestLastMoments: what the kernel used to end a process, after it wrote its account, is that of its program.
func TestLastMoments(t *testing.T) {
	t.Parallel()
	proc := newFakeProc(t)
	sensor := proc.sensor()
	proc.put(fakeProcess{pid: 1, start: 1, comm: "init", exe: "/usr/sbin/init"})
	proc.put(fakeProcess{pid: 20, ppid: 1, start: 20, comm: "parent", exe: "/home/u/parent"})
	sensor.follower.setActive(model.SourceConnector, &lateFork{})
	sensor.follower.setActive(model.SourceTaskstats, &lateFork{})
	for at := 80.0; at <= 100; at += 5 { // until nothing counts as lost any more
		sampleAt(t, sensor, at)
	}
	event := func(kind procevents.Kind, second time.Duration) {
		sensor.follower.event(procevents.Event{Kind: kind, PID: 30, TGID: 30, ParentTGID: 20, Time: second*time.Second - sensor.follower.sleep})
	}
	event(procevents.Fork, 101)
	proc.put(fakeProcess{pid: 30, ppid: 20, start: 101, comm: "child", exe: "/home/u/child"})
	event(procevents.Exec, 101)
	sensor.follower.account(procevents.Account{PID: 30, TGID: 30, Last: true, CPU: 5 * time.Second, Comm: "child"})
	event(procevents.Exit, 104)
	proc.remove(30)
	proc.put(fakeProcess{pid: 20, ppid: 1, start: 20, comm: "parent", exe: "/home/u/parent", children: 5.5})
	proc.setBusy(5.5)
	first := groupOf(t, sampleAt(t, sensor, 105), "child")
	sampleAt(t, sensor, 110)
	last := sampleAt(t, sensor, 115)
	if got := groupOf(t, last, "child"); got.CPUSeconds != first.CPUSeconds+0.5 || attributed(last) != 5.5 || last.Unattributed != 0 {
		t.Errorf("%.2f s, then %.2f s; %.2f s attributed, %.2f s unattributed", first.CPUSeconds, got.CPUSeconds, attributed(last), last.Unattributed)
	}
}

// TestPIDUsedAgainAtOnce: a process that lives is not taken for one that has ended, though it has the pid and began
// hardly later. An attacker who fills the table of pids, or sets ns_last_pid, can have that.
func TestPIDUsedAgainAtOnce(t *testing.T) {
	t.Parallel()
	proc := newFakeProc(t)
	sensor := proc.sensor()
	proc.put(fakeProcess{pid: 1, start: 1, comm: "init", exe: "/usr/sbin/init"})
	sensor.follower.setActive(model.SourceConnector, &lateFork{})
	sensor.follower.setActive(model.SourceTaskstats, &lateFork{})
	sampleAt(t, sensor, 100)
	const pid = 30
	event := func(kind procevents.Kind, at time.Duration) {
		sensor.follower.event(procevents.Event{Kind: kind, PID: pid, TGID: pid, ParentTGID: 1, Time: at - sensor.follower.sleep})
	}
	event(procevents.Fork, 101*time.Second)
	sensor.follower.account(procevents.Account{PID: pid, TGID: pid, Last: true, Comm: "first"})
	event(procevents.Exit, 101*time.Second)
	sampleAt(t, sensor, 105) // the first was seen by its events only
	event(procevents.Fork, 101200*time.Millisecond)
	proc.put(fakeProcess{pid: pid, ppid: 1, start: 101.2, comm: "second", exe: "/tmp/second"})
	for _, at := range []float64{110, 115} {
		p, found := sampleAt(t, sensor, at).Process(pid)
		if !found || p.Exe != "/tmp/second" || p.Origin != model.OriginTemp {
			t.Errorf("at %g s: %v, %+v", at, found, p)
		}
	}
}

// TestOldTraceOfAPID: the report of an end is not taken for that of the process which had the pid a moment later.
func TestOldTraceOfAPID(t *testing.T) {
	t.Parallel()
	old := &trace{pid: 30, born: 101 * time.Second, forked: true}
	for start, want := range map[uint64]bool{10051: true, 10100: true, 10102: true, 10103: false, 10120: false, 10049: false} {
		if got := old.is(start); got != want {
			t.Errorf("a process that began at %d: %v", start, got)
		}
	}
}

package taskevents

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// role says what a child of a test does.
const role = "TASKEVENTS_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "end":
		os.Exit(3)
	case "burn": // in two threads, of which one ends
		done := make(chan struct{})
		go func() { runtime.LockOSThread(); burn(); close(done) }()
		<-done
		burn()
	case "exec": // what runs then is told by its arguments
		must(os.Setenv(role, "end"))
		must(syscall.Exec("/proc/self/exe", []string{"other", "name"}, os.Environ()))
	case "open":
		r, err := New()
		must(err)
		must(r.Close())
	case "drop": // after it had just the capabilities that it needs
		must(dropAndRead())
	}
	os.Exit(0)
}

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// burn uses 30 ms of CPU time.
func burn() {
	var usage unix.Rusage
	for used := time.Duration(0); used < 30*time.Millisecond; used = time.Duration(usage.Utime.Nano() + usage.Stime.Nano()) {
		must(unix.Getrusage(unix.RUSAGE_THREAD, &usage))
	}
}

// dropAndRead reads without capabilities, but for CAP_BPF, which kernels before 5.19 ask for.
func dropAndRead() error {
	least := cap.NewSet()
	if err := errors.Join(least.SetFlag(cap.Permitted, true, cap.BPF, cap.PERFMON), least.SetFlag(cap.Effective, true, cap.BPF, cap.PERFMON), least.SetProc()); err != nil {
		return err
	}
	r, err := New()
	if err != nil {
		return err
	}
	if err := cap.NewSet().SetProc(); err != nil {
		return err
	}
	seen := make(chan struct{}, 1)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- r.Run(ctx, func(e *Event) {
			if e.Kind == Exec && strings.HasPrefix(string(e.Arguments), "child") {
				select {
				case seen <- struct{}{}:
				default:
				}
			}
		}, func() {})
	}()
	child := command("end")
	_ = child.Run() // its status is 3
	select {
	case <-seen:
		return nil
	case err := <-ended:
		return fmt.Errorf("it ended: %w", err)
	case <-time.After(time.Minute):
		return errors.New("nothing is noted")
	}
}

// command runs this program in a role.
func command(name string, arguments ...string) *exec.Cmd {
	c := exec.Command("/proc/self/exe")
	c.Args = append([]string{"child"}, arguments...)
	c.Env = append(os.Environ(), role+"="+name)
	return c
}

// ring is a real one, or the test is skipped.
func ring(t testing.TB, bytes uint32) *Ring {
	t.Helper()
	r, err := open(bytes)
	if err != nil {
		if _, missing := os.Stat("/sys/kernel/btf/vmlinux"); missing != nil || os.Getuid() != 0 {
			t.Skip(err)
		}
		t.Fatalf("cannot attach, and neither root nor BTF is missing: %v", err)
	}
	return r
}

// story is what happened to processes.
type story struct {
	mu     sync.Mutex
	events map[int][]Event // with arguments that stay
	losses int
}

// follow has a ring read until the test ends.
func follow(t testing.TB, r *Ring) *story {
	t.Helper()
	s := &story{events: map[int][]Event{}}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		err := r.Run(ctx, func(e *Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			kept := *e
			kept.Arguments = slices.Clone(e.Arguments)
			s.events[e.PID] = append(s.events[e.PID], kept)
		}, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.losses++
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	return s
}

// of waits until the kernel has put a process away, and returns what happened to it.
func (s *story) of(t testing.TB, r *Ring, pid int) []Event {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		r.Drain(time.Minute)
		s.mu.Lock()
		events := s.events[pid]
		s.mu.Unlock()
		if len(events) > 0 && events[len(events)-1].Kind == Gone {
			return events
		}
	}
	t.Fatalf("the end of process %d is not noted", pid)
	return nil
}

func kinds(events []Event) (kinds []Kind) {
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func TestLife(t *testing.T) {
	t.Parallel()
	r := ring(t, ringBytes)
	s := follow(t, r)
	child := command("exec", "-o", strings.Repeat("x", ArgumentsLimit))
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 12345, Gid: 12345}}
	if err := child.Run(); child.ProcessState == nil || child.ProcessState.ExitCode() != 3 {
		t.Fatal(err)
	}
	events := s.of(t, r, child.Process.Pid)
	// Two last threads that end at once are noted both.
	events = slices.CompactFunc(events, func(a, b Event) bool { return a.Kind == Exit && b.Kind == Exit })
	if got := kinds(events); !slices.Equal(got, []Kind{Fork, Exec, Exec, Exit, Gone}) {
		t.Fatalf("%v", got)
	}
	fork, first, second, exit, gone := events[0], events[1], events[2], events[3], events[4]
	if fork.Parent != os.Getpid() || fork.Start <= fork.ParentStart || fork.ParentStart == 0 {
		t.Errorf("%+v", fork)
	}
	if !first.Truncated || len(first.Arguments) != ArgumentsLimit || !strings.HasPrefix(string(first.Arguments), "child\x00-o\x00xx") || first.Name() != "exe" {
		t.Errorf("%q, truncated %t, of %q", first.Arguments, first.Truncated, first.Name())
	}
	if second.Truncated || string(second.Arguments) != "other\x00name\x00" || second.UID != 12345 {
		t.Errorf("%q, truncated %t, user %d", second.Arguments, second.Truncated, second.UID)
	}
	var file unix.Stat_t
	if err := unix.Stat("/proc/self/exe", &file); err != nil {
		t.Fatal(err)
	}
	if p := first.Program; p.Inode != file.Ino || p.Changed != time.Duration(file.Ctim.Nano()) || p != second.Program || p.Directory == 0 || p.MountNS == 0 || p.Name == 0 {
		t.Errorf("%+v is not %d of %d", p, file.Ino, file.Ctim.Nano())
	}
	if exit.ExitCode != 3<<8 || exit.UID != 12345 || exit.Name() != "exe" {
		t.Errorf("%+v", exit)
	}
	for _, e := range events {
		if e.Start != fork.Start || e.Time < e.Start {
			t.Errorf("%+v began at %s", e, fork.Start)
		}
	}
	if gone.CPU < exit.CPU || gone.CPU == 0 {
		t.Errorf("%s, then %s", exit.CPU, gone.CPU)
	}
}

// TestRunTime holds that what all threads ran is noted.
func TestRunTime(t *testing.T) {
	t.Parallel()
	r := ring(t, ringBytes)
	s := follow(t, r)
	before := r.ThreadsEnded()
	child := command("burn")
	if err := child.Run(); err != nil {
		t.Fatal(err)
	}
	events := s.of(t, r, child.Process.Pid)
	used := child.ProcessState.UserTime() + child.ProcessState.SystemTime()
	got := events[len(events)-1].CPU
	if got < 60*time.Millisecond || got < used*98/100 || got > used*102/100+time.Millisecond {
		t.Errorf("%s are noted, %s used", got, used)
	}
	if r.ThreadsEnded() < before+2 {
		t.Errorf("%d threads have ended, %d before", r.ThreadsEnded(), before)
	}
	if got := r.Lost(); got != 0 {
		t.Errorf("%d lost", got)
	}
}

func TestKnow(t *testing.T) {
	t.Parallel()
	r := ring(t, ringBytes)
	s := follow(t, r)
	run := func() Event {
		child := command("end")
		_ = child.Run() // its status is 3
		events := s.of(t, r, child.Process.Pid)
		at := slices.IndexFunc(events, func(e Event) bool { return e.Kind == Exec })
		if at < 0 {
			t.Fatalf("%v", kinds(events))
		}
		return events[at]
	}
	program := run()
	for _, step := range []struct {
		name string
		do   func(*Program) error
		want bool
	}{{"know", r.Know, true}, {"forget", r.Forget, false}, {"forget", r.Forget, false}} {
		if err := step.do(&program.Program); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := run(); got.Known != step.want || got.Program != program.Program {
			t.Errorf("%s: %t of %+v, want %t of %+v", step.name, got.Known, got.Program, step.want, program.Program)
		}
	}
}

// TestLoss holds that it is told when records have no room.
func TestLoss(t *testing.T) {
	t.Parallel()
	r := ring(t, 64<<10)
	for range 60 {
		_ = command("end", strings.Repeat("x", 2*ArgumentsLimit)).Run() // its status is 3
	}
	if r.Lost() == 0 {
		t.Error("nothing is lost")
	}
	s := follow(t, r)
	r.Drain(time.Minute)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.losses != 1 || len(s.events) == 0 {
		t.Errorf("%d losses are told, %d processes", s.losses, len(s.events))
	}
}

func TestGoesOnWithoutCapabilities(t *testing.T) {
	t.Parallel()
	if err := ring(t, ringBytes).Close(); err != nil {
		t.Fatal(err)
	}
	if output, err := command("drop").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}

func TestOtherNamespace(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root may make a pid namespace")
	}
	child := command("open")
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	output, err := child.CombinedOutput()
	if err == nil || !strings.Contains(string(output), "first pid namespace") {
		t.Errorf("%v: %s", err, output)
	}
}

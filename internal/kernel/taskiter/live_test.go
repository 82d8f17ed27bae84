package taskiter

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// role says what a child of a test does. It writes a line when it is ready, and does the
// next thing, or ends, when its standard input has a line or ends.
const role = "TASKITER_TEST_ROLE"

func TestMain(m *testing.M) {
	name := os.Getenv(role)
	if name == "" {
		goleak.VerifyTestMain(m)
	}
	input := bufio.NewReader(os.Stdin)
	next := func(said string) {
		fmt.Println(said)
		_, _ = input.ReadString('\n') // the end is a reason to go on too
	}
	switch name {
	case "burn": // in two threads
		done := make(chan struct{})
		go func() { burn(); close(done) }()
		burn()
		<-done
		next("ready")
	case "thread ends": // what a thread used counts for the process afterwards
		burnAndEnd()
		next("ready")
	case "first thread ends":
		endFirstThread()
		next("ready")
	case "exec":
		next("ready")
		must(os.Setenv(role, "burn"))
		must(syscall.Exec("/proc/self/exe", []string{"other"}, os.Environ()))
	case "list": // in a pid namespace of its own
		iterator, err := New()
		must(err)
		must(iterator.Read(func(t *Task) { fmt.Printf("%d/%d/%d/%d ", t.PID, t.PPID, t.Session, t.PIDNS) }))
		next("")
	case "drop": // after it had just those that it needs
		least := cap.NewSet()
		must(least.SetFlag(cap.Permitted, true, cap.BPF, cap.PERFMON))
		must(least.SetFlag(cap.Effective, true, cap.BPF, cap.PERFMON))
		must(least.SetProc())
		iterator, err := New()
		must(err)
		kept, bits := cap.NewSet(), uint64(0)
		if iterator.NeedsCapability() {
			bits = 1 << cap.BPF
			must(kept.SetFlag(cap.Permitted, true, cap.BPF))
			must(kept.SetFlag(cap.Effective, true, cap.BPF))
		}
		must(kept.SetProc())
		must(capabilitiesLeft(bits))
		found := false
		for range 2 {
			found = false
			must(iterator.Read(func(t *Task) { found = found || t.PID == int32(os.Getpid()) }))
		}
		next(fmt.Sprint(found))
	}
	os.Exit(0)
}

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// burn uses 50 ms of CPU.
func burn() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for used, began := time.Duration(0), time.Now(); used < 50*time.Millisecond && time.Since(began) < time.Minute; {
		var usage unix.Rusage
		must(unix.Getrusage(unix.RUSAGE_THREAD, &usage))
		used = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
}

// burnAndEnd uses CPU in a thread that ends, and waits until the kernel has counted it.
func burnAndEnd() {
	thread := make(chan int)
	for {
		go func() {
			runtime.LockOSThread() // for good, so that the thread ends with it
			if unix.Gettid() == os.Getpid() {
				thread <- 0
				select {} // the first thread does not end
			}
			burn()
			thread <- unix.Gettid()
		}()
		ended := <-thread
		if ended == 0 {
			continue
		}
		for unix.Access(fmt.Sprintf("/proc/self/task/%d", ended), unix.F_OK) == nil {
			time.Sleep(time.Millisecond)
		}
		return
	}
}

// endFirstThread ends the thread that stands for the process, and waits until it is a zombie.
func endFirstThread() {
	for found := make(chan bool); ; {
		go func() {
			runtime.LockOSThread()
			first := unix.Gettid() == os.Getpid()
			found <- first
			if first {
				_, _, _ = unix.Syscall(unix.SYS_EXIT, 0, 0, 0) // does not return
			}
			select {} // it holds its thread, so that the next one gets another
		}()
		if <-found {
			break
		}
	}
	for range 10_000 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/stat", os.Getpid()))
		must(err)
		if strings.Contains(string(stat), ") Z ") {
			return
		}
		runtime.Gosched()
		time.Sleep(time.Millisecond)
	}
	must(fmt.Errorf("the first thread does not end"))
}

// capabilitiesLeft fails if any thread has others.
func capabilitiesLeft(want uint64) error {
	threads, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(threads) == 0 {
		return fmt.Errorf("no threads: %w", err)
	}
	for _, thread := range threads {
		status, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended
		}
		for _, set := range []string{"CapEff", "CapPrm"} {
			if !strings.Contains(string(status), fmt.Sprintf("%s:\t%016x\n", set, want)) {
				return fmt.Errorf("%s of %s is not %016x", set, thread, want)
			}
		}
	}
	return nil
}

// iterator is a real one, or the test is skipped.
func iterator(t testing.TB) *Iterator {
	t.Helper()
	i, err := New()
	if err != nil {
		if _, missing := os.Stat("/sys/kernel/btf/vmlinux"); missing != nil || os.Getuid() != 0 {
			t.Skip(err)
		}
		t.Fatalf("cannot attach, and neither root nor BTF is missing: %v", err)
	}
	t.Cleanup(func() { i.Close() })
	return i
}

// processes reads all once, by pid.
func processes(t testing.TB, i *Iterator) map[int]Task {
	t.Helper()
	tasks := map[int]Task{}
	if err := i.Read(func(task *Task) { tasks[int(task.PID)] = *task }); err != nil {
		t.Fatal(err)
	}
	return tasks
}

// child is a process with a role.
type child struct {
	*exec.Cmd
	input  io.WriteCloser
	output *bufio.Reader
	said   string // first
}

// start starts a child and waits until it is ready. prepare, if there is one, changes how.
func start(t *testing.T, name string, prepare func(*exec.Cmd)) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{Cmd: exec.Command(self)}
	c.Env = append(os.Environ(), role+"="+name)
	if prepare != nil {
		prepare(c.Cmd)
	}
	if c.input, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	output, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.output = bufio.NewReader(output)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.input.Close(); _ = c.Wait() })
	c.said = c.line(t)
	return c
}

func (c *child) line(t *testing.T) string {
	t.Helper()
	line, err := c.output.ReadString('\n')
	if err != nil {
		t.Fatalf("the child wrote nothing: %v", err)
	}
	return strings.TrimSuffix(line, "\n")
}

func (c *child) goOn(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(c.input, "\n"); err != nil {
		t.Fatal(err)
	}
}

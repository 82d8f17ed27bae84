package taskiter

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

const tick = 10 * time.Millisecond // USER_HZ is 100 on every architecture that Go runs on

// settled reads a process that has little left to do, and what /proc says before and after.
func settled(t *testing.T, i *Iterator, pid int) (Task, procfs.Proc, procfs.ProcStat) {
	t.Helper()
	proc, err := procfs.NewProc(pid)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		before, err := proc.Stat()
		if err != nil {
			t.Fatal(err)
		}
		task := processes(t, i)[pid]
		after, err := proc.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if before == after {
			return task, proc, after
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d does not settle: %+v, then %+v", pid, before, after)
		}
	}
}

// sameAsProc compares what /proc shows of a process that sleeps, and returns what it compared.
func sameAsProc(t *testing.T, i *Iterator, pid int) Task {
	t.Helper()
	task, proc, stat := settled(t, i, pid)
	status, err := proc.NewStatus()
	if err != nil {
		t.Fatal(err)
	}
	comm := strings.TrimRight(string(task.Comm[:]), "\x00")
	for name, pair := range map[string][2]any{
		"pid": {int(task.PID), stat.PID}, "ppid": {int(task.PPID), stat.PPID}, "comm": {comm, stat.Comm},
		"start": {task.StartTime / uint64(tick), stat.Starttime}, "session": {int(task.Session), stat.Session}, "tty": {int(task.TTY), stat.TTY},
		"threads": {int(task.Threads), stat.NumThreads}, "nice": {int(task.Nice), stat.Nice}, "policy": {uint(task.Policy), stat.Policy},
		"flags": {uint(task.Flags), stat.Flags}, "uid": {uint64(task.UID), status.UIDs[1]}, "missing": {task.Missing, Field(0)},
		"zombie": {task.ExitState == ExitZombie, stat.State == "Z"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %v, in /proc %v", name, pair[0], pair[1])
		}
	}
	// What the kernel's ticks counted is scaled to the run time, and cut to whole ticks twice.
	run, inProc := time.Duration(task.RunTime), time.Duration(stat.UTime+stat.STime)*tick
	if run < inProc-tick || run > inProc+3*tick {
		t.Errorf("run time is %v, in /proc %v", run, inProc)
	}
	children, inProc := time.Duration(task.ChildrenTime), time.Duration(stat.CUTime+stat.CSTime)*tick
	if children < inProc || children > inProc+2*tick {
		t.Errorf("children's time is %v, in /proc %v", children, inProc)
	}
	if stat.State == "Z" {
		return task
	}
	for name, number := range map[string]uint32{"mnt": task.MountNS, "net": task.NetNS, "pid": task.PIDNS} {
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, name))
		if want := fmt.Sprintf("%s:[%d]", name, number); err != nil || link != want {
			t.Errorf("namespace is %s, in /proc %s (%v)", want, link, err)
		}
	}
	var exe unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d/exe", pid), &exe); err != nil {
		t.Fatal(err)
	}
	if task.ExeInode != exe.Ino || task.ExeLinks != uint32(exe.Nlink) {
		t.Errorf("executable is inode %d with %d links, in /proc %d with %d", task.ExeInode, task.ExeLinks, exe.Ino, exe.Nlink)
	}
	if task.ExeDevice != exe.Dev && !strings.HasPrefix(fileSystem(t, pid), "overlay") && !strings.HasPrefix(fileSystem(t, pid), "btrfs") {
		t.Errorf("executable is on device %d, in /proc %d", task.ExeDevice, exe.Dev)
	}
	// Each CPU may hold back this many pages of each of three kinds (percpu_counter_batch).
	cpus := runtime.NumCPU()
	behind := 3 * cpus * max(32, 2*cpus) * os.Getpagesize()
	if difference := int(task.RSS) - stat.ResidentMemory(); difference > behind || difference < -behind {
		t.Errorf("resident memory is %d, in /proc %d", task.RSS, stat.ResidentMemory())
	}
	return task
}

// fileSystem is the type of that which the executable of a process lies on.
func fileSystem(t *testing.T, pid int) string {
	t.Helper()
	var info unix.Statfs_t
	if err := unix.Statfs(fmt.Sprintf("/proc/%d/exe", pid), &info); err != nil {
		t.Fatal(err)
	}
	switch uint32(info.Type) {
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	}
	return ""
}

// TestSameAsProc: of processes with threads that live and that have ended, with a terminal,
// a policy and a nice value of their own.
func TestSameAsProc(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"burn", "thread ends", "first thread ends", "exec"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := iterator(t)
			c := start(t, name, func(c *exec.Cmd) {
				if name == "exec" {
					c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
					c.ExtraFiles = []*os.File{terminal(t)}
				}
			})
			pid := c.Process.Pid
			if name == "exec" {
				if err := unix.Setpriority(unix.PRIO_PROCESS, pid, 7); err != nil {
					t.Fatal(err)
				}
				if err := unix.SchedSetAttr(pid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_BATCH, Nice: 7}, 0); err != nil {
					t.Fatal(err)
				}
			}
			task := sameAsProc(t, i, pid)
			if name == "exec" && (task.TTY == 0 || task.Nice != 7 || task.Policy != unix.SCHED_BATCH || int(task.Session) != pid) {
				t.Errorf("terminal %d, nice %d, policy %d, session %d", task.TTY, task.Nice, task.Policy, task.Session)
			}
			if name == "first thread ends" && (task.ExitState != ExitZombie || task.Threads < 2 || task.ExeInode != 0) {
				t.Errorf("exit state %d, threads %d, executable %d", task.ExitState, task.Threads, task.ExeInode)
			}
			if name == "thread ends" && task.ThreadsEnded < uint64(40*time.Millisecond) {
				t.Errorf("ended threads used %v", time.Duration(task.ThreadsEnded))
			}
		})
	}
}

// terminal is one end of a new pseudoterminal.
func terminal(t *testing.T) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return slave
}

// TestEveryProcess: whatever is in /proc before and after a pass is in it, with the same
// parent, start, session and user.
func TestEveryProcess(t *testing.T) {
	t.Parallel()
	i := iterator(t)
	type facts struct {
		parent, session, tty int
		start, uid           uint64
	}
	look := func() map[int]facts {
		all, err := procfs.AllProcs()
		if err != nil {
			t.Fatal(err)
		}
		found := map[int]facts{}
		for _, proc := range all {
			if _, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", proc.PID)); errors.Is(err, os.ErrPermission) {
				continue // a security module protects it from root, and may keep it out of the iterator
			}
			stat, err := proc.Stat()
			status, err2 := proc.NewStatus()
			if err == nil && err2 == nil {
				found[proc.PID] = facts{stat.PPID, stat.Session, stat.TTY, stat.Starttime, status.UIDs[1]}
			}
		}
		return found
	}
	before := look()
	tasks := processes(t, i)
	after, compared := look(), 0
	for pid, want := range before {
		if after[pid] != want {
			continue
		}
		compared++
		task, found := tasks[pid]
		if got := (facts{int(task.PPID), int(task.Session), int(task.TTY), task.StartTime / uint64(tick), uint64(task.UID)}); !found || got != want {
			t.Errorf("process %d is %+v, in /proc %+v (found: %v)", pid, got, want, found)
		}
	}
	if compared < 2 {
		t.Errorf("compared only %d processes", compared)
	}
	if kthreadd := tasks[2]; kthreadd.Flags&FlagKernelThread != 0 && (kthreadd.ExeInode != 0 || kthreadd.RSS != 0) {
		t.Errorf("a kernel thread has an executable: %+v", kthreadd)
	}
}

// TestExec: the new program shows, and that there is one, also if it is the same file.
func TestExec(t *testing.T) {
	t.Parallel()
	i := iterator(t)
	c := start(t, "exec", nil)
	before := processes(t, i)[c.Process.Pid]
	c.goOn(t)
	if said := c.line(t); said != "ready" {
		t.Fatal(said)
	}
	after := processes(t, i)[c.Process.Pid]
	if before.ExecID == after.ExecID || before.StartTime != after.StartTime || before.ExeInode != after.ExeInode {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

// TestExecutableMoves: a new name, another directory and the end of its file show.
func TestExecutableMoves(t *testing.T) {
	t.Parallel()
	i := iterator(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	first, second := t.TempDir(), t.TempDir()
	file := filepath.Join(first, "a")
	if err := os.WriteFile(file, content, 0o700); err != nil {
		t.Fatal(err)
	}
	c := start(t, "burn", func(c *exec.Cmd) { c.Path = file })
	seen := map[uint32]bool{}
	var last Task
	for _, to := range []string{file, filepath.Join(first, "b"), filepath.Join(second, "b")} {
		if err := os.Rename(file, to); err != nil {
			t.Fatal(err)
		}
		file = to
		last = processes(t, i)[c.Process.Pid]
		if seen[last.ExeName] || last.ExeLinks != 1 {
			t.Errorf("at %s the name is %d again, or links are %d", to, last.ExeName, last.ExeLinks)
		}
		seen[last.ExeName] = true
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if gone := processes(t, i)[c.Process.Pid]; gone.ExeLinks != 0 || gone.ExeInode != last.ExeInode {
		t.Errorf("the deleted file has %d links, inode %d, was %d", gone.ExeLinks, gone.ExeInode, last.ExeInode)
	}
}

// TestCgroup: the number is that of its directory.
func TestCgroup(t *testing.T) {
	t.Parallel()
	task := processes(t, iterator(t))[os.Getpid()]
	lines, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	_, path, _ := strings.Cut("\n"+string(lines), "\n0::")
	path, _, _ = strings.Cut(path, "\n")
	for _, mounted := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var kind unix.Statfs_t
		var directory unix.Stat_t
		if unix.Statfs(mounted, &kind) != nil || uint32(kind.Type) != unix.CGROUP2_SUPER_MAGIC || unix.Stat(mounted+path, &directory) != nil {
			continue
		}
		if task.Cgroup != directory.Ino || task.Cgroups == 0 {
			t.Errorf("cgroup %d (%d), its directory is %d", task.Cgroup, task.Cgroups, directory.Ino)
		}
		return
	}
	t.Skip("the unified hierarchy is not mounted")
}

// TestZombie: one that nobody has waited for.
func TestZombie(t *testing.T) {
	t.Parallel()
	i := iterator(t)
	c := start(t, "burn", nil)
	c.input.Close()
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, c.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	sameAsProc(t, i, c.Process.Pid)
}

// TestWithoutCapabilities: it reads on after every thread has dropped all, or all but what
// it says that it needs.
func TestWithoutCapabilities(t *testing.T) {
	t.Parallel()
	iterator(t) // or there is nothing to test
	if c := start(t, "drop", nil); c.said != "true" {
		t.Error(c.said)
	}
}

// TestCapabilitiesAreTakenUpAgain: the attempt without them leaves no trace.
func TestCapabilitiesAreTakenUpAgain(t *testing.T) {
	t.Parallel()
	i := iterator(t)
	for range 10 {
		if _, err := i.refusedWithoutCapability(); err != nil {
			t.Fatal(err)
		}
	}
	threads, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil {
		t.Fatal(err)
	}
	sets := map[string]bool{}
	for _, thread := range threads {
		status, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended
		}
		_, effective, _ := strings.Cut(string(status), "CapEff:")
		effective, _, _ = strings.Cut(effective, "\n")
		sets[effective] = true
	}
	if len(sets) != 1 {
		t.Errorf("threads differ in their capabilities: %v", sets)
	}
}

// TestPIDNamespace: in one of its own, a reader sees itself only, by its numbers there.
func TestPIDNamespace(t *testing.T) {
	t.Parallel()
	i := iterator(t)
	c := start(t, "list", func(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID} })
	if want := fmt.Sprintf("1/0/0/%d ", processes(t, i)[c.Process.Pid].PIDNS); c.said != want {
		t.Errorf("it sees %q, want %q", c.said, want)
	}
}

// TestAllocations: a pass does not allocate by the number of processes.
func TestAllocations(t *testing.T) { // not parallel: it counts what the whole program allocates
	i := iterator(t)
	n := testing.AllocsPerRun(10, func() {
		if err := i.Read(func(*Task) {}); err != nil {
			t.Error(err)
		}
	})
	if n > 20 {
		t.Errorf("%v allocations in a pass", n)
	}
}

// BenchmarkRead says what a process costs, by the clock and in CPU time.
func BenchmarkRead(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	i := iterator(b)
	tasks := 0
	b.ReportAllocs()
	began := threadTime(b)
	for b.Loop() {
		if err := i.Read(func(*Task) { tasks++ }); err != nil {
			b.Fatal(err)
		}
	}
	used := threadTime(b) - began
	b.ReportMetric(float64(tasks)/float64(b.N), "processes")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(tasks), "ns/process")
	b.ReportMetric(float64(used.Nanoseconds())/float64(tasks), "cpu-ns/process")
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		i, err := New()
		if err != nil {
			b.Skip(err)
		}
		i.Close()
	}
}

// threadTime is the CPU time of the calling thread.
func threadTime(b *testing.B) time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

package processes

import (
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// bootTime is when the fake host was booted.
const bootTime = 1_700_000_000

// fakeProcess is one process of a fake /proc.
type fakeProcess struct {
	pid, ppid int
	start     float64 // seconds after boot
	comm      string
	exe       string // target of the link; "" for a kernel thread
	argv      []string
	uid       int
	cgroup    string
	nsPIDs    string // as in the line NSpid of status; "" for the pid itself
	state     string // default S
	threads   int    // default 1
	used      float64
	children  float64
}

// fakeProc is a procfs made of files.
type fakeProc struct {
	t    testing.TB
	root string
	boot int // btime of /proc/stat

	kernel map[int]taskiter.Task // what the kernel itself lists
	shown  map[string]string     // what put wrote, in tests that write by it alone: it is not written again
}

func newFakeProc(t testing.TB) *fakeProc {
	t.Helper()
	p := &fakeProc{t: t, root: t.TempDir(), boot: bootTime, kernel: map[int]taskiter.Task{}}
	p.setBusy(0)
	return p
}

func (f *fakeProc) write(name, content string) {
	f.t.Helper()
	if f.isShown(name, content) {
		return
	}
	path := filepath.Join(f.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// isShown tells whether a file need not be written again.
func (f *fakeProc) isShown(name, content string) bool {
	if f.shown == nil {
		return false
	}
	before, ok := f.shown[name]
	f.shown[name] = content
	return ok && before == content
}

// setBusy sets the host's user time, in seconds.
func (f *fakeProc) setBusy(seconds float64) {
	ticks := inTicks(seconds)
	f.write("stat", fmt.Sprintf("cpu  %d 0 0 0 0 0 0 0 0 0\ncpu0 %d 0 0 0 0 0 0 0 0 0\ncpu1 0 0 0 0 0 0 0 0 0 0\nbtime %d\n", ticks, ticks, f.boot))
}

// inTicks cuts a time to whole ticks, as the kernel does.
func inTicks(seconds float64) int { return int(seconds*userHz + 1e-6) }

func (f *fakeProc) put(p fakeProcess) {
	f.t.Helper()
	flags := 0x400000
	if p.exe == "" {
		flags = taskiter.FlagKernelThread
	}
	if p.state == "" {
		p.state = "S"
	}
	if p.threads == 0 {
		p.threads = 1
	}
	f.list(p, uint32(flags))
	directory := strconv.Itoa(p.pid)
	f.write(directory+"/stat", fmt.Sprintf("%d (%s) %s %d 0 0 0 -1 %d 0 0 0 0 %d 0 %d 0 20 0 %d 0 %d 4096 10 18446744073709551615"+
		strings.Repeat(" 0", 27)+"\n", p.pid, p.comm, p.state, p.ppid, flags, inTicks(p.used), inTicks(p.children), p.threads, inTicks(p.start)))
	if p.nsPIDs == "" {
		p.nsPIDs = directory
	}
	f.write(directory+"/status", fmt.Sprintf("Name:\t%s\nPid:\t%d\nTgid:\t%d\nNSpid:\t%s\nUid:\t%d\t%d\t%d\t%d\n", p.comm, p.pid, p.pid, p.nsPIDs, p.uid, p.uid, p.uid, p.uid))
	f.write(directory+"/cmdline", strings.Join(append(p.argv, ""), "\x00"))
	if p.cgroup == "" {
		p.cgroup = "/"
	}
	f.write(directory+"/cgroup", "0::"+p.cgroup+"\n")
	if f.isShown(directory+"/exe", p.exe+p.state) {
		return
	}
	link := filepath.Join(f.root, directory, "exe")
	os.Remove(link)
	if p.exe != "" && p.state != "Z" {
		if err := os.Symlink(p.exe, link); err != nil {
			f.t.Fatal(err)
		}
	}
}

// list puts a process into the kernel's list, whatever /proc shows.
func (f *fakeProc) list(p fakeProcess, flags uint32) {
	t := taskiter.Task{
		PID: int32(p.pid), PPID: int32(p.ppid), Flags: flags, Threads: int32(max(1, p.threads)),
		StartTime: uint64(p.start * 1e9), RunTime: uint64(math.Round(p.used * 1e9)), ChildrenTime: uint64(math.Round(p.children * 1e9)),
		UID: uint32(p.uid), RSS: 10 * uint64(os.Getpagesize()), ExecID: 1, MountNS: 1, NetNS: 1, PIDNS: 1,
	}
	copy(t.Comm[:15], p.comm)
	if p.exe != "" {
		t.ExeDevice, t.ExeInode, t.ExeLinks = 1, uint64(crc32.ChecksumIEEE([]byte(p.exe))), 1
	}
	if p.nsPIDs != "" && p.nsPIDs != strconv.Itoa(p.pid) {
		t.PIDNS = 2
	}
	t.Cgroups = uint64(crc32.ChecksumIEEE([]byte(p.cgroup)))
	if p.state == "Z" {
		t.ExitState = taskiter.ExitZombie
		t.ExeDevice, t.ExeInode, t.ExeLinks = 0, 0, 0
	}
	f.kernel[p.pid] = t
}

// tasks is the kernel's iterator.
func (f *fakeProc) tasks(each func(*taskiter.Task)) error {
	for _, pid := range slices.Sorted(maps.Keys(f.kernel)) {
		t := f.kernel[pid]
		each(&t)
	}
	return nil
}

func (f *fakeProc) remove(pid int) {
	f.t.Helper()
	delete(f.kernel, pid)
	for _, name := range []string{"stat", "status", "cmdline", "cgroup", "exe"} {
		delete(f.shown, strconv.Itoa(pid)+"/"+name)
	}
	if err := os.RemoveAll(filepath.Join(f.root, strconv.Itoa(pid))); err != nil {
		f.t.Fatal(err)
	}
}

// program writes an executable's content below /tmp and returns its path.
func program(t testing.TB, name, content string) string {
	t.Helper()
	directory, err := os.MkdirTemp("/tmp", "proctable-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	path := filepath.Join(directory, name)
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func (f *fakeProc) sensor() *Sensor {
	f.t.Helper()
	sensor, err := New(Options{
		Proc: f.root, Logger: log.NewNopLogger(),
		UserName: func(uid uint32) string { return "user" + strconv.Itoa(int(uid)) },
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return sensor
}

// after is a time in seconds since the boot of the fake host.
func after(seconds float64) time.Time {
	return time.Unix(bootTime, 0).Add(time.Duration(seconds * float64(time.Second)))
}

// sampleAt samples and returns the snapshot.
func sampleAt(t testing.TB, s *Sensor, seconds float64) *model.ProcessSnapshot {
	t.Helper()
	if err := s.Sample(t.Context(), after(seconds)); err != nil {
		t.Fatal(err)
	}
	return s.Snapshot()
}

func processOf(t testing.TB, s *model.ProcessSnapshot, pid int) model.Process {
	t.Helper()
	for _, p := range s.Processes {
		if p.PID == pid {
			return *p
		}
	}
	t.Fatalf("pid %d is not in the snapshot", pid)
	return model.Process{}
}

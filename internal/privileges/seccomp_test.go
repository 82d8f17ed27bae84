//go:build amd64 || arm64 || riscv64

package privileges

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attempt is something that a program that was taken over would try.
type attempt struct {
	name string
	try  func() error
	want error // nil: it must go on working
}

// attempts are real ones, most of which anybody may do: it is the filter that refuses them. directory is writable and holds
// a file.
func attempts(directory string) []attempt {
	file := filepath.Join(directory, "file")
	call := func(number uintptr, arguments ...uintptr) func() error {
		return func() error {
			var all [6]uintptr
			copy(all[:], arguments)
			if _, _, errno := unix.Syscall6(number, all[0], all[1], all[2], all[3], all[4], all[5]); errno != 0 {
				return errno
			}
			return nil
		}
	}
	open := func(name string, flags int) func() error {
		return func() error {
			fd, err := unix.Open(name, flags, 0o600)
			if err == nil {
				err = unix.Close(fd)
			}
			return err
		}
	}
	socket := func(family int) func() error {
		return func() error {
			fd, err := unix.Socket(family, unix.SOCK_DGRAM, 0)
			if err == nil {
				err = unix.Close(fd)
			}
			return err
		}
	}
	mapped := func(protection int) func() error {
		return func() error {
			memory, err := unix.Mmap(-1, 0, os.Getpagesize(), protection, unix.MAP_PRIVATE|unix.MAP_ANON)
			if err == nil {
				err = unix.Munmap(memory)
			}
			return err
		}
	}
	parent := os.Getppid()
	return []attempt{
		{"run a program", func() error { return unix.Exec("/bin/true", []string{"true"}, nil) }, unix.EPERM},
		{"fork", call(unix.SYS_CLONE, uintptr(unix.SIGCHLD)), unix.EPERM},
		{"fork in a namespace", call(unix.SYS_CLONE, unix.CLONE_NEWUSER|uintptr(unix.SIGCHLD)), unix.EPERM},
		{"clone3", call(unix.SYS_CLONE3), unix.ENOSYS},
		{"open for writing", open(file, unix.O_WRONLY), unix.EPERM},
		{"open for reading and writing", open(file, unix.O_RDWR), unix.EPERM},
		{"truncate while opening", open(file, unix.O_RDONLY|unix.O_TRUNC), unix.EPERM},
		{"make a file", open(filepath.Join(directory, "new"), unix.O_RDONLY|unix.O_CREAT), unix.EPERM},
		{"make a file without a name", open(directory, unix.O_TMPFILE|unix.O_WRONLY), unix.EPERM},
		{"remove", func() error { return unix.Unlink(file) }, unix.EPERM},
		{"rename", func() error { return unix.Rename(file, file+"2") }, unix.EPERM},
		{"link", func() error { return unix.Link(file, file+"3") }, unix.EPERM},
		{"make a directory", func() error { return unix.Mkdir(file+"4", 0o700) }, unix.EPERM},
		{"make a device", func() error { return unix.Mknod(file+"5", unix.S_IFIFO|0o600, 0) }, unix.EPERM},
		{"change a mode", func() error { return unix.Chmod(file, 0o777) }, unix.EPERM},
		{"change an owner", func() error { return unix.Chown(file, os.Getuid(), os.Getgid()) }, unix.EPERM},
		{"trace", call(unix.SYS_PTRACE, unix.PTRACE_TRACEME), unix.EPERM},
		{"signal another", func() error { return unix.Kill(parent, unix.SIGCONT) }, unix.EPERM},
		{"signal a thread of another", func() error { return unix.Tgkill(parent, parent, unix.SIGCONT) }, unix.EPERM},
		{"AF_PACKET", socket(unix.AF_PACKET), unix.EPERM},
		{"AF_ALG", socket(unix.AF_ALG), unix.EPERM},
		{"AF_VSOCK", socket(unix.AF_VSOCK), unix.EPERM},
		{"memory to run", mapped(unix.PROT_READ | unix.PROT_EXEC), unix.EPERM},
		{"memory to write and run", mapped(unix.PROT_WRITE | unix.PROT_EXEC), unix.EPERM},
		{"a new user namespace", func() error { return unix.Unshare(unix.CLONE_NEWUSER) }, unix.EPERM},
		{"a BPF program", call(unix.SYS_BPF, 5), unix.EPERM}, // BPF_PROG_LOAD
		{"be dumpable again", func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) }, unix.EPERM},
		{"type into a terminal", call(unix.SYS_IOCTL, 0, unix.TIOCSTI), unix.EPERM},
		{"limits of another", call(unix.SYS_PRLIMIT64, uintptr(parent)), unix.EPERM},
		{"a newer system call", call(newest + 1), unix.ENOSYS},
		{"a system call of x32", call(0x40000000), unix.ENOSYS},

		{"read a file", open(file, unix.O_RDONLY), nil},
		{"ask whether a process is there", func() error { return unix.Kill(parent, 0) }, nil},
		{"AF_INET", socket(unix.AF_INET), nil},
		{"AF_UNIX", socket(unix.AF_UNIX), nil},
		{"AF_NETLINK", socket(unix.AF_NETLINK), nil},
		{"memory to write", mapped(unix.PROT_READ | unix.PROT_WRITE), nil},
		{"a thread", newThread, nil},
	}
}

// newThread makes threads until one does not exist yet.
func newThread() error {
	var made []chan int
	stop := make(chan struct{})
	defer close(stop)
	for range 20 {
		answer := make(chan int)
		made = append(made, answer)
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			answer <- unix.Gettid()
			<-stop
		}()
	}
	threads := map[int]bool{}
	for _, answer := range made {
		threads[<-answer] = true
	}
	if len(threads) != 20 {
		return fmt.Errorf("%d threads of 20", len(threads))
	}
	return nil
}

// tryEverything filters, and tries each thing and each system call of the list, in a thread that was there before and in a new one.
func tryEverything(directory string) error {
	before, filtered := make(chan struct{}), make(chan struct{})
	old, fresh := make(chan []string), make(chan []string)
	try := func(report chan<- []string) {
		var wrong []string
		for _, a := range attempts(directory) {
			if err := a.try(); !errors.Is(err, a.want) || a.want == nil && err != nil {
				wrong = append(wrong, fmt.Sprintf("%s: %v, want %v", a.name, err, a.want))
			}
		}
		for _, r := range refusedRules() {
			// None of them gets as far as to look at what it is given.
			const nonsense = ^uintptr(0)
			want := unix.EPERM
			if r.errno != 0 {
				want = r.errno
			}
			if _, _, errno := unix.Syscall6(uintptr(r.call), nonsense, nonsense, nonsense, nonsense, nonsense, nonsense); errno != want {
				wrong = append(wrong, fmt.Sprintf("system call %d: %v, want %v", r.call, errno, want))
			}
		}
		report <- wrong
	}
	go func() {
		runtime.LockOSThread()
		close(before)
		<-filtered
		try(old)
	}()
	<-before
	if err := Filter(unix.AF_INET, unix.AF_INET6, unix.AF_UNIX, unix.AF_NETLINK); err != nil {
		return err
	}
	close(filtered)
	go func() {
		runtime.LockOSThread()
		try(fresh)
	}()
	for _, wrong := range append(<-old, <-fresh...) {
		fmt.Println("wrong", wrong)
	}
	fmt.Println("tried", len(attempts(directory))+len(refusedRules()))
	return nil
}

// TestFilter: what would change anything is refused, in every thread, and all else goes on.
func TestFilter(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	write(t, filepath.Join(directory, "file"), "content")
	told := play(t, "filter", "DIRECTORY="+directory)
	for _, wrong := range told["wrong"] {
		t.Error(wrong)
	}
	if len(told["tried"]) != 1 {
		t.Errorf("it did not come to an end: %v", told)
	}
	left, err := os.ReadDir(directory)
	if err != nil || len(left) != 1 || left[0].Name() != "file" {
		t.Errorf("%v is left, %v", left, err)
	}
}

// TestAssembled: no rule is longer than a jump reaches, and no system call has two.
func TestAssembled(t *testing.T) {
	t.Parallel()
	seen := map[uint32]bool{}
	rules := append(argumentRules(1, []uint32{unix.AF_INET}), refusedRules()...)
	for _, r := range rules {
		if seen[r.call] || r.call > newest || 3*len(r.tests)+1 > 255 {
			t.Errorf("system call %d has two rules, too long a one, or is newer than what is known", r.call)
		}
		seen[r.call] = true
	}
	if size := len(assemble(rules)); size > 4096 { // BPF_MAXINSNS of linux/bpf_common.h
		t.Errorf("%d instructions", size)
	}
	if size := unsafe.Sizeof(unix.SockFilter{}); size != 8 {
		t.Errorf("an instruction has %d bytes", size)
	}
}

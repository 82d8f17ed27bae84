//go:build amd64 || arm64 || riscv64

package privileges

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Filter has the kernel refuse, in every thread and for good, the system calls by which this program would change anything
// outside of itself (seccomp(2)): starting programs and processes, tracing and signalling others, opening for
// writing, making, renaming and removing files, mounts, namespaces, modules, BPF programs, new executable memory, and sockets of other
// families than those that are given. They fail with EPERM, and the kernel's audit log tells it if it is on. What
// this list cannot know, because it is newer, fails with ENOSYS as on an older kernel.
//
// It is a list of what is refused, not of what is allowed: what Go's runtime calls changes from one release to the next, and a
// call that it needs and does not get ends the program. openat2(2) cannot be looked into, and every read of a hostile file
// goes through it: what it may not write is up to the user that this program runs as.
func Filter(families ...uint32) error {
	program := assemble(append(argumentRules(uint32(os.Getpid()), families), refusedRules()...))
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	for _, flags := range []uintptr{
		// It runs nobody's code, so that it needs no guard against speculation, which slows down before Linux 5.16.
		unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_LOG | unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		unix.SECCOMP_FILTER_FLAG_TSYNC, // before Linux 4.17
	} {
		thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&filter)))
		switch {
		case errno == 0 && thread != 0:
			return fmt.Errorf("filter system calls: thread %d has a filter of its own", thread)
		case errno == 0:
			return nil
		case !errors.Is(errno, unix.EINVAL):
			return fmt.Errorf("filter system calls: %w", errno)
		}
	}
	return fmt.Errorf("filter system calls: %w", unix.EINVAL)
}

// newest is the last system call that the rules know.
const newest = unix.SYS_SET_MEMPOLICY_HOME_NODE

// rule is about one system call. It is refused if a test is true or, with unless, if none is.
type rule struct {
	call   uint32
	unless bool
	tests  []test // none: always refused
	errno  unix.Errno
}

// test is about the lower half of an argument: all that the kernel looks at in these.
type test struct {
	argument uint32
	anyBit   bool // of value is set; else the argument equals it
	value    uint32
}

// argumentRules are about system calls that are used, but not with every argument.
func argumentRules(self uint32, families []uint32) []rule {
	equals := func(argument uint32, values ...uint32) (tests []test) {
		for _, value := range values {
			tests = append(tests, test{argument: argument, value: value})
		}
		return tests
	}
	anyOf := func(argument, bits uint32) []test { return []test{{argument: argument, anyBit: true, value: bits}} }
	const (
		writing   = unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC | unix.O_APPEND | (unix.O_TMPFILE &^ unix.O_DIRECTORY)
		iterate   = 33 // BPF_ITER_CREATE of bpf(2)
		lookUp    = 1  // BPF_MAP_LOOKUP_ELEM
		update    = 2  // BPF_MAP_UPDATE_ELEM, of programs that are known
		remove    = 3  // BPF_MAP_DELETE_ELEM
		describe  = 15 // BPF_OBJ_GET_INFO_BY_FD, of what was lost
		ptracer   = unix.PR_SET_PTRACER
		noCheck   = 0 // the signal that only asks whether a process is there
		typeInput = unix.TIOCSTI
	)
	rules := []rule{
		{call: unix.SYS_OPENAT, tests: anyOf(2, writing)},
		{call: unix.SYS_CLONE, unless: true, tests: anyOf(0, unix.CLONE_THREAD)},
		{call: unix.SYS_MMAP, tests: anyOf(2, unix.PROT_EXEC)},
		{call: unix.SYS_MPROTECT, tests: anyOf(2, unix.PROT_EXEC)},
		{call: unix.SYS_PKEY_MPROTECT, tests: anyOf(2, unix.PROT_EXEC)},
		{call: unix.SYS_SOCKET, unless: true, tests: equals(0, families...)},
		{call: unix.SYS_SOCKETPAIR, unless: true, tests: equals(0, families...)},
		{call: unix.SYS_BPF, unless: true, tests: equals(0, iterate, lookUp, update, remove, describe)},
		{call: unix.SYS_KILL, unless: true, tests: append(equals(0, self), equals(1, noCheck)...)},
		{call: unix.SYS_TGKILL, unless: true, tests: equals(0, self)}, // how Go's runtime interrupts its threads
		{call: unix.SYS_PRLIMIT64, unless: true, tests: equals(0, 0, self)},
		{call: unix.SYS_PRCTL, tests: equals(0, unix.PR_SET_DUMPABLE, ptracer, unix.PR_SET_MM)},
		{call: unix.SYS_IOCTL, tests: equals(1, typeInput, unix.TIOCLINUX)},
	}
	if legacyOpen != 0 {
		rules = append(rules, rule{call: legacyOpen, tests: anyOf(1, writing)})
	}
	return rules
}

// refusedRules are about system calls that are never used.
func refusedRules() []rule {
	// Its flags lie in memory, where a filter cannot look. Go's runtime does without.
	rules := []rule{{call: unix.SYS_CLONE3, errno: unix.ENOSYS}}
	for _, calls := range [][]uint32{refused(), refusedLegacy()} {
		for _, call := range calls {
			rules = append(rules, rule{call: call})
		}
	}
	return rules
}

// refused are the system calls that every architecture has.
func refused() []uint32 {
	return []uint32{
		// programs and other processes
		unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_GETFD,
		unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_TKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO, unix.SYS_PROCESS_MADVISE,
		unix.SYS_PROCESS_MRELEASE, unix.SYS_MIGRATE_PAGES, unix.SYS_MOVE_PAGES, unix.SYS_KCMP,
		// who it is
		unix.SYS_SETUID, unix.SYS_SETGID, unix.SYS_SETREUID, unix.SYS_SETREGID, unix.SYS_SETRESUID, unix.SYS_SETRESGID, unix.SYS_SETFSUID,
		unix.SYS_SETFSGID, unix.SYS_SETGROUPS, unix.SYS_PERSONALITY,
		// files
		unix.SYS_UNLINKAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT, unix.SYS_SYMLINKAT, unix.SYS_MKDIRAT, unix.SYS_MKNODAT,
		unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT, unix.SYS_TRUNCATE, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE,
		unix.SYS_UTIMENSAT, unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_FSETXATTR, unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR,
		unix.SYS_FREMOVEXATTR, unix.SYS_COPY_FILE_RANGE, unix.SYS_MEMFD_CREATE, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_NAME_TO_HANDLE_AT,
		unix.SYS_FANOTIFY_INIT, unix.SYS_FANOTIFY_MARK, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD, unix.SYS_ACCT,
		// mounts and namespaces
		unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN,
		unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR, unix.SYS_SETNS, unix.SYS_UNSHARE,
		// the kernel
		unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_REBOOT, unix.SYS_SWAPON,
		unix.SYS_SWAPOFF, unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX, unix.SYS_SETHOSTNAME,
		unix.SYS_SETDOMAINNAME, unix.SYS_SYSLOG, unix.SYS_VHANGUP, unix.SYS_NFSSERVCTL, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,
		unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
		unix.SYS_KEYCTL, unix.SYS_KEXEC_FILE_LOAD,
		// memory and messages shared with others
		unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SHMCTL, unix.SYS_SEMGET, unix.SYS_MSGGET, unix.SYS_MQ_OPEN, unix.SYS_MQ_UNLINK,
	}
}

// The fields of struct seccomp_data (linux/seccomp.h).
const (
	offsetCall      = 0
	offsetArch      = 4
	offsetArguments = 16 // 8 bytes each, the lower half first: all architectures here are little-endian
)

// assemble makes the filter, in classic BPF. A rule is one comparison with what follows if it is true, so that no jump is far.
func assemble(rules []rule) []unix.SockFilter {
	const (
		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		above  = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K
		anyBit = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	)
	allow := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}
	refuse := func(errno unix.Errno) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)}
	}
	program := []unix.SockFilter{
		{Code: load, K: offsetArch},
		{Code: equal, K: auditArch, Jt: 1},
		refuse(unix.EPERM), // the same numbers mean something else there
		{Code: load, K: offsetCall},
		{Code: above, K: newest, Jf: 1}, // those of x32 too, which have a bit of their own
		refuse(unix.ENOSYS),
	}
	for _, r := range rules {
		refused := refuse(unix.EPERM)
		if r.errno != 0 {
			refused = refuse(r.errno)
		}
		then, otherwise := refused, allow
		if r.unless {
			then, otherwise = allow, refused
		}
		var body []unix.SockFilter
		for _, t := range r.tests {
			compare := unix.SockFilter{Code: equal, K: t.value, Jf: 1}
			if t.anyBit {
				compare.Code = anyBit
			}
			body = append(body, unix.SockFilter{Code: load, K: offsetArguments + 8*t.argument}, compare, then)
		}
		if len(r.tests) == 0 {
			otherwise = refused
		}
		body = append(body, otherwise)
		program = append(program, unix.SockFilter{Code: equal, K: r.call, Jf: uint8(len(body))})
		program = append(program, body...)
	}
	return append(program, allow)
}

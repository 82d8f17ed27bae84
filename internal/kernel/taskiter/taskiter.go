// Package taskiter lists all processes in one read: a BPF iterator (iter/task, Linux 5.8
// with BTF) that the kernel runs over its own table of tasks. It costs about a microsecond a
// task where /proc costs a dozen, counts run times in nanoseconds, and shows what is hidden
// in /proc, whatever the trick.
package taskiter

import (
	"errors"
	"fmt"
	"math/bits"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -target bpfel -cc clang -no-global-types -type process -type head tasks tasks.bpf.c -- -O2 -Wall -Wextra -Werror

// Iterator reads the kernel's table of tasks. It is used by one goroutine at a time.
type Iterator struct {
	link            *link.Iter
	needsCapability bool
	pass            *pass
}

// New loads the program and attaches it, which takes CAP_BPF and CAP_PERFMON, Linux 5.8 and the kernel's BTF. The
// error says what to give.
func New() (*Iterator, error) {
	if bits.UintSize != 64 {
		return nil, errors.New("the kernel's table of tasks cannot be read by a 32-bit program; use the exporter for 64 bits if the kernel has them")
	}
	attached, err := attach()
	if err != nil {
		return nil, explain(err)
	}
	i := &Iterator{link: attached, pass: newPass(os.Getpagesize())}
	if i.needsCapability, err = i.refusedWithoutCapability(); err != nil {
		return nil, errors.Join(err, attached.Close())
	}
	return i, nil
}

// attach returns the link, which keeps the program in the kernel.
func attach() (*link.Iter, error) {
	var objects tasksObjects
	err := loadTasksObjects(&objects, nil)
	if errors.Is(err, unix.EPERM) && rlimit.RemoveMemlock() == nil {
		// Before 5.11 programs counted as locked memory.
		err = loadTasksObjects(&objects, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	attached, err := link.AttachIter(link.IterOptions{Program: objects.ListTasks})
	if err = errors.Join(err, objects.Close()); err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	return attached, nil
}

func explain(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("the kernel's table of tasks cannot be read; give CAP_BPF and CAP_PERFMON, allow bpf(2), and no lockdown for confidentiality: %w", err)
	case errors.Is(err, ebpf.ErrNotSupported), errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("the kernel's table of tasks cannot be read; that takes Linux 5.8 with BTF (CONFIG_DEBUG_INFO_BTF, /sys/kernel/btf/vmlinux): %w", err)
	default:
		return fmt.Errorf("the kernel's table of tasks cannot be read: %w", err)
	}
}

// NeedsCapability tells whether Read needs CAP_BPF for good: kernels before 5.19 refuse
// bpf(2) without it where kernel.unprivileged_bpf_disabled is set.
func (i *Iterator) NeedsCapability() bool { return i.needsCapability }

// Read lists all processes of the reader's pid namespace once, each with all its threads
// added. A process that begins during the pass may be missing. What each is given is valid
// until it returns; each must not call Read. On error, some processes may have been given.
func (i *Iterator) Read(each func(*Task)) error {
	tasks, err := i.link.Open()
	if err != nil {
		return fmt.Errorf("start a pass over the kernel's tasks: %w", err)
	}
	defer tasks.Close()
	return i.pass.read(tasks, each)
}

// Close ends it; the kernel removes the program.
func (i *Iterator) Close() error { return i.link.Close() }

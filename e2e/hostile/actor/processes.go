package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// own is the program of this process.
const own = "/proc/self/exe"

// zombies starts children that end, and waits for none.
func zombies(number int, _ []string) error {
	for range number {
		if _, err := syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{}); err != nil {
			return err
		}
	}
	return nil
}

// bomb starts a process that starts further ones, until there is no room for more.
func bomb(int, []string) error {
	for {
		switch err := another(); {
		case errors.Is(err, syscall.EAGAIN):
			return nil
		case err != nil:
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// splinter goes on with it for ever.
func splinter(int, []string) error {
	for {
		_ = another() // there is no room, mostly
		time.Sleep(50 * time.Millisecond)
	}
}

func another() error {
	_, err := syscall.ForkExec(own, []string{"actor", "splinter"}, &syscall.ProcAttr{})
	return err
}

// headless ends the main thread while another one burns: the process goes on without one.
func headless(int, []string) error {
	go func() {
		runtime.LockOSThread()
		time.Sleep(100 * time.Millisecond)
		ready()
		burn(time.Now().Add(limit))
	}()
	_, _, _ = unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0) // of this thread alone
	return errors.New("the thread did not end")
}

// burns uses this share of a core, in percent.
func burns(percent int, _ []string) error {
	ready()
	for {
		burn(time.Now().Add(time.Duration(percent) * time.Millisecond))
		time.Sleep(time.Duration(100-percent) * time.Millisecond)
	}
}

func burn(until time.Time) {
	for count := 0; time.Now().Before(until); count++ {
		_ = count * count
	}
}

// threads starts so many threads that wait.
func threads(number int, _ []string) error {
	debug.SetMaxThreads(number + 100)
	started := make(chan struct{})
	for range number {
		go func() {
			runtime.LockOSThread()
			started <- struct{}{}
			nap()
		}()
		<-started
	}
	return nil
}

// nap keeps the thread in the kernel.
func nap() {
	for {
		_, _ = unix.Ppoll(nil, nil, nil)
	}
}

// vfork waits, uninterruptibly, for a child that shares this process' fate and does nothing (vfork(2)).
func vfork(int, []string) error {
	ready()
	child, _, code := unix.RawSyscall6(unix.SYS_CLONE, unix.CLONE_VFORK|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if code != 0 {
		return code
	}
	if child == 0 {
		for {
			_, _, _ = unix.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
		}
	}
	return errors.New("the child has ended")
}

// traced starts a child that stops at its first instruction and stays so, since its tracer
// does nothing about it (ptrace(2)).
func traced(_ int, arguments []string) error {
	_, err := syscall.ForkExec(arguments[0], arguments, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL}})
	return err
}

// renames gives this process other names as fast as it can: its comm, and its title, which is
// written over its arguments.
func renames(int, []string) error {
	title := unsafe.Slice(unsafe.StringData(os.Args[0]), len(os.Args[0]))
	ready()
	for i := 0; ; i++ {
		name := []byte(strconv.Itoa(i*7919) + "\xff\n\x00")
		if err := unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0); err != nil {
			return err
		}
		copy(title, name)
		if i%1000 == 0 {
			time.Sleep(50 * time.Millisecond) // it need not take a core
		}
	}
}

// execs goes on as the other of two programs again and again, in one process.
func execs(number int, names []string) error {
	if number == 0 {
		ready()
	}
	time.Sleep(2 * time.Millisecond)
	next := names[1+(number+1)%2]
	return syscall.Exec(next, []string{next, "execs", strconv.Itoa(number + 1), names[1], names[2]}, os.Environ())
}

// forks goes on in a new process so many times, each of which begins a session and ends.
func forks(number int, _ []string) error {
	if number == 0 {
		ready()
		return burns(20, nil)
	}
	_, err := syscall.ForkExec(own, []string{os.Args[0], "forks", strconv.Itoa(number - 1)}, &syscall.ProcAttr{
		Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err == nil {
		os.Exit(0)
	}
	return fmt.Errorf("%d are left: %w", number, err)
}

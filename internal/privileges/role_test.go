package privileges

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// role says what a child of a test does. What it gives up is gone for good, so a test cannot do it itself.
const role = "PRIVILEGES_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "drop":
		printStatus(Drop(), "")
	case "become":
		user, err := Become("nobody-has-this-name", os.Getenv("ROOT"), "/proc", ParentDeathSignal())
		if err == nil {
			err = Drop()
		}
		printStatus(err, fmt.Sprint(user.UID, " ", user.GID))
		openForWriting()
	case "take up":
		held := cap.GetProc()
		err := errors.Join(held.ClearFlag(cap.Effective), held.SetProc())
		before := inForce()
		printStatus(errors.Join(err, TakeUp()), fmt.Sprint(before))
	case "filter":
		err := Drop()
		if err == nil {
			err = tryEverything(os.Getenv("DIRECTORY"))
		}
		if err != nil {
			fmt.Println("error", err)
		}
	}
}

// inForce counts the effective capabilities.
func inForce() int {
	count := 0
	for capability := range cap.MaxBits() {
		if has, err := cap.GetProc().GetFlag(cap.Effective, capability); err != nil || has {
			count++
		}
	}
	return count
}

// openForWriting tries what root's files and knobs would be good for, by the one system call that a filter cannot look into.
func openForWriting() {
	for _, name := range []string{
		"/etc/passwd", "/proc/1/mem", "/proc/self/mem", "/proc/1/oom_score_adj", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe",
		"/sys/kernel/mm/transparent_hugepage/enabled", "/dev/mem", "/dev/kmsg",
	} {
		fd, err := unix.Openat2(unix.AT_FDCWD, name, &unix.OpenHow{Flags: unix.O_WRONLY | unix.O_CLOEXEC})
		if err == nil {
			fmt.Println("writable", name)
			_ = unix.Close(fd)
		}
	}
	fmt.Println("tried", "openat2")
}

// printStatus writes, for the parent, what the kernel says of each thread.
func printStatus(err error, said string) {
	if err != nil {
		fmt.Println("error", err)
	}
	fmt.Println("said", said)
	threads, _ := filepath.Glob("/proc/self/task/*/status")
	for _, thread := range threads {
		status, _ := os.ReadFile(thread)
		for line := range strings.Lines(string(status)) {
			if name, value, found := strings.Cut(line, ":"); found {
				fmt.Println(name, strings.Join(strings.Fields(value), " "))
			}
		}
	}
	limits, _ := os.ReadFile("/proc/self/limits")
	for line := range strings.Lines(string(limits)) {
		if rest, ok := strings.CutPrefix(line, "Max core file size"); ok {
			fmt.Println("core", strings.Join(strings.Fields(rest), " "))
		}
	}
	fmt.Println("parent", ParentDeathSignal())
	if dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err == nil {
		fmt.Println("dumpable", dumpable)
	}
}

// play runs a child with a role, and returns each thing it told, with its values.
func play(t *testing.T, name string, environment ...string) map[string][]string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(self)
	command.Env = append(append(os.Environ(), role+"="+name), environment...)
	command.Stderr = os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	told := map[string][]string{}
	for scanner := bufio.NewScanner(bytes.NewReader(output)); scanner.Scan(); {
		what, value, _ := strings.Cut(scanner.Text(), " ")
		told[what] = append(told[what], value)
	}
	if told["error"] != nil {
		t.Fatal(told["error"])
	}
	return told
}

// expect compares what every thread told.
func expect(t *testing.T, told map[string][]string, want map[string]string) {
	t.Helper()
	for what, value := range want {
		if len(told[what]) == 0 {
			t.Errorf("%s is not told", what)
		}
		for _, got := range told[what] {
			if got != value {
				t.Errorf("%s is %q, want %q", what, got, value)
			}
		}
	}
}
